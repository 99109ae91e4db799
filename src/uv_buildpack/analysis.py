"""Everything that a build decides before it does anything, and everything that can be wrong by then.

Decisions are stored with the venv layer. While the files and settings they came from are equal byte for byte, they are
recalled: nothing is parsed, and the lock gate that was passed then counts.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uv_buildpack import catalogue, gate, python_request, selection
from uv_buildpack.configuration import PROJECT_DIR, Configuration, read_configuration
from uv_buildpack.errors import (
    Collector,
    EnvironmentLinkOccupied,
    LayersDirectoryNotWritable,
    LockfileOutdated,
    Problem,
    TargetUnsupported,
)
from uv_buildpack.inference import AppFacts
from uv_buildpack.layers import uv as uv_layer
from uv_buildpack.layers import venv, venv_project
from uv_buildpack.lockfile import Lock, LockedPackage, read_lock
from uv_buildpack.project import Project, Pyproject, python_version_file, read_project, read_pyproject, workspace_members
from uv_buildpack.uv import BUILD_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cnb.context import BuildContext, Target
    from uv_buildpack.catalogue import CPythonBuild
    from uv_buildpack.layers.uv import UvRequest
    from uv_buildpack.layers.venv_project import LocalPackage
    from uv_buildpack.python_request import PythonRequest

ARCHITECTURES = ("amd64", "arm64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which layers a later buildpack asked for at build (`requires` with `metadata.build = true`)."""

    python: bool
    uv: bool
    venv: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What follows from the files and settings, apart from the state of layers."""

    python: CPythonBuild
    python_reason: str
    choice: selection.Choice
    packages: Mapping[str, str]
    """Third-party packages: name → identity."""
    sdists: tuple[str, ...]
    """Names of third-party packages that have to be built from source."""
    local: tuple[LocalPackage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The whole of what was decided."""

    configuration: Configuration
    project: Project
    asked: Asked
    uv_request: UvRequest | None
    decisions: Decisions
    recalled: bool
    """Whether the decisions are those of the previous build, whose lock gate was passed with these very files."""
    inputs: str
    """Digest of the files and settings behind the decisions."""
    pyprojects: Mapping[str, Pyproject]
    """Of the local packages, by name."""

    @property
    def versions(self) -> dict[str, str]:
        """Give name → version of third-party packages."""
        return {name: identity.partition(" ")[0] for name, identity in self.decisions.packages.items()}

    def sync_arguments(self) -> list[str]:
        """Give the choice as arguments of `uv sync`; without `--package` uv installs the project, or all members."""
        configuration = self.configuration
        packages = [word for name in configuration.packages for word in ("--package", name)]
        extras = ["--all-extras"] if "*" in configuration.extras else []
        extras += [word for name in configuration.extras if name != "*" for word in ("--extra", name)]
        return packages + extras + [word for name in self.decisions.choice.groups for word in ("--group", name)]

    def app_facts(self) -> AppFacts:
        """Give what the inference of processes goes by: the project, or the one member that is installed."""
        chosen = [self.pyprojects[name] for name in self.configuration.packages if name in self.pyprojects]
        pyproject = chosen[0] if len(chosen) == 1 else self.project.pyproject
        choice = self.decisions.choice
        return AppFacts(
            project_dir=pyproject.directory,
            direct_dependencies=frozenset(gate.direct_dependencies(pyproject, choice.extras, choice.groups)),
            installed=self.versions,
            packaged=pyproject.is_package(),
            pyproject=pyproject.document,
        )


def analyse(context: BuildContext) -> Analysis:
    """Read everything and decide. Raises `Problems` with all that is wrong."""
    collector = Collector()
    with collector.collecting():
        _check_surroundings(context)
    project: Project | None = None
    with collector.collecting():
        project = read_project(context.app_dir, context.environment.get(PROJECT_DIR, "").strip() or ".")
    table = project.pyproject.table("tool", "uv-buildpack") if project else {}
    configuration = Configuration()
    with collector.collecting():
        configuration = read_configuration(context.environment, table, context.app_dir)
    if project is None:
        collector.raise_if_any()
        raise AssertionError  # an unreadable project is a problem
    request: UvRequest | None = None
    with collector.collecting():
        request = _uv_request(configuration, project)
    requests: tuple[PythonRequest, ...] = ()
    with collector.collecting():
        requests = _python_requests(context, configuration, project)
    with collector.collecting():
        _check_link(context, configuration)
    analysis = _recall(context, configuration, project, request)
    if analysis is None or collector.problems:
        analysis = _work_out(context, configuration, project, request, requests, collector)
    return analysis


def target_text(target: Target) -> str:
    """Give the target as keys have it, with the C library: wheels and interpreters depend on it."""
    parts = (target.os, target.arch, target.arch_variant, libc(), target.distro_name, target.distro_version)
    return " ".join(part for part in parts if part)


def libc() -> str:
    """Tell the C library of the build image, which is that of the run image: `gnu` or `musl`."""
    return "musl" if any(Path("/lib").glob("ld-musl-*")) else "gnu"


def build_environment(environment: Mapping[str, str], decisions: Decisions) -> str:
    """Give the digest of what reaches build backends; empty when nothing is built from source."""
    if not decisions.sdists and not decisions.local:
        return ""
    passing = {name: value for name, value in environment.items() if BUILD_VARIABLES.fullmatch(name)}
    return hashlib.sha256(json.dumps(passing, sort_keys=True).encode()).hexdigest() if passing else ""


def decisions_text(decisions: Decisions) -> str:
    """Write decisions as layer metadata has them. Packages are in the layer's key."""
    document = asdict(decisions)
    del document["packages"]
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _check_surroundings(context: BuildContext) -> None:
    if context.target.os != "linux" or context.target.arch not in ARCHITECTURES:
        raise TargetUnsupported(context.target.os, context.target.arch)
    if not os.access(context.layers_dir, os.W_OK | os.X_OK):
        reason = "Permission denied" if context.layers_dir.is_dir() else "No such directory"
        raise LayersDirectoryNotWritable(str(context.layers_dir), reason)


def _check_link(context: BuildContext, configuration: Configuration) -> None:
    link = configuration.environment_link
    if link is not None and os.path.lexists(context.app_dir / link):
        raise EnvironmentLinkOccupied(link)


def _uv_request(configuration: Configuration, project: Project) -> UvRequest | None:
    if configuration.uv_version is not None:
        return uv_layer.read_request(configuration.uv_version, "BP_UV_VERSION")
    required = project.root.uv.get("required-version")
    return uv_layer.read_request(
        required if isinstance(required, str) else None, f"required-version in {project.root.shown}"
    )


def _python_requests(
    context: BuildContext, configuration: Configuration, project: Project
) -> tuple[PythonRequest, ...]:
    """Give all requests in order of preference; those of other buildpacks come before `requires-python`."""
    collector = Collector()
    requests: list[PythonRequest] = []
    with collector.collecting():
        if configuration.python_version is not None:
            requests.append(python_request.parse(configuration.python_version, "BP_PYTHON_VERSION"))
    with collector.collecting():
        path = python_version_file(project)
        if path is not None:
            requests.append(python_request.read_file(path, project.shown(path)))
    with collector.collecting():
        for entry in context.plan:
            version = entry.metadata.get("version")
            if entry.name == "python" and isinstance(version, str) and version:
                requests.append(python_request.parse(version, "the build plan"))
    collector.raise_if_any()
    return tuple(requests)


def _recall(
    context: BuildContext, configuration: Configuration, project: Project, request: UvRequest | None
) -> Analysis | None:
    restored = context.restored.get(venv.NAME)
    if restored is None:
        return None
    try:
        decisions = _read_decisions(restored.metadata)
        pyprojects = _pyprojects(project, {package.name: package.path for package in decisions.local})
    except (KeyError, TypeError, ValueError, Problem):
        return None
    inputs = _inputs(context, configuration, project, pyprojects.values())
    if inputs != restored.metadata.get("inputs"):
        return None
    return Analysis(
        configuration=configuration,
        project=project,
        asked=_asked(context),
        uv_request=request,
        decisions=decisions,
        recalled=True,
        inputs=inputs,
        pyprojects=pyprojects,
    )


def _read_decisions(metadata: Mapping[str, object]) -> Decisions:
    document = json.loads(str(metadata["decisions"]))
    choice = {key: tuple(value) if isinstance(value, list) else value for key, value in document["choice"].items()}
    return Decisions(
        python=catalogue.CPythonBuild(**document["python"]),
        python_reason=document["python_reason"],
        choice=selection.Choice(**choice),
        packages=json.loads(str(metadata["packages"])),
        sdists=tuple(document["sdists"]),
        local=tuple(venv_project.LocalPackage(**entry) for entry in document["local"]),
    )


def _work_out(  # noqa: PLR0913 (what was read so far)
    context: BuildContext,
    configuration: Configuration,
    project: Project,
    request: UvRequest | None,
    requests: tuple[PythonRequest, ...],
    collector: Collector,
) -> Analysis:
    lock: Lock | None = None
    with collector.collecting():
        lock = read_lock(project.lock_path, project.shown(project.lock_path))
    wanted = selection.Choice(
        packages=configuration.packages,
        extras=configuration.extras,
        groups=configuration.groups,
        root_groups=project.pyproject is project.root and project.root.name is None and not configuration.packages,
    )
    choice = wanted
    pyprojects: dict[str, Pyproject] = {}
    if lock is not None:
        with collector.collecting():
            choice = selection.choose(lock, project.pyproject.name, wanted)
        collector.problems.extend(venv_project.check_paths(lock, project.root.directory, context.app_dir))
        with collector.collecting():
            pyprojects = _pyprojects(project, _local_paths(lock))
        with collector.collecting():
            _compare_with_files(lock, project, pyprojects)
    builds: tuple[CPythonBuild, ...] = ()
    chosen: PythonRequest | None = None
    with collector.collecting():
        chosen = python_request.combine(requests, _required_pythons(project, choice, pyprojects))
        builds = catalogue.candidates(
            catalogue.load(configuration.python_catalogue, context.environment), chosen, context.target.arch, libc()
        )
    collector.raise_if_any()
    assert lock is not None  # noqa: S101 (an unreadable lock is a problem)
    assert chosen is not None  # noqa: S101 (so is a request that cannot be met)
    decisions = _decide(lock, choice, chosen, builds, context.target.arch, configuration)
    local = {package.name for package in decisions.local}
    analysis = Analysis(
        configuration=configuration,
        project=project,
        asked=_asked(context),
        uv_request=request,
        decisions=decisions,
        recalled=False,
        inputs="",
        pyprojects={name: pyproject for name, pyproject in pyprojects.items() if name in local},
    )
    return replace(analysis, inputs=_inputs(context, configuration, project, analysis.pyprojects.values()))


def _compare_with_files(lock: Lock, project: Project, pyprojects: Mapping[str, Pyproject]) -> None:
    names = {pyproject.directory: name for name, pyproject in pyprojects.items()}
    for path in workspace_members(project.root):
        if path not in names:
            name = read_pyproject(project.app_dir, path / "pyproject.toml").name
            if name is not None:
                names[path] = name
    lines = gate.member_differences(lock, project, names) + gate.declared_differences(lock, pyprojects)
    if lines:
        raise LockfileOutdated(lines)


def _decide(  # noqa: PLR0913 (what was read so far)
    lock: Lock,
    choice: selection.Choice,
    request: PythonRequest,
    builds: tuple[CPythonBuild, ...],
    arch: str,
    configuration: Configuration,
) -> Decisions:
    """Choose the interpreter; without an exact request wheels decide between minors."""
    considered = [
        (build, selection.Platform(python=build.version, arch=arch, libc=libc(), freethreaded=build.freethreaded))
        for build in builds
    ]
    selected = [selection.select(lock, choice, platform) for _, platform in considered]
    index, reason = _best(considered, selected, request)
    build, platform = considered[index]
    third_party = [package for package in selected[index] if not package.local]
    return Decisions(
        python=build,
        python_reason=reason,
        choice=choice,
        packages={package.name: selection.identity(package, platform) for package in third_party},
        sdists=tuple(
            package.name for package in third_party if not selection.compatible_wheels(package, platform)
        ),
        local=venv_project.local_packages(selected[index], no_editable=configuration.no_editable),
    )


def _best(
    considered: list[tuple[CPythonBuild, selection.Platform]],
    selected: list[tuple[LockedPackage, ...]],
    request: PythonRequest,
) -> tuple[int, str]:
    """Give the index of the newest minor that needs no package built that another one has a wheel for, and why."""
    newest = considered[0][0].version
    if request.exact or len(considered) == 1:
        return 0, f"{request.text} ({request.origin})"
    lacking = [
        {package.name for package in packages if package.wheels and not selection.compatible_wheels(package, platform)}
        for (_, platform), packages in zip(considered, selected, strict=True)
    ]
    everywhere = set.intersection(*lacking)
    for index, names in enumerate(lacking):
        if names <= everywhere:
            skipped = sorted(lacking[0] - everywhere)
            why = f"; {newest} has no wheel of {', '.join(skipped)}" if index else ""
            return index, f"newest for {request.text} ({request.origin}){why}"
    return 0, f"newest for {request.text} ({request.origin})"


def _required_pythons(
    project: Project, choice: selection.Choice, pyprojects: Mapping[str, Pyproject]
) -> list[tuple[str, str]]:
    """Give each `requires-python` that must hold, with the file it is in."""
    files = {project.pyproject.shown: project.pyproject, project.root.shown: project.root}
    files.update((pyprojects[name].shown, pyprojects[name]) for name in choice.packages if name in pyprojects)
    return [(file.requires_python, shown) for shown, file in sorted(files.items()) if file.requires_python]


def _local_paths(lock: Lock) -> dict[str, str]:
    return {package.name: package.source.partition("#")[0] for package in lock.packages if package.local}


def _pyprojects(project: Project, paths: Mapping[str, str]) -> dict[str, Pyproject]:
    """Read the `pyproject.toml` of local packages: name → file. Raises `PyprojectInvalid`."""
    known = {project.root.path: project.root, project.pyproject.path: project.pyproject}
    found = {}
    for name, relative in paths.items():
        path = Path(os.path.normpath(project.root.directory / relative)) / "pyproject.toml"
        if path in known:
            found[name] = known[path]
        elif path.is_file():
            found[name] = read_pyproject(project.app_dir, path)
    return found


def _asked(context: BuildContext) -> Asked:
    names = {entry.name for entry in context.plan if entry.metadata.get("build") is True}
    # The environment's programs start the interpreter of the python layer.
    return Asked(python=bool(names & {"python", "venv"}), uv="uv" in names, venv="venv" in names)


def _inputs(
    context: BuildContext, configuration: Configuration, project: Project, pyprojects: Iterable[Pyproject]
) -> str:
    """Give the digest of all that decisions follow from."""
    root = project.root.directory
    paths = {project.lock_path, project.root.path, project.pyproject.path, root / "uv.toml"}
    paths.update(pyproject.path for pyproject in pyprojects)
    paths.update(path / "pyproject.toml" for path in workspace_members(project.root))
    version_file = python_version_file(project)
    if version_file is not None:
        paths.add(version_file)
    settings: dict[str, Any] = asdict(configuration)
    for irrelevant in ("origins", "processes", "default_process", "log_format", "log_level", "environment_link"):
        del settings[irrelevant]
    document = {
        "files": {project.shown(path): _digest(path) for path in sorted(paths) if path.is_file()},
        "settings": settings,
        "project": project.shown(project.directory),
        "plan": [str(entry.metadata.get("version")) for entry in context.plan if entry.name == "python"],
        "target": target_text(context.target),
        "catalogue": catalogue.digest(configuration.python_catalogue, context.environment),
        "scheme": venv.SCHEME,
        "version": context.buildpack.version,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

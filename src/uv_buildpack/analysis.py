"""Everything that a build decides before it does anything, and everything that can be wrong by then.

Decisions are stored with the venv layer. While the files and settings they came from are equal byte for byte, they are
recalled: the lock is not parsed, and the check that it passed counts.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from uv_buildpack import decisions, environment_link, inputs, surroundings
from uv_buildpack.configuration import PROJECT_DIR, SCRIPT, Configuration, gather
from uv_buildpack.downloads.network import Network
from uv_buildpack.errors import (
    Collector,
    LockfileOutdated,
    Problem,
    Problems,
)
from uv_buildpack.interpreter import catalogue
from uv_buildpack.interpreter import request as python_request
from uv_buildpack.processes import plan
from uv_buildpack.processes.beside import TEST_ENVIRONMENT
from uv_buildpack.project import (
    app_files,
    build_settings,
    build_tools,
    dynamic_metadata,
    local_packages,
    lock_check,
    locks,
    metadata_files,
    python_bounds,
    selection,
)
from uv_buildpack.project.files import (
    python_version_file,
    read_members,
    read_pyproject,
    workspace_members,
)
from uv_buildpack.project.finding import find_project
from uv_buildpack.uv import bindings, find_links
from uv_buildpack.uv import version as uv_version
from uv_buildpack.uv.bindings import config_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cnb.context import BuildContext
    from uv_buildpack.decisions import Decisions
    from uv_buildpack.interpreter.request import PythonRequest
    from uv_buildpack.processes.inference import AppFacts
    from uv_buildpack.processes.plan import ProcessPlan
    from uv_buildpack.project.files import Project, Pyproject
    from uv_buildpack.project.lockfile import Lock
    from uv_buildpack.uv.version import UvRequest


class Asked(NamedTuple):
    """Which layers a later buildpack asked for at build (`requires` with `metadata.build = true`)."""

    python: bool
    uv: bool
    venv: bool


class Analysis(NamedTuple):
    """The whole of what was decided."""

    configuration: Configuration
    network: Network
    project: Project
    asked: Asked
    uv_request: UvRequest | None
    decisions: Decisions
    processes: ProcessPlan
    recalled: bool
    """Whether the decisions are those of the previous build, whose lock was checked with these very files."""
    inputs: str
    """Digest of the files and settings behind the decisions."""
    pyprojects: Mapping[str, Pyproject]
    """Of the local packages, by name."""
    target: str
    """What wheels and interpreters depend on, as keys have it."""
    build_environment: str
    """Variables and settings that reach builds, as keys have them."""
    find_links: tuple[Path, ...]
    """Directories with files of packages, of CPython and of uv."""
    tools: str
    """A digest of what packages are built with in isolation; empty where none needs anything."""

    def sync_arguments(self) -> list[str]:
        """Return the choice as arguments of `uv sync`; without `--package` uv installs the project, or all members."""
        configuration = self.configuration
        members = [word for name in configuration.members for word in ("--package", name)]
        extras = ["--all-extras"] if "*" in configuration.extras else []
        extras += [word for name in configuration.extras if name != "*" for word in ("--extra", name)]
        return members + extras + [word for name in self.decisions.choice.groups for word in ("--group", name)]


class _Given(NamedTuple):
    """What was read before the lock."""

    context: BuildContext
    network: Network
    configuration: Configuration
    project: Project
    requests: tuple[PythonRequest, ...]
    uv_request: UvRequest | None
    find_links: tuple[Path, ...]
    libc: str
    tools: Callable[[], str]


def analyse(context: BuildContext, libc: str = "") -> Analysis:
    """Read everything and decide, for `libc` or that of this machine. Raises `Problems` with all that is wrong."""
    collector = Collector()
    given = _read(context, libc or surroundings.libc(), collector)
    recalled = None if collector.problems else _recall(given)
    decided, pyprojects = recalled or _work_out(given, collector)
    collector.problems.extend(metadata_files.problems(pyprojects.values()))
    collector.raise_if_any()
    user_file = config_file(context.bindings)
    return Analysis(
        configuration=given.configuration,
        network=given.network,
        project=given.project,
        asked=_asked(context),
        uv_request=given.uv_request,
        decisions=decided,
        processes=_plan_processes(given, decided, pyprojects),
        recalled=recalled is not None,
        inputs=_inputs(given, decided, pyprojects),
        pyprojects=pyprojects,
        target=surroundings.target_text(context.target, given.libc),
        build_environment=surroundings.build_environment(context.environment, given.project, user_file),
        find_links=given.find_links,
        tools=_tools(given, decided, pyprojects),
    )


def _read(context: BuildContext, libc: str, collector: Collector) -> _Given:
    """Read what is there before the lock. Raises `Problems` if there is no project, with all that was collected.

    Each thing in a block of its own: a reader with three of them to correct is told of all three at once.
    """
    project: Project | None = None
    uv_request: UvRequest | None = None
    requests: tuple[PythonRequest, ...] = ()
    places: tuple[Path, ...] = ()
    table: Mapping[str, Any] = {}
    network = Network()
    with collector.collecting():
        surroundings.check(context)
    with collector.collecting():
        network = bindings.network(context.environment, context.bindings)
    with collector.collecting():
        project_dir, script = (context.environment.get(name, "").strip() for name in (PROJECT_DIR, SCRIPT))
        project = find_project(context.app_dir, project_dir or ".", script)
        table = project.pyproject.table("tool", "uv-buildpack")
    configuration, wrong = gather(context.environment, table, context.app_dir)
    collector.problems.extend(wrong)
    with collector.collecting():
        environment_link.check(context, configuration.environment_link)
    with collector.collecting():
        places = find_links.directories(configuration.find_links, context.app_dir, context.bindings)
    if project is None:
        raise Problems(collector.problems)
    with collector.collecting():
        uv_request = uv_version.requested(configuration.uv_version, project)
    with collector.collecting():
        requests = _python_requests(context, configuration, project)
    return _Given(
        context=context,
        network=network,
        configuration=configuration,
        project=project,
        requests=requests,
        uv_request=uv_request,
        find_links=places,
        libc=libc,
        tools=cache(partial(build_tools.of_all, project, context.environment, places, config_file(context.bindings))),
    )


def _python_requests(
    context: BuildContext, configuration: Configuration, project: Project
) -> tuple[PythonRequest, ...]:
    """Return all requests in order of preference; those of other buildpacks come before `requires-python`."""
    collector = Collector()
    requests: list[PythonRequest] = []
    with collector.collecting():
        if configuration.python_version is not None:
            requests.append(python_request.parse(configuration.python_version, "BP_PYTHON_VERSION"))
    with collector.collecting():
        path = python_version_file(project)
        if path is not None:
            app_files.check_inside(project.app_dir, path)
            requests.append(python_request.read_file(path, project.shown(path)))
    for entry in context.plan:
        version = entry.metadata.get("version")
        with collector.collecting():
            if entry.name == "python" and isinstance(version, str) and version:
                requests.append(python_request.parse(version, "the build plan"))
    collector.raise_if_any()
    return tuple(requests)


def _recall(given: _Given) -> tuple[Decisions, dict[str, Pyproject]] | None:
    """Return the decisions of the previous build, if what they came from is equal byte for byte."""
    restored = given.context.restored.get(decisions.LAYER)
    if restored is None:
        return None
    try:
        decided = decisions.read(restored.metadata)
        pyprojects = _pyprojects(given.project, {package.name: package.path for package in decided.local})
    except (ValueError, Problem):
        return None
    if _inputs(given, decided, pyprojects) != restored.metadata.get("inputs"):
        return None
    return decided, pyprojects


def _work_out(given: _Given, collector: Collector) -> tuple[Decisions, dict[str, Pyproject]]:
    """Read the lock and decide again. Raises `Problems`, with those that were collected before."""
    context, project, configuration = given.context, given.project, given.configuration
    lock, choice, request = None, None, None
    pyprojects: dict[str, Pyproject] = {}
    builds: tuple[catalogue.CPythonBuild, ...] = ()
    with collector.collecting():
        lock = locks.read(project)
        collector.problems.extend(local_packages.check_paths(lock, project.root.directory, context.app_dir))
        pyprojects = _pyprojects(project, _local_paths(lock))
        with collector.collecting():
            # An unknown name does not keep the lock from being compared with the files.
            choice = selection.choose(lock, project.name, _wanted(configuration), _default_groups(given, pyprojects))
        if not project.pylock:
            _compare_with_files(lock, project, pyprojects)
    with collector.collecting():
        chosen = [pyprojects[name] for name in configuration.members if name in pyprojects]
        request = python_request.combine(given.requests, python_bounds.required(project, chosen, lock, choice))
        offered = catalogue.load(configuration.python_catalogue, given.network)
        # For another machine there is nothing; that it is unsupported has been said.
        machine = surroundings.MACHINES.get(context.target.arch)
        builds = catalogue.candidates(offered, request, machine, given.libc) if machine else ()
    with collector.collecting():
        _check_processes(given)
    collector.raise_if_any()
    decided = decisions.decide(
        lock,
        choice,
        decisions.Candidates(request, builds),
        decisions.Circumstances(
            no_editable=configuration.no_editable,
            rules=build_settings.rules(context.environment, project, config_file(context.bindings)),
            dynamic=_dynamic(project, lock, pyprojects),
            digest_of=partial(inputs.digest_beside, project.root.directory),
            tools=given.tools,
        ),
    )
    local = {package.name for package in decided.local}
    return decided, {name: pyproject for name, pyproject in pyprojects.items() if name in local}


def _wanted(configuration: Configuration) -> selection.Choice:
    return selection.Choice(members=configuration.members, extras=configuration.extras, groups=configuration.groups)


def _default_groups(given: _Given, pyprojects: Mapping[str, Pyproject]) -> tuple[str, ...]:
    """Return the groups that uv installs by default, which images for tests have: their project's developers do too."""
    if given.configuration.execution_environment != TEST_ENVIRONMENT:
        return ()
    return _chosen_project(given, _chosen_members(given, pyprojects)).default_groups()


def _chosen_project(given: _Given, members: Sequence[Pyproject]) -> Pyproject:
    """Return the one member that was chosen, else the project."""
    return members[0] if len(members) == 1 else given.project.pyproject


def _chosen_members(given: _Given, pyprojects: Mapping[str, Pyproject]) -> list[Pyproject]:
    """Return the members that were chosen. A root that is no project installs all of them, unless some were."""
    project, names = given.project, given.configuration.members
    chosen = [pyprojects[name] for name in names if name in pyprojects]
    if not chosen and (names or project.pyproject.name is None):
        # A member that is not a package is installed nowhere, and so not among the local packages.
        chosen = [member for member in read_members(project) if not names or member.name in names]
    return chosen


def _compare_with_files(lock: Lock, project: Project, pyprojects: Mapping[str, Pyproject]) -> None:
    names = {pyproject.directory: name for name, pyproject in pyprojects.items()}
    for path in workspace_members(project.root):
        name = names.get(path) or read_pyproject(project.app_dir, path / "pyproject.toml").name
        if name is not None:
            names[path] = name
    lines = lock_check.member_differences(lock, project, names)
    lines += lock_check.declared_differences(lock, pyprojects, project.lock_name)
    if lines:
        raise LockfileOutdated(lines, project.script)


def _check_processes(given: _Given) -> None:
    """Find what is wrong with declared processes, before it is known what is installed. Raises `Problems`."""
    if given.configuration.processes or (given.context.app_dir / "Procfile").is_file():
        facts = plan.facts_of(given.project.pyproject, {}, None)
        plan.plan_app(facts, given.configuration, given.context.app_dir)


def _plan_processes(given: _Given, decided: Decisions, pyprojects: Mapping[str, Pyproject]) -> ProcessPlan:
    """Plan the processes of the project, or of the members that are installed. Raises `Problems`."""
    members = _chosen_members(given, pyprojects)
    versions = {name: identity.partition(" ")[0] for name, identity in decided.packages.items()}
    configuration, app_dir = given.configuration, given.context.app_dir
    facts = plan.facts_of(_chosen_project(given, members), versions, decided.choice)
    if len(members) <= 1:
        facts = replace(facts, script=given.project.script, lock=given.project.lock_name)
        facts = _as_locked(facts, decided) if given.project.pylock else facts
    planned = plan.plan_app(facts, configuration, app_dir)
    if planned.processes:
        return planned
    several = members if len(members) > 1 else []
    if not members and not planned.undecided:
        # A root that starts nothing may be there for the members that it depends on.
        directories = workspace_members(given.project.pyproject)
        needed = [one for name, one in pyprojects.items() if name in facts.direct_dependencies]
        several = [one for one in needed if one.directory in directories]
    if several:
        from uv_buildpack.processes.members import plan_members  # noqa: PLC0415 (few projects have several)

        each = {str(one.name): plan.facts_of(one, versions, decided.choice) for one in several}
        together = plan_members(planned, each, configuration, app_dir)
        planned = together if members or together.processes or together.undecided else planned
    return plan.decided(planned, configuration.default_process)


def _as_locked(facts: AppFacts, decided: Decisions) -> AppFacts:
    """Return facts about an application that has a `pylock.toml`: without `[project]` all that is locked is direct."""
    declared = "project" in facts.pyproject
    return replace(
        facts,
        direct_dependencies=facts.direct_dependencies if declared else frozenset(facts.installed),
        packaged=any(os.path.normpath(package.path) == "." for package in decided.local),
    )


def _local_paths(lock: Lock) -> dict[str, str]:
    return {package.name: package.source for package in lock.packages if package.local}


def _pyprojects(project: Project, paths: Mapping[str, str]) -> dict[str, Pyproject]:
    """Read the `pyproject.toml` of local packages in the app directory: name → file. Raises `PyprojectInvalid`."""
    known = {project.root.path: project.root, project.pyproject.path: project.pyproject}
    found = {}
    for name, relative in paths.items():
        place = Path(os.path.normpath(project.root.directory / relative))
        # A script is what its lock calls a package, and its metadata are in the file itself.
        path = place if place == project.root.path else place / "pyproject.toml"
        if path in known:
            found[name] = known[path]
        elif place.is_relative_to(project.app_dir) and path.is_file():
            found[name] = read_pyproject(project.app_dir, path)
    return found


def _tools(given: _Given, decided: Decisions, pyprojects: Mapping[str, Pyproject]) -> str:
    local = any(build_tools.needed(pyprojects.get(package.name)) for package in decided.local)
    return given.tools() if decided.sdists or decided.dynamic or local else ""


def _inputs(given: _Given, decided: Decisions, pyprojects: Mapping[str, Pyproject]) -> str:
    requests = [f"{request.text} {request.origin}" for request in given.requests]
    target = surroundings.target_text(given.context.target, given.libc)
    offered = catalogue.digest(given.configuration.python_catalogue, given.network)
    more = (*requests, target, offered, _tools(given, decided, pyprojects))
    return inputs.digest(given.context, given.project, given.configuration, decided, more)


def _dynamic(project: Project, lock: Lock, pyprojects: Mapping[str, Pyproject]) -> tuple[str, ...]:
    """Return the directories of local packages whose dependencies are declared by a build backend."""
    # What a pylock.toml says of a package is not compared with the package.
    paths = {} if project.pylock else _local_paths(lock)
    directories = {name: path for name, path in paths.items() if (project.root.directory / path).is_dir()}
    return tuple(path for name, path in directories.items() if dynamic_metadata.is_dynamic(pyprojects.get(name)))


def _asked(context: BuildContext) -> Asked:
    names = {entry.name for entry in context.plan if entry.metadata.get("build") is True}
    # The environment's programs start the interpreter of the python layer.
    return Asked(python=bool(names & {"python", "venv"}), uv="uv" in names, venv="venv" in names)

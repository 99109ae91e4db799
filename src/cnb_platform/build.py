"""The build phase: each buildpack's bin/build in order, and a check of what each left.

Buildpack specification, "Phase #3: Build": https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#phase-3-build
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnb import toml
from cnb_platform import environment
from cnb_platform.buildpack import Buildpack
from cnb_platform.command import Command
from cnb_platform.errors import BuildpackFailed, ContractBroken
from cnb_platform.launch_toml import Launch, combine, read_launch
from cnb_platform.layers import Layer, check_reserved, check_sboms, load, read_layers, set_aside
from cnb_platform.plan import Entry, Resolved
from cnb_platform.session import Session, phase_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What one buildpack left in its layers directory."""

    directory: Path
    buildpack: Buildpack
    layers: tuple[Layer, ...]
    launch: Launch
    store: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Result:
    """What all buildpacks left, in order."""

    built: tuple[Built, ...]
    launch: Launch


def build(session: Session, resolved: Resolved) -> Result:
    """Run the group. Raises BuildpackFailed (51) and ContractBroken (52)."""
    inherited = dict(session.machine.variables)
    entries = resolved.entries
    built = []
    for buildpack in resolved.group:
        mine = tuple(entry for entry in entries if buildpack.id in entry.providers)
        left = _build_one(session, buildpack, mine, inherited)
        entries = _still_open(entries, mine, _unmet(session, buildpack, mine))
        for layer in left.layers:
            if layer.build:
                environment.apply_build_layer(inherited, session.layers_of(buildpack).below(layer.name))
        built.append(left)
    launch = combine(left.launch for left in built)
    for warning in launch.warnings:
        session.log.notice(warning)
    return Result(tuple(built), launch)


def _build_one(session: Session, buildpack: Buildpack, entries: Sequence[Entry], inherited: Mapping[str, str]) -> Built:
    layers_dir = session.layers_of(buildpack)
    make_layers_directory(session, layers_dir.host)
    document = {"entries": [require.document() for entry in entries for require in entry.requires]}
    plan = session.plan_file(f"build-{buildpack.directory_name}.toml", toml.dumps(document))
    variables = phase_environment(session, buildpack, inherited) | {
        "CNB_LAYERS_DIR": layers_dir.inside,
        "CNB_BP_PLAN_PATH": plan.inside,
    }
    program = f"{session.buildpack_place(buildpack).inside}/bin/build"
    argv = (program, layers_dir.inside, session.platform.inside, plan.inside)
    try:
        code = session.machine.run(Command(argv=argv, cwd=session.app.inside, environment=variables), session.log.raw)
    except OSError as error:
        problem = f"bin/build cannot be started: {error}"
        raise ContractBroken(buildpack=buildpack.key, section="Buildpack Interface", problem=problem) from error
    if code:
        message = f"bin/build of {buildpack.key} exited with {code}"
        raise BuildpackFailed(message)
    return _read(layers_dir.host, buildpack)


def make_layers_directory(session: Session, path: Path) -> None:
    """`CNB_LAYERS_DIR`, with the mode that the umask leaves: changing that is up to the buildpack."""
    if not path.is_dir():
        path.mkdir(parents=True)
        session.machine.give(path)
    path.chmod(0o777 & ~session.umask)


def _read(directory: Path, buildpack: Buildpack) -> Built:
    layers = read_layers(directory, buildpack)
    check_reserved(directory, buildpack)
    set_aside(layers)
    check_sboms(directory, buildpack)
    return Built(
        directory=directory,
        buildpack=buildpack,
        layers=layers,
        launch=read_launch(directory, buildpack),
        store=_store(directory, buildpack),
    )


def _store(directory: Path, buildpack: Buildpack) -> Mapping[str, Any] | None:
    if not (directory / "store.toml").exists():
        return None
    metadata = load(directory / "store.toml", buildpack, "store.toml (TOML)").get("metadata", {})
    if not isinstance(metadata, dict):
        problem = "metadata must be a table"
        raise ContractBroken(buildpack=buildpack.key, section="store.toml (TOML)", problem=problem)
    return metadata


def _unmet(session: Session, buildpack: Buildpack, entries: Sequence[Entry]) -> set[str]:
    """Return the names that build.toml leaves to the next provider. Raises ContractBroken for one not in the plan."""
    section = "build.toml (TOML)"
    document = load(session.layers_of(buildpack).host / "build.toml", buildpack, section)
    known = {entry.name for entry in entries}
    try:
        names = {table["name"] for table in document.get("unmet", ())}
    except (KeyError, TypeError, AttributeError) as error:
        problem = f"[[unmet]] needs a name: {error}"
        raise ContractBroken(buildpack=buildpack.key, section=section, problem=problem) from error
    if names - known:
        problem = f"unmet names {sorted(names - known)}, but the buildpack plan has only {sorted(known)}"
        raise ContractBroken(buildpack=buildpack.key, section=section, problem=problem)
    return names


def _still_open(entries: Sequence[Entry], mine: Sequence[Entry], unmet: set[str]) -> tuple[Entry, ...]:
    """Return the plan for later buildpacks: what this one met is gone, what it left goes to the next provider."""
    met = {entry.name for entry in mine} - unmet
    return tuple(entry for entry in entries if entry.name not in met)

"""launch.toml of each buildpack, and what all of them come to: processes, labels, slices, metadata.toml.

Buildpack specification, "launch.toml (TOML)": https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#launchtoml-toml
`metadata.toml` as the launcher reads it: https://github.com/buildpacks/lifecycle/blob/v0.21.17/launch/launch.go
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cnb_platform.buildpack import Buildpack
from cnb_platform.errors import ContractBroken
from cnb_platform.layers import load

_SECTION = "launch.toml (TOML)"
_TYPE = re.compile(r"[A-Za-z0-9._-]+")
ARRAY_COMMANDS_SINCE = 10  # Platform API; before, command is one string and the rest of it is in args


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process type; `args` is None where the buildpack gave none."""

    type: str
    command: tuple[str, ...]
    args: tuple[str, ...] | None
    default: bool
    buildpack_id: str
    working_dir: str = ""
    exec_env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """An image label."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What launch.toml says, of one buildpack or of all together."""

    processes: tuple[Process, ...] = ()
    labels: tuple[Label, ...] = ()
    slices: tuple[tuple[str, ...], ...] = ()
    default_process: str = ""
    warnings: tuple[str, ...] = field(default=())


def read_launch(directory: Path, buildpack: Buildpack) -> Launch:
    """Read launch.toml; nothing where there is none. Raises ContractBroken."""
    document = load(directory / "launch.toml", buildpack, _SECTION)

    def broken(problem: str) -> ContractBroken:
        return ContractBroken(buildpack=buildpack.key, section=_SECTION, problem=problem)

    try:
        processes = tuple(_process(table, buildpack.id) for table in document.get("processes", ()))
        labels = tuple(Label(_text(table, "key"), _text(table, "value")) for table in document.get("labels", ()))
        slices = tuple(_texts(table, "paths") for table in document.get("slices", ()))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise broken(str(error)) from error
    if sum(process.default for process in processes) > 1:
        message = "at most one process may have default = true"
        raise broken(message)
    return Launch(processes=processes, labels=labels, slices=slices)


def _process(table: Mapping[str, Any], buildpack_id: str) -> Process:
    if "direct" in table:
        message = "process.direct is not supported on this buildpack version (since 0.9 every process is direct)"
        raise ValueError(message)
    kind = _text(table, "type")
    if not _TYPE.fullmatch(kind):
        message = f"process type {kind!r} must be made of letters, digits, '.', '_' and '-'"
        raise ValueError(message)
    command = _texts(table, "command")
    if not command:
        message = f"process {kind!r} has an empty command"
        raise ValueError(message)
    return Process(
        type=kind,
        command=command,
        args=_texts(table, "args") if "args" in table else None,
        default=bool(table.get("default", False)),
        buildpack_id=buildpack_id,
        working_dir=table.get("working-dir", ""),
        exec_env=_texts(table, "exec-env") if "exec-env" in table else (),
    )


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        message = f"{key!r} must be a string and not empty, not {value!r}"
        raise ValueError(message)
    return value


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        message = f"{key!r} must be an array of strings, not {value!r}"
        raise ValueError(message)
    return tuple(value)


def combine(launches: Iterable[Launch]) -> Launch:
    """Return all buildpacks' launch.toml together, in order: of a process type the last definition counts.

    A later definition of the default type that is not a default leaves the image without default process.
    """
    processes: dict[str, Process] = {}
    labels: list[Label] = []
    slices: list[tuple[str, ...]] = []
    default, warnings = "", []
    for launch in launches:
        for process in launch.processes:
            processes[process.type] = process
            if process.default:
                default = process.type
            elif default == process.type:
                default = ""
                warnings.append(
                    f"{process.buildpack_id} redefines the default process type {process.type!r} with default = false: "
                    "the image has no default process"
                )
        labels += launch.labels
        slices += launch.slices
    return Launch(
        processes=tuple(processes[kind] for kind in sorted(processes)),
        labels=tuple(labels),
        slices=tuple(slices),
        default_process=default,
        warnings=tuple(warnings),
    )


def for_platform(process: Process, platform_minor: int) -> Process:
    """Return the process as an older launcher reads it: `command[1:]` goes into the arguments."""
    if platform_minor >= ARRAY_COMMANDS_SINCE or len(process.command) == 1:
        return process
    return replace(process, command=process.command[:1], args=(*process.command[1:], *(process.args or ())))


def process_documents(launch: Launch, platform_minor: int) -> list[dict[str, Any]]:
    """Return the processes as the label io.buildpacks.build.metadata has them."""
    documents = []
    for original in launch.processes:
        process = for_platform(original, platform_minor)
        command = list(process.command) if platform_minor >= ARRAY_COMMANDS_SINCE else process.command[0]
        document: dict[str, Any] = {
            "type": process.type,
            "command": command,
            "args": None if process.args is None else list(process.args),
            "direct": True,
        }
        if process.working_dir:
            document["working-dir"] = process.working_dir
        document["buildpackID"] = process.buildpack_id
        if process.exec_env:
            document["exec-env"] = list(process.exec_env)
        documents.append(document)
    return documents


def metadata_toml(launch: Launch, group: Sequence[Buildpack], platform_minor: int) -> str:
    """`/layers/config/metadata.toml` in the bytes of the lifecycle's writer: its digest is the config layer's."""
    blocks = [f"buildpack-default-process-type = {_quoted(launch.default_process)}\n"] if launch.default_process else []
    blocks += [_table("buildpacks", _buildpack_fields(buildpack)) for buildpack in group]
    blocks += [_table("labels", [("key", label.key), ("value", label.value)]) for label in launch.labels]
    blocks += [_table("processes", list(_process_fields(p, platform_minor))) for p in launch.processes]
    blocks += [_table("slices", [("paths", paths)]) for paths in launch.slices]
    return "\n".join(blocks)


def _buildpack_fields(buildpack: Buildpack) -> list[tuple[str, Any]]:
    fields = [("id", buildpack.id), ("version", buildpack.version), ("api", buildpack.api)]
    return [*fields, ("homepage", buildpack.homepage)] if buildpack.homepage else fields


def _process_fields(original: Process, platform_minor: int) -> Iterator[tuple[str, Any]]:
    process = for_platform(original, platform_minor)
    yield "type", process.type
    yield "command", process.command if platform_minor >= ARRAY_COMMANDS_SINCE else process.command[0]
    if process.args is not None:
        yield "args", process.args
    yield "direct", True
    yield "buildpack-id", process.buildpack_id
    if process.working_dir:
        yield "working-dir", process.working_dir
    if process.exec_env:
        yield "exec-env", process.exec_env


def _table(name: str, fields: Iterable[tuple[str, Any]]) -> str:
    lines = "".join(f"  {key} = {_value(value)}\n" for key, value in fields)
    return f"[[{name}]]\n{lines}"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(str(item)) for item in value)}]"
    return ("true" if value else "false") if isinstance(value, bool) else _quoted(str(value))


_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_CONTROL_END = 0x20
_DELETE = 0x7F


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    code = ord(character)
    plain = f"\\u{code:04x}" if code < _CONTROL_END or code == _DELETE else character
    return _ESCAPES.get(character, plain)

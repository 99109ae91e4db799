"""What the image starts: from `[tool.uv-buildpack.processes]`, else from `Procfile`, else inferred."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from cnb.launch import PROCESS_TYPE, Process
from uv_buildpack import log
from uv_buildpack.errors import Collector, DefaultProcessUnknown, ProcessInvalid, ProcfileInvalid
from uv_buildpack.processes import known_programs, start_command
from uv_buildpack.processes.beside import processes_beside
from uv_buildpack.processes.inference import AppFacts, infer
from uv_buildpack.processes.inference.starters import LAUNCH_DEFAULTS
from uv_buildpack.processes.procfile import read_procfile
from uv_buildpack.processes.start_command import StartCommand
from uv_buildpack.processes.workers import why_one_worker
from uv_buildpack.project import app_files, requirements

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from uv_buildpack.configuration import Configuration
    from uv_buildpack.processes.beside import Beside
    from uv_buildpack.project.files import Pyproject
    from uv_buildpack.project.selection import Choice

TABLE = "[tool.uv-buildpack.processes]"
PROCFILE = "Procfile"
_KEYS = ("command", "args", "working-dir")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlan:
    """The processes, and what the log says about them."""

    processes: tuple[Process, ...]
    evidence: Mapping[str, tuple[str, ...]]
    """For each type, where it is from, in lines."""
    warnings: tuple[str, ...] = ()
    considered: tuple[str, ...] = ()
    """What inference looked at without finding anything to start."""
    suggestion: str = ""
    """What to write into pyproject.toml when nothing was inferred, in lines."""
    undecided: bool = False
    """Whether there is no default, because what serves the web was found, but not for certain."""
    beside: tuple[Beside, ...] = ()
    """What the image has besides the project's own processes; nothing of it counts for the default."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Defaults for all process types: where frameworks listen that know neither `PORT` nor a flag."""
    one_worker: Mapping[str, str] = field(default_factory=dict)
    """The types that start one worker unless the user says otherwise, with the reason."""

    @property
    def all(self) -> tuple[Process, ...]:
        """Every process type of the image."""
        return (*self.processes, *(beside.process for beside in self.beside))

    @property
    def default(self) -> Process | None:
        """The process that the image starts when nothing else is asked for."""
        return next((process for process in self.processes if process.default), None)


class _Defined(NamedTuple):
    """One process type as its source defines it."""

    type: str
    command: StartCommand
    evidence: tuple[str, ...]
    args: tuple[str, ...] = ()
    working_directory: str | None = None


def facts_of(pyproject: Pyproject, installed: Mapping[str, str], choice: Choice | None) -> AppFacts:
    """Return what inference goes by: what a project declares, and what is installed (name → version) by a choice."""
    extras, groups = (choice.extras, choice.groups) if choice else ((), ())
    return AppFacts(
        project_dir=pyproject.directory,
        direct_dependencies=frozenset(requirements.direct_dependencies(pyproject, extras, groups)),
        installed=installed,
        packaged=pyproject.is_package(),
        pyproject=pyproject.document,
        elsewhere=requirements.dependencies_elsewhere(pyproject, extras, groups),
    )


def plan_app(facts: AppFacts, configuration: Configuration, app_dir: Path) -> ProcessPlan:
    """Decide the process types of an application, with what the user set. Raises as `plan_processes`."""
    environment = configuration.execution_environment
    return plan_processes(configuration.processes, configuration.default_process, app_dir, facts, environment)


def plan_processes(
    table: Mapping[str, Any], default_process: str | None, app_dir: Path, app: AppFacts, execution_environment: str
) -> ProcessPlan:
    """Decide the process types. `table` and `default_process` are what the user set, `app` what inference goes by.

    A process starts in the project's directory; one of a Procfile in the Procfile's directory, which is the project's
    or the app directory. Where nothing starts, the default is for the caller to check: members may start something.
    Raises `Problems` with everything that is wrong, `ProcfileInvalid`, `OSError`.
    """
    declared = (
        _from_table(table, default_process, app_dir, app.project_dir)
        if table
        else _from_procfile(default_process, app_dir, app.project_dir)
    )
    plan = _with_missing_programs(declared, app_dir, app) if declared else _inferred(app_dir, app)
    plan = decided(plan, default_process) if plan.processes else plan
    types = [process.type for process in plan.processes]
    directory = _start_directory(app.project_dir, app_dir)
    beside = processes_beside(types, directory, execution_environment, app.installed)
    direct = app.direct_dependencies
    reasons = {process.type: why_one_worker(shown(process), app.installed, direct) for process in plan.processes}
    one_worker = {process_type: reason for process_type, reason in reasons.items() if reason}
    variables = {
        name: value
        for key in sorted(app.direct & LAUNCH_DEFAULTS.keys())
        for name, value in LAUNCH_DEFAULTS[key].items()
    }
    return replace(plan, beside=beside, one_worker=one_worker, variables=variables)


def decided(plan: ProcessPlan, default_process: str | None) -> ProcessPlan:
    """Return a plan with its default; `default_process` is what the user set. Raises `DefaultProcessUnknown`."""
    _check_default(default_process, [process.type for process in plan.processes])
    return _with_default(plan, default_process)


def _with_missing_programs(plan: ProcessPlan, app_dir: Path, app: AppFacts) -> ProcessPlan:
    """Warn of what declared processes start that is not installed. Inferred ones follow from what is."""
    return replace(plan, warnings=(*plan.warnings, *_missing_programs(plan, app_dir, app)))


def _missing_programs(plan: ProcessPlan, app_dir: Path, app: AppFacts) -> Iterator[str]:
    scripts = app.pyproject.get("project", {}).get("scripts", {}) if app.packaged else {}
    for process in plan.processes:
        directory = Path(process.working_directory or app_dir)
        command = StartCommand(process.command)
        for line in known_programs.missing(command, directory, app.installed, app.elsewhere, scripts):
            yield f"{plan.evidence[process.type][0]}, {process.type}: {line}."


def announce(plan: ProcessPlan) -> None:
    """Log the processes and where they come from, then what has to be fixed."""
    for process in plan.processes:
        log.step(f"{process.type}{' (default)' if process.default else ''}: {shown(process)}")
        for line in plan.evidence[process.type]:
            log.detail(line)
    for beside in plan.beside:
        log.step(f"{beside.process.type}: {shown(beside.process)}")
        log.detail(beside.evidence)
    for warning in plan.warnings:
        log.warning(warning)
    if plan.default is None:
        log.warning("The image has no default process.", *_ways_out(plan))


def shown(process: Process) -> str:
    """Return the command as a reader would write it."""
    # The shell is how a line is started, not what its author wrote.
    if process.command[:2] == ("/bin/sh", "-c"):
        return process.command[2]
    return shlex.join((*process.command, *process.args))


def _from_table(table: Mapping[str, Any], default_process: str | None, app_dir: Path, project_dir: Path) -> ProcessPlan:
    collector = Collector()
    defined: list[_Defined] = []
    for name, value in table.items():
        with collector.collecting():
            defined.append(_entry(name, value, app_dir, project_dir))
    with collector.collecting():
        _check_default(default_process, table)
    collector.raise_if_any()
    return _plan(defined)


def _entry(name: str, value: object, app_dir: Path, project_dir: Path) -> _Defined:
    """Return one key of the table. Raises `ProcessInvalid`."""
    origin = f"{TABLE} {name}"
    if not PROCESS_TYPE.match(name):
        raise ProcessInvalid(origin, "a process type is made of letters, digits, `.`, `_` and `-`")
    fields = value if isinstance(value, Mapping) else {"command": value}
    unknown = ", ".join(sorted(set(fields) - set(_KEYS)))
    if unknown:
        raise ProcessInvalid(origin, f"unknown key {unknown}; the default is set by `default-process`")
    command = _command(fields.get("command"), origin)
    args = fields.get("args", [])
    if not _is_words(args):
        raise ProcessInvalid(f"{origin} args", "is not an array of strings")
    if args and command.shell:
        raise ProcessInvalid(f"{origin} args", "the command needs a shell, so its arguments belong in `command`")
    directory = _working_directory(fields.get("working-dir"), origin, app_dir, project_dir)
    return _Defined(
        type=name, command=command, evidence=(f"pyproject.toml {TABLE}",), args=tuple(args), working_directory=directory
    )


def _command(value: object, origin: str) -> StartCommand:
    try:
        if isinstance(value, str):
            return start_command.from_line(value)
        if _is_words(value):
            return start_command.from_words(value)
    except ValueError as error:
        raise ProcessInvalid(origin, str(error)) from None
    raise ProcessInvalid(origin, "`command` is missing" if value is None else "is not a command")


def _is_words(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _working_directory(value: object, origin: str, app_dir: Path, project_dir: Path) -> str | None:
    """Return the absolute directory to start in; `None` for the app directory, which is the default."""
    if value is None:
        return _start_directory(project_dir, app_dir)
    if not isinstance(value, str):
        raise ProcessInvalid(f"{origin} working-dir", "is not a string")
    try:
        directory = (project_dir / value).resolve()
        is_directory = directory.is_dir()
    except (OSError, ValueError, RuntimeError):  # too long, or with a NUL, or a link to itself
        directory, is_directory = project_dir, False
    if not directory.is_relative_to(app_dir.resolve()) or not is_directory:
        raise ProcessInvalid(f"{origin} working-dir", f"{value!r} is not a directory inside the app directory")
    return _start_directory(app_dir / directory.relative_to(app_dir.resolve()), app_dir)


def _start_directory(directory: Path, app_dir: Path) -> str | None:
    return None if directory == app_dir else str(directory)


def _from_procfile(default_process: str | None, app_dir: Path, project_dir: Path) -> ProcessPlan | None:
    """Return the Procfile beside `pyproject.toml`, else the one of the app directory; `None` if there is neither."""
    for directory in dict.fromkeys((project_dir, app_dir)):
        path = directory / PROCFILE
        if path.is_file():
            app_files.check_inside(app_dir, path)
            shown_path = path.relative_to(app_dir).as_posix()
            return _read_procfile(path, shown_path, default_process, _start_directory(directory, app_dir))
    return None


def _read_procfile(path: Path, shown_path: str, default_process: str | None, directory: str | None) -> ProcessPlan:
    procfile = read_procfile(path, shown_path)
    collector = Collector()
    defined: list[_Defined] = []
    wrong: list[str] = []
    for name, entry in procfile.entries.items():
        try:
            command = start_command.from_line(entry.command)
        except ValueError as error:
            wrong.append(f"line {entry.line}: {error}")
            continue
        evidence = (f"{shown_path} line {entry.line}",)
        defined.append(_Defined(type=name, command=command, evidence=evidence, working_directory=directory))
    if wrong:
        collector.problems.append(ProcfileInvalid(shown_path, wrong))
    with collector.collecting():
        _check_default(default_process, procfile.entries)
    collector.raise_if_any()
    return _plan(defined, procfile.notes)


def _inferred(app_dir: Path, app: AppFacts) -> ProcessPlan:
    inference = infer(app)
    defined = [
        _Defined(
            type=process.type,
            command=start_command.from_line(process.command),
            evidence=process.evidence,
            working_directory=_start_directory(app.project_dir / process.directory, app_dir),
        )
        for process in inference.processes
    ]
    warnings = tuple(warning for process in inference.processes for warning in process.warnings)
    plan = _plan(defined, warnings)
    if inference.default:
        plan = _marked(plan, inference.default)
    return replace(
        plan, considered=inference.considered, suggestion=inference.suggestion, undecided=inference.undecided
    )


def _plan(defined: Sequence[_Defined], notes: Sequence[str] = ()) -> ProcessPlan:
    return ProcessPlan(
        processes=tuple(
            Process(
                type=process.type,
                command=process.command.argv,
                args=process.args,
                working_directory=process.working_directory,
            )
            for process in defined
        ),
        evidence={process.type: process.evidence for process in defined},
        warnings=(*notes, *(warning for process in defined for warning in process.command.warnings)),
    )


def _check_default(default_process: str | None, types: Collection[str]) -> None:
    if default_process is not None and default_process not in types:
        raise DefaultProcessUnknown(default_process, list(types))


def _with_default(plan: ProcessPlan, default_process: str | None) -> ProcessPlan:
    """Mark the default: `web` if there is one, else the only one, else what `default-process` says, or inference."""
    types = [process.type for process in plan.processes]
    only = types[0] if len(types) == 1 and not plan.undecided else None
    inferred = plan.default.type if plan.default else None
    chosen = "web" if "web" in types else only or default_process or inferred
    warnings = plan.warnings
    if default_process not in {None, chosen}:
        warnings += (f"default-process = {default_process!r} has no effect: `web` is the default where there is one",)
    return _marked(replace(plan, warnings=warnings), chosen)


def _marked(plan: ProcessPlan, default: str | None) -> ProcessPlan:
    processes = tuple(replace(process, default=process.type == default) for process in plan.processes)
    return replace(plan, processes=processes)


def _ways_out(plan: ProcessPlan) -> list[str]:
    types = ", ".join(process.type for process in plan.processes)
    choose = f"There are {types}: name one of them as `default-process` in [tool.uv-buildpack]." if types else ""
    if plan.processes and not plan.undecided:
        return [choose]
    return [
        *([choose] if choose else []),
        "Considered:",
        *(f"  {line}" for line in plan.considered),
        "Write into pyproject.toml:",
        *(f"  {line}" for line in plan.suggestion.splitlines()),
    ]

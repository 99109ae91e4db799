"""Web applications without an application object: a module that the framework's program runs, or a program."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.commands import is_importable, one_line, python_program, quoted
from uv_buildpack.processes.inference.facts import AppFacts, InferredProcess
from uv_buildpack.processes.inference.programs import Call, calls_of, script_calls
from uv_buildpack.processes.inference.roots import module_name
from uv_buildpack.processes.inference.scripts import console_scripts
from uv_buildpack.processes.inference.servers import PORT
from uv_buildpack.processes.inference.serving import asked_for
from uv_buildpack.processes.inference.starters import Modules, Programs, Starter
from uv_buildpack.processes.inference.syntax import Module, Unreadable, imports_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import PurePosixPath

    from uv_buildpack.processes.inference.files import SourceFile
    from uv_buildpack.processes.inference.sources import Sources

# Files that are run even if they do not import the framework themselves.
_ENTRY_STEMS = frozenset({"__main__", "app", "bot", "launcher", "main", "run", "server", "start", "worker"})
_MAXIMUM_ENTRIES = 40


class Program(NamedTuple):
    """A file or a console script that starts the framework when it is run, and the call by which it does."""

    call: Call
    module: Module | None = None
    script: str = ""
    target: str = ""

    def command(self, app: AppFacts, sources: Sources) -> str:
        """Return the command that runs it."""
        return python_program(app, sources, self.module).command if self.module else self.script

    @property
    def evidence(self) -> str:
        """Where it starts the framework."""
        return f"{self.call.place}: {ast.unparse(self.call.node.func)}(…)"


def find(
    app: AppFacts, sources: Sources, starter: Starter, considered: list[str]
) -> Iterator[tuple[InferredProcess, PurePosixPath]]:
    """Return the candidates of a row, with the file each was found in."""
    version = app.locked(asked_for(app, starter))
    rule = starter.looks_for
    if isinstance(rule, Modules):
        modules = _modules(sources, rule)
        if not modules:
            considered.append(f"no module at the top of the project starts {starter.name}")
        for path in modules:
            command = one_line(f"{_path(app, sources, path)} {rule.command.format(file=quoted(path), port=PORT)}")
            evidence = (f"{path}: imports {rule.imports}", version)
            yield InferredProcess(type=starter.type, command=command, evidence=evidence), path
    elif isinstance(rule, Programs):
        programs = find_programs(app, sources, rule)
        if not programs:
            considered.append(f"no program of the project starts {starter.name}")
        for program in programs:
            command = _listening(app, sources, rule, program)
            evidence = (program.evidence, version)
            yield InferredProcess(type=starter.type, command=command, evidence=evidence), program.call.module.path


def _path(app: AppFacts, sources: Sources, path: PurePosixPath) -> str:
    """Return the assignment that a module needs: the framework's program puts only its own directory on the path."""
    module = sources.module(path)
    if not isinstance(module, Module):
        return ""
    root = sources.distant_root(path, module)
    if root is None or is_importable(app, root, module_name(path, root)):
        return ""
    return f"PYTHONPATH={root}"


def _modules(sources: Sources, rule: Modules) -> list[PurePosixPath]:
    """Return the modules nearest to the top that no other such module imports."""
    found = _marked(sources, rule, sources.files) or _marked(sources, rule, sources.below(rule.directory))
    imported = {name for module in found for name in imports_of(module)}
    # Pages are found by the entry, which is beside their directory, and import what is none.
    top = [
        one
        for one in found
        if "pages" not in one.path.parts and one.name not in imported and one.path.stem not in imported
    ]
    # A module that only defines shows nothing: others import it, which may not use the framework themselves.
    running = top if rule.marks else [one for one in top if _does_something(one)]
    # What calls the framework's program starts a page, and is one only if there is no other.
    pages = [one for one in running if not rule.program or rule.program not in imports_of(one)] or running
    entries = [one.path for one in pages]
    depth = min((len(path.parts) for path in entries), default=0)
    return [path for path in entries if len(path.parts) == depth]


def _does_something(module: Module) -> bool:
    """Return whether a module does more than to define and import when it is run; a text alone is documentation."""
    calls = (one.node.value for one in module.statements if isinstance(one.node, ast.Expr))
    loops = any(isinstance(one.node, ast.For | ast.While) for one in module.statements)
    return bool(module.guarded) or loops or any(not isinstance(call, ast.Constant) for call in calls)


def _marked(sources: Sources, rule: Modules, files: Iterable[SourceFile]) -> list[Module]:
    """Return the modules that import the framework and have one of its marks."""
    found = []
    for file in sources.mentioning([rule.imports.encode()], files):
        module = sources.module(file.path)
        content = sources.content(file)
        if isinstance(module, Unreadable) or isinstance(content, Unreadable):
            continue
        marked = not rule.marks or any(mark.encode() in content for mark in rule.marks)
        if marked and rule.imports in imports_of(module):
            found.append(module)
    return found


def find_programs(app: AppFacts, sources: Sources, rule: Programs) -> list[Program]:
    """Return the programs that start the framework: console scripts before files, importing files before imported."""
    scripts = []
    for name, target in console_scripts(app)[0].items():
        call = next((one for one in script_calls(sources, target) if _starts(one, rule, sources)), None)
        if call:
            scripts.append(Program(call, script=name, target=str(target)))
    if len(scripts) == 1:
        return scripts
    files = []
    for module in _entries(sources, rule):
        call = next((one for one in calls_of(sources, module) if _starts(one, rule, sources)), None)
        if call:
            files.append(Program(call, module=module))
    imported = {name for one in files if one.module for name in imports_of(one.module)}
    top = [one for one in files if one.module and not {one.module.name, one.module.path.stem} & imported]
    if len(top) > 1:
        # `python -m package` is the package's own way to be started.
        mains = [one for one in top if one.module and one.module.path.name == "__main__.py"]
        top = mains if len(mains) == 1 else top
    return top or scripts


def _entries(sources: Sources, rule: Programs) -> Iterator[Module]:
    # Not the name alone: `rq` is in half of all files.
    words = [f"{before} {name}".encode() for name in rule.imports for before in ("import", "from", ",")]
    mentioning = {file.name for file in sources.mentioning(words)}
    if not mentioning:
        return
    likely = [file for file in sources.files if file.name in mentioning or file.stem in _ENTRY_STEMS]
    for file in sorted(likely, key=lambda file: (file.name.count("/"), file.rank))[:_MAXIMUM_ENTRIES]:
        module = sources.module(file.path)
        if isinstance(module, Module):
            yield module


def _starts(call: Call, rule: Programs, sources: Sources) -> bool:
    return call.matches(rule.calls, rule.imports, sources)


def _listening(app: AppFacts, sources: Sources, rule: Programs, program: Program) -> str:
    """Return the command with which the program listens where web processes do."""
    given = [program.call.value(program.call.argument(name)) for name in rule.listens]
    fixed = [node for node in given if node is not None and not _is_told(node)]
    reads = any(node is not None and _is_told(node) for node in given[1:])
    told = bool(rule.variables) or reads
    if rule.wrapper and (fixed or not told or (rule.reloads and not _is_false(program.call.argument("reload")))):
        return _wrapped(app, sources, rule, program)
    return one_line(f"{'' if reads else rule.variables} {program.command(app, sources)}")


def _is_told(node: ast.expr) -> bool:
    """Return whether the value comes from the platform, or is the address of all interfaces."""
    return "PORT" in ast.unparse(node) or (isinstance(node, ast.Constant) and node.value == "0.0.0.0")  # noqa: S104


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _wrapped(app: AppFacts, sources: Sources, rule: Programs, program: Program) -> str:
    if program.module is None:
        module, _, function = program.target.partition(":")
        start = f"from {module.strip()} import {function.strip()} as start; start()"
        return f"python -c '{rule.wrapper.format(start=start, file=program.script)}'"
    python = python_program(app, sources, program.module)
    wrapped = rule.wrapper.format(start=python.start, file=program.module.path)
    return one_line(f"{python.assignment} python -c '{wrapped}'")

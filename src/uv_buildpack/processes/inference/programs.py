"""What a file does when it is run as a program, as far as the syntax shows it."""

from __future__ import annotations

import ast
import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.syntax import Module, dotted_name, imports_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from uv_buildpack.processes.inference.sources import Sources

# Functions that are followed: a program's first steps, not all of its work.
_MAXIMUM_FOLLOWED = 150
# Modules that hand a name on. Packages that import a name from themselves would hand it on for ever.
_MAXIMUM_HOPS = 5


class Call(NamedTuple):
    """A call that running a program reaches, in this module; `within` is the function it is in."""

    node: ast.Call
    module: Module
    within: ast.AST | None

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.module.path}:{self.node.lineno}"

    @property
    def name(self) -> str:
        """The dotted name that is called, as it was imported; empty where there is none."""
        dotted = dotted_name(self.node.func)
        return self.module.qualified(dotted) if dotted else ""

    def matches(self, calls: Sequence[str], imports: Sequence[str], sources: Sources) -> bool:
        """Return whether it is one of `calls`: dotted names, or `*.name` for a method of an object.

        Of which class the object is the syntax does not show, so the module, or one that it imports, has to import one
        of `imports`.
        """
        if self.name in calls:
            return True
        func = self.node.func
        if not isinstance(func, ast.Attribute) or f"*.{func.attr}" not in calls:
            return False
        imported = imports_of(self.module)
        resolve = sources.resolver(self.module.path)
        near = (found for name in sorted(imported) if (found := resolve(name)) is not None)
        if not set(imports) & imported and not any(set(imports) & imports_of(module) for module in near):
            return False
        # `asyncio.run` and `uvicorn.run` are functions of modules, not methods.
        origin = self.name.partition(".")[0]
        foreign = origin in sys.stdlib_module_names or origin in sources.installed
        is_module = foreign and origin in imported and origin not in imports
        return not is_module

    def argument(self, name: str | None) -> ast.expr | None:
        """Return what is given for a parameter by name; for `None` what is given as `**`."""
        return next((keyword.value for keyword in self.node.keywords if keyword.arg == name), None)

    def _default(self, name: str) -> ast.expr | None:
        """Return the default of a parameter of the function that the call is in."""
        if not isinstance(self.within, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        given = self.within.args
        positional = [*given.posonlyargs, *given.args]
        optional = positional[len(positional) - len(given.defaults) :]
        parameters = zip([*optional, *given.kwonlyargs], [*given.defaults, *given.kw_defaults], strict=True)
        return next((value for parameter, value in parameters if parameter.arg == name), None)

    def value(self, node: ast.expr | None) -> ast.expr | None:
        """Return the expression behind a name: a parameter's default, or what is assigned nearby; else the name."""
        if not isinstance(node, ast.Name):
            return node
        default = self._default(node.id)
        if default is not None:
            return default
        scopes: list[ast.AST] = [*([self.within] if self.within else []), *(s.node for s in self.module.statements)]
        values = [
            one.value
            for scope in scopes
            for one in ast.walk(scope)
            if isinstance(one, ast.Assign | ast.AnnAssign | ast.NamedExpr) and one.value is not None
            for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
            if isinstance(target, ast.Name) and target.id == node.id
        ]
        return values[0] if values else node


def calls_of(sources: Sources, module: Module, function: str | None = None) -> Iterator[Call]:
    """Return the calls that running the module reaches, or calling one of its functions."""
    seen: set[tuple[str, str]] = set()
    waiting: list[tuple[Module, str]] = [(module, function or "")]
    while waiting and len(seen) < _MAXIMUM_FOLLOWED:
        current, name = waiting.pop(0)
        if (str(current.path), name) in seen:
            continue
        seen.add((str(current.path), name))
        within = current.definitions.get(name)
        body = within.body if within else _top_level(current)
        for node in _walk(body, enter=within is not None):
            if isinstance(node, ast.Call):
                yield Call(node, current, within)
            if isinstance(node, ast.Name | ast.Attribute):
                waiting += _definitions(sources, current, dotted_name(node))


def _top_level(module: Module) -> list[ast.stmt]:
    # The statements inside of compound ones are listed themselves.
    simple = [one.node for one in module.statements if not isinstance(one.node, ast.If | ast.Try | ast.With)]
    return [*simple, *module.guarded]


def _walk(body: Sequence[ast.stmt], *, enter: bool) -> Iterator[ast.AST]:
    """Return every node of statements in order; nested functions only if `enter`."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not enter:
            continue
        yield node
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _definitions(sources: Sources, module: Module, dotted: str | None, hops: int = 0) -> Iterator[tuple[Module, str]]:
    """Return the function or class of the project that a name stands for."""
    if dotted is None:
        return
    if dotted in module.definitions:
        yield module, dotted
        return
    origin, _, name = module.qualified(dotted).rpartition(".")
    if not origin or origin.partition(".")[0] in sys.stdlib_module_names:
        return
    if dotted.partition(".")[0] not in module.names:
        return
    other = sources.resolver(module.path)(origin)
    if other is not None and name in other.definitions:
        yield other, name
    elif other is not None and name in other.names and hops < _MAXIMUM_HOPS:
        yield from _definitions(sources, other, name, hops + 1)


def script_calls(sources: Sources, target: object) -> Iterator[Call]:
    """Return the calls that a console script reaches; `target` is `module:function`."""
    dotted, _, function = str(target).partition("[")[0].strip().partition(":")
    path = sources.path_of(dotted.strip(), (PurePosixPath("src"), PurePosixPath()))
    module = sources.module(path) if path else None
    if not isinstance(module, Module):
        return
    name = function.strip().partition(".")[0]
    if name in module.definitions:
        yield from calls_of(sources, module, name)
        return
    for other, found in _definitions(sources, module, name):
        yield from calls_of(sources, other, found)

"""Application objects and factories in a syntax tree. Sources are parsed, never imported."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uv_buildpack.processes.inference.files import MAXIMUM_FILE_SIZE
from uv_buildpack.processes.inference.rules import APP_NAMES, FACTORY_NAMES, Framework

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# A factory may be re-exported by a package: `from .factory import create_app` in its `__init__.py`.
_MAXIMUM_HOPS = 3

_FunctionDef = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Binding:
    """A name at the top level of a module that is an application, or a factory of one."""

    name: str
    line: int
    framework: Framework
    factory: bool

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Objects before factories, usual names before others, then the order in the file."""
        names = FACTORY_NAMES if self.factory else APP_NAMES
        usual = names.index(self.name) if self.name in names else len(names)
        return (self.factory, usual, self.line)


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed module. `names` maps what is imported to where it is from, in dotted form; `size` is in bytes."""

    name: str
    size: int
    names: Mapping[str, str]
    functions: Mapping[str, _FunctionDef]
    body: Sequence[ast.stmt] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a source file could not be parsed."""

    reason: str


# Gives another module of the project by its dotted name.
Resolve = Callable[[str], Module | None]


def parse(path: Path, name: str, mentioned: Sequence[bytes]) -> Module | Unreadable | None:
    """Parse the file that would be imported as `name`; `None` if it mentions none of the words.

    Most files fail that test, which costs a hundredth of parsing.
    """
    try:
        if path.stat().st_size > MAXIMUM_FILE_SIZE:
            return Unreadable("larger than 512 KB")
        source = path.read_bytes()
    except OSError as error:
        return Unreadable(error.strerror or "cannot be read")
    if not any(word in source for word in mentioned):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the application's escapes are not ours to judge
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        return Unreadable(f"cannot be parsed (line {line})" if line else "cannot be parsed")
    return _module(tree, name, len(source), is_package=path.name == "__init__.py")


def bindings(module: Module, frameworks: Sequence[Framework], resolve: Resolve) -> list[Binding]:
    """Give the module's applications and factories, the likeliest first."""
    reader = _Reader(_classes(frameworks), resolve)
    found = [*_objects(module, reader), *_factories(module, reader)]
    return sorted(found, key=lambda binding: binding.rank)


def absolute_imports(module: Module) -> set[str]:
    """Give the first components of what the module imports absolutely at its top level."""
    found: set[str] = set()
    for statement in _top_level(module.body):
        if isinstance(statement, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
            found.add(statement.module.partition(".")[0])
    return found


def has_relative_imports(module: Module) -> bool:
    """Tell whether the module must be imported as a part of a package."""
    return any(isinstance(node, ast.ImportFrom) and node.level for node in _top_level(module.body))


def _module(tree: ast.Module, name: str, size: int, *, is_package: bool) -> Module:
    package = name if is_package else name.rpartition(".")[0]
    names: dict[str, str] = {}
    functions: dict[str, _FunctionDef] = {}
    for statement in _top_level(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names.update(_imported(statement, package))
        elif isinstance(statement, _FunctionDef):
            functions[statement.name] = statement
        elif isinstance(statement, ast.ClassDef) and statement.bases:
            # A subclass of an application class is one too: its name stands for its first base.
            base = _dotted(statement.bases[0])
            names[statement.name] = _qualified(base, names) if base else statement.name
    return Module(name, size, names, functions, tree.body)


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run on import, those in branches included."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and _is_main_guard(statement):
            yield from _top_level(statement.orelse)
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            for name in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(statement, name, ()))
            for handler in getattr(statement, "handlers", ()):
                yield from _top_level(handler.body)


def _is_main_guard(statement: ast.If) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test))


def _imported(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str]]:
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            # `import a.b` binds `a`.
            bound = alias.asname or alias.name.partition(".")[0]
            yield bound, alias.name if alias.asname else bound
        else:
            yield alias.asname or alias.name, f"{_origin(statement, package)}.{alias.name}"


def _origin(statement: ast.ImportFrom, package: str) -> str:
    """The dotted module of a `from … import`, relative ones resolved."""
    if not statement.level:
        return statement.module or ""
    parents = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*parents, *([statement.module] if statement.module else [])])


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = _dotted(node.value)
        return f"{value}.{node.attr}" if value else None
    return None


def _qualified(dotted: str, names: Mapping[str, str]) -> str:
    first, dot, rest = dotted.partition(".")
    return f"{names.get(first, first)}{dot}{rest}"


def _classes(frameworks: Sequence[Framework]) -> dict[str, Framework]:
    return {name: framework for framework in frameworks for name in framework.classes}


@dataclass(frozen=True, slots=True)
class _Reader:
    """Tells which framework's application an expression is, as far as the syntax shows it."""

    classes: Mapping[str, Framework]
    resolve: Resolve

    def of_class(self, node: ast.expr | None, module: Module) -> Framework | None:
        """For a class that is named: in an annotation, say."""
        dotted = _dotted(node) if node is not None else None
        return self.classes.get(_qualified(dotted, module.names)) if dotted else None

    def of_value(self, node: ast.expr | None, module: Module, hops: int = 0) -> Framework | None:
        """For a call of the class, or of a function that returns an application."""
        if not isinstance(node, ast.Call) or hops > _MAXIMUM_HOPS:
            return None
        dotted = _dotted(node.func)
        if dotted is None:
            return None
        return self.of_class(node.func, module) or self.of_callable(dotted, module, hops)

    def of_callable(self, dotted: str, module: Module, hops: int) -> Framework | None:
        """For a function, here or in another module of the project."""
        if dotted in module.functions:
            return self.of_function(module.functions[dotted], module, hops + 1)
        origin, _, name = _qualified(dotted, module.names).rpartition(".")
        other = self.resolve(origin) if origin and hops < _MAXIMUM_HOPS else None
        return self.of_callable(name, other, hops + 1) if other else None

    def of_function(self, function: _FunctionDef, module: Module, hops: int = 0) -> Framework | None:
        """For what a function returns: as it says, or as its `return` statements show."""
        if isinstance(function, ast.AsyncFunctionDef):
            return None  # what it returns is a coroutine: no server takes that
        annotated = self.of_class(function.returns, module)
        if annotated:
            return annotated
        local = {
            name: framework
            for name, value in _assignments(ast.walk(function))
            if (framework := self.of_value(value, module, hops))
        }
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        of_names = [local.get(node.id) for node in returned if isinstance(node, ast.Name)]
        of_calls = [self.of_value(node, module, hops) for node in returned]
        return next((framework for framework in [*of_names, *of_calls] if framework), None)


def _assignments(nodes: Iterator[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    for node in nodes:
        targets: Sequence[ast.expr] = ()
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = (node.target,)
        for target in targets:
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                yield target.id, value


def _objects(module: Module, reader: _Reader) -> Iterator[Binding]:
    seen: set[str] = set()
    for statement in _top_level(module.body):
        annotation = statement.annotation if isinstance(statement, ast.AnnAssign) else None
        for name, value in _assignments(iter([statement])):
            framework = reader.of_class(annotation, module) or reader.of_value(value, module)
            if framework and name not in seen:
                seen.add(name)
                yield Binding(name, statement.lineno, framework, factory=False)


def _factories(module: Module, reader: _Reader) -> Iterator[Binding]:
    for name, function in module.functions.items():
        if name in FACTORY_NAMES and not _required_parameters(function):
            framework = reader.of_function(function, module)
            if framework:
                yield Binding(name, function.lineno, framework, factory=True)


def _required_parameters(function: _FunctionDef) -> bool:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return positional > len(arguments.defaults) or None in arguments.kw_defaults

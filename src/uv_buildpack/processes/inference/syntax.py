"""Source files as syntax trees: what a module imports, defines and executes. Sources are parsed, never imported."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import PurePosixPath

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


# The `if`s around a statement, as (line, branch), the outermost first.
Conditions = tuple[tuple[int, int], ...]


class Statement(NamedTuple):
    """A statement that may run on import."""

    node: ast.stmt
    conditions: Conditions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A parsed module.

    `names` maps what is imported to where it is from, in dotted form, and classes to their first base; `stars` are the
    modules of `from … import *`. `statements` run on import, `guarded` only if the file is run as a program
    (`if __name__ == "__main__"`).
    """

    path: PurePosixPath
    """Relative to the project's directory."""
    name: str
    size: int
    names: Mapping[str, str]
    stars: Sequence[str]
    definitions: Mapping[str, Definition]
    statements: Sequence[Statement] = field(repr=False)
    guarded: Sequence[ast.stmt] = field(repr=False)

    def qualified(self, dotted: str) -> str:
        """Return a name of this module as the dotted name that it was imported by."""
        first, dot, rest = dotted.partition(".")
        return f"{self.names.get(first, first)}{dot}{rest}"

    def possible(self, dotted: str) -> Iterator[str]:
        """Return the dotted names that a name may stand for: as `qualified`, or from a `from … import *`."""
        yield self.qualified(dotted)
        first = dotted.partition(".")[0]
        if first not in self.names and first not in self.definitions:
            yield from (f"{star}.{dotted}" for star in self.stars)


class Unreadable(NamedTuple):
    """Why a source file could not be parsed."""

    reason: str


# Returns another module of the project by its dotted name.
Resolve = Callable[[str], Module | None]


def parse(source: bytes, path: PurePosixPath, name: str) -> Module | Unreadable:
    """Parse the source of the file `path`, which would be imported as `name`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the application's escapes are not ours to judge
            tree = ast.parse(source)
        return _module(tree, path, name, len(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # The application's Python may be newer than the one that runs this.
        version = ".".join(str(part) for part in sys.version_info[:2])
        line = getattr(error, "lineno", None)
        return Unreadable(f"line {line} cannot be parsed by Python {version}" if line else "cannot be parsed")


def dotted_name(node: ast.expr | None) -> str | None:
    """Return `a.b.c` for such an expression, also as a text (`-> "FastAPI"`)."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        return ".".join((node.id, *reversed(parts)))
    if not parts and isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if all(part.isidentifier() for part in node.value.split(".")) else None
    return None


def absolute_imports(module: Module) -> set[str]:
    """Return the first components of what the module imports absolutely at its top level."""
    found: set[str] = set()
    for statement in module.statements:
        node = statement.node
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def has_relative_imports(module: Module) -> bool:
    """Return whether the module must be imported as a part of a package."""
    return any(isinstance(one.node, ast.ImportFrom) and one.node.level for one in module.statements)


def imports_of(module: Module) -> set[str]:
    """Return the dotted names of all that the module imports at its top level, with each of their parents."""
    origins = {*module.names.values(), *module.stars}
    # `import a.b` binds `a` only.
    for statement in module.statements:
        if isinstance(statement.node, ast.Import):
            origins |= {alias.name for alias in statement.node.names}
    return {dotted.rsplit(".", count)[0] for dotted in origins for count in range(dotted.count(".") + 1)}


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Return the names that a statement assigns, with their values; of `app, route = f()` the first name."""
    targets: Sequence[ast.expr] = ()
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = (node.target,)
    for target in targets:
        value = getattr(node, "value", None)
        first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
        if isinstance(first, ast.Name) and isinstance(value, ast.expr):
            yield first.id, value


def _module(tree: ast.Module, path: PurePosixPath, name: str, size: int) -> Module:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    names: dict[str, str] = {}
    stars: list[str] = []
    definitions: dict[str, Definition] = {}
    guarded: list[ast.stmt] = []
    statements = tuple(_statements(tree.body, (), guarded))
    for statement in statements:
        node = statement.node
        if isinstance(node, ast.Import | ast.ImportFrom):
            for bound, origin in _imported(node, package):
                if bound == "*":
                    stars.append(origin.removesuffix(".*"))
                else:
                    names[bound] = origin
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            definitions[node.name] = node
            if isinstance(node, ast.ClassDef) and node.bases:
                # A subclass of an application class is one too: its name stands for its first base.
                base = dotted_name(node.bases[0])
                first, dot, rest = (base or node.name).partition(".")
                names[node.name] = f"{names.get(first, first)}{dot}{rest}"
    for node in guarded:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for bound, origin in _imported(node, package):
                names.setdefault(bound, origin)
    return Module(
        path=path,
        name=name,
        size=size,
        names=names,
        stars=stars,
        definitions=definitions,
        statements=statements,
        guarded=guarded,
    )


def _statements(
    body: Sequence[ast.stmt], conditions: tuple[tuple[int, int], ...], guarded: list[ast.stmt]
) -> Iterator[Statement]:
    """Return the statements that run on import, those in branches included; those of main guards go to `guarded`."""
    for node in body:
        yield Statement(node, conditions)
        if isinstance(node, ast.If) and _mentions(node.test, "__name__"):
            guarded.extend(node.body)
            yield from _statements(node.orelse, conditions, guarded)
        elif isinstance(node, ast.If) and _mentions(node.test, "TYPE_CHECKING"):
            # Only type checkers see what is in there; annotations use its imports.
            imports = [one for one in node.body if isinstance(one, ast.Import | ast.ImportFrom)]
            yield from _statements(imports, conditions, guarded)
            yield from _statements(node.orelse, conditions, guarded)
        elif isinstance(node, ast.If):
            yield from _statements(node.body, (*conditions, (node.lineno, 0)), guarded)
            yield from _statements(node.orelse, (*conditions, (node.lineno, 1)), guarded)
        elif isinstance(node, ast.Try | ast.With):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, name, ()), conditions, guarded)
            for handler in getattr(node, "handlers", ()):
                yield from _statements(handler.body, conditions, guarded)


def _mentions(test: ast.expr, name: str) -> bool:
    return any(name in {getattr(node, "id", None), getattr(node, "attr", None)} for node in ast.walk(test))


def _imported(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str]]:
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            # `import a.b` binds `a`.
            bound = alias.asname or alias.name.partition(".")[0]
            yield bound, alias.name if alias.asname else bound
        else:
            yield alias.asname or alias.name, f"{_origin(statement, package)}.{alias.name}"


def _origin(statement: ast.ImportFrom, package: str) -> str:
    """Return the dotted module of a `from … import`, relative ones resolved."""
    if not statement.level:
        return statement.module or ""
    parents = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*parents, *([statement.module] if statement.module else [])])

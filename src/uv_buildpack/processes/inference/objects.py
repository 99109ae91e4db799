"""Application objects and factories in a module: which names are what a server can be given."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.starters import APP_NAMES, FACTORY_NAMES, Kind
from uv_buildpack.processes.inference.syntax import Conditions, Module, Resolve, Statement, assigned, dotted_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import PurePosixPath

# An object may be re-exported by a package: `from .factory import create_app` in its `__init__.py`.
# A factory of an application class of the project's own goes through more modules.
_MAXIMUM_HOPS = 5

# Callables that return an application around the one they are given, with the interface of the result where it differs.
# Other callables that take an application (`SQLAlchemy(app)`, `Migrate(app, db)`, `TestClient(app)`) make none.
_WRAPPERS: dict[str, str | None] = {
    "ASGIApp": "asgi",  # python-socketio, python-engineio
    "ASGIMiddleware": "wsgi",  # a2wsgi
    "Cling": None,  # dj-static
    "DispatcherMiddleware": None,  # werkzeug
    "ProxyFix": None,  # werkzeug
    "WSGIApp": "wsgi",  # python-socketio, python-engineio
    "WSGIMiddleware": "asgi",  # a2wsgi, Starlette
    "WhiteNoise": None,
    "WsgiToAsgi": "asgi",  # asgiref
}

# Decorators that leave a factory what it is.
_HARMLESS_DECORATORS = frozenset({"cache", "lru_cache", "no_type_check"})


class Binding(NamedTuple):
    """A name at the top level of a module that is an application, or a factory of one."""

    name: str
    line: int
    kind: Kind
    factory: bool = False
    condition: int | None = None
    """The line of the `if` that decides whether there is such a name."""
    wraps: str = ""
    """The name of the application that is inside this one."""

    @property
    def rank(self) -> tuple[bool, int]:
        """Objects before factories, usual names before others. Equal ranks: neither is certain."""
        names = FACTORY_NAMES if self.factory else (*self.kind.starter.objects.names, *APP_NAMES)
        usual = names.index(self.name) if self.name in names else len(names)
        return (self.factory, usual)


def bindings(module: Module, kinds: Mapping[str, Kind], resolve: Resolve) -> list[Binding]:
    """Return the module's applications and factories, the likeliest first. `kinds` is by dotted name of the class."""
    reader = _Reader(kinds, resolve, {})
    objects = reader.objects(module)
    inner = {one.wraps for one in objects} | _mounted(module)
    outermost = [one for one in objects if one.name not in inner] or objects
    found = [*outermost, *_factories(module, reader)]
    return sorted(found, key=lambda binding: (binding.rank, binding.line))


def _mounted(module: Module) -> set[str]:
    """Return the names of applications that another one includes: `app.mount("/admin", admin)`."""
    calls = (one.node.value for one in module.statements if isinstance(one.node, ast.Expr))
    return {
        argument.id
        for call in calls
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "mount"
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
        if isinstance(argument, ast.Name)
    }


class _Reader(NamedTuple):
    """Determines what kind of application an expression is, as far as the syntax shows it."""

    kinds: Mapping[str, Kind]
    resolve: Resolve
    known: dict[tuple[PurePosixPath, int], list[Binding]]
    """What `objects` has returned: packages whose modules import each other would be read thousands of times."""

    def objects(self, module: Module, hops: int = 0) -> list[Binding]:
        """Return the application objects of a module in the order of the file; of equal names the last."""
        key = (module.path, hops)
        if key not in self.known:
            self.known[key] = self._objects(module, hops)
        return self.known[key]

    def _objects(self, module: Module, hops: int) -> list[Binding]:
        found: dict[str, Binding] = {}
        conditions: dict[str, set[Conditions]] = {}
        for statement in module.statements:
            for binding in self._of_statement(statement, module, found, hops):
                name = binding.name
                conditions.setdefault(name, set()).add(statement.conditions)
                condition = None if _always(conditions[name]) else statement.conditions[-1][0]
                found[name] = binding._replace(condition=condition)
        return list(found.values())

    def _of_statement(
        self, statement: Statement, module: Module, found: Mapping[str, Binding], hops: int
    ) -> Iterator[Binding]:
        node = statement.node
        if isinstance(node, ast.ImportFrom) and hops < _MAXIMUM_HOPS:
            yield from self._imported(node, module, hops)
            return
        annotation = node.annotation if isinstance(node, ast.AnnAssign) else None
        for name, value in assigned(node):
            inner = _wrapped(value, found) or _owner(value)
            kind = (
                self.of_class(annotation, module)
                or self._of_wrapper(value, found)
                or self._of_member(value, found)
                or self.of_value(value, module)
            )
            if kind:
                yield Binding(name=name, line=node.lineno, kind=kind, wraps=inner if inner != name else "")

    def _imported(self, node: ast.ImportFrom, module: Module, hops: int) -> Iterator[Binding]:
        """Return objects of other modules of the project under the name that they have here."""
        for alias in node.names:
            bound = alias.asname or alias.name
            origin, _, name = module.names.get(bound, "").rpartition(".")
            # A lower-case name: a class is no object, and resolving each import would read half of the project.
            other = self.resolve(origin) if origin and name.islower() else None
            if other is None or other.path == module.path:
                continue
            for binding in self.objects(other, hops + 1):
                if binding.name == name:
                    yield binding._replace(name=bound, line=node.lineno, wraps="")

    def of_class(self, node: ast.expr | None, module: Module) -> Kind | None:
        """Return the kind of a class that is named, in an annotation for example."""
        dotted = dotted_name(node)
        if not dotted:
            return None
        return next((self.kinds[name] for name in module.possible(dotted) if name in self.kinds), None)

    def of_value(self, node: ast.expr | None, module: Module, hops: int = 0) -> Kind | None:
        """Return the kind of what a call returns: of the class, or of a function that returns an application."""
        if isinstance(node, ast.IfExp):
            return self.of_value(node.body, module, hops) and self.of_value(node.orelse, module, hops)
        if not isinstance(node, ast.Call) or hops > _MAXIMUM_HOPS:
            return None
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
            # A chain of setters, as in `RedisBroker(url).with_result_backend(backend)`.
            return self.of_value(node.func.value, module, hops) if node.func.attr.startswith("with_") else None
        dotted = dotted_name(node.func)
        if dotted is None:
            return None
        of_argument = (
            next((kind for one in node.args if (kind := self.of_value(one, module, hops + 1))), None)
            if _is_wrapper(dotted)
            else None
        )
        return self.of_class(node.func, module) or of_argument or self.of_callable(dotted, module, hops)

    def _of_wrapper(self, node: ast.expr, found: Mapping[str, Binding]) -> Kind | None:
        """Return the kind of a wrapper around an object that was found before."""
        inner = found.get(_wrapped(node, found))
        if inner is None or not isinstance(node, ast.Call):
            return None
        name = (dotted_name(node.func) or "").rpartition(".")[2]
        return Kind(inner.kind.starter, _WRAPPERS.get(name) or inner.kind.interface)

    @staticmethod
    def _of_member(node: ast.expr, found: Mapping[str, Binding]) -> Kind | None:
        """Return the kind of a member of an object found before: `app.server` of Dash, `mcp.http_app()` of FastMCP."""
        owner = found.get(_owner(node))
        member = node.func if isinstance(node, ast.Call) else node
        interface = owner.kind.starter.objects.members.get(getattr(member, "attr", "")) if owner else None
        return Kind(owner.kind.starter, interface) if owner and interface else None

    def of_callable(self, dotted: str, module: Module, hops: int) -> Kind | None:
        """Return the kind of what a function returns or a class is, here or in another module of the project."""
        definition = module.definitions.get(dotted)
        if isinstance(definition, ast.ClassDef):
            base = module.qualified(dotted)
            return self.kinds.get(base) or (self._elsewhere(base, hops) if base != dotted else None)
        if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
            return self.of_function(definition, module, hops + 1)
        return self._elsewhere(module.qualified(dotted), hops)

    def _elsewhere(self, qualified: str, hops: int) -> Kind | None:
        origin, _, name = qualified.rpartition(".")
        other = self.resolve(origin) if origin and hops < _MAXIMUM_HOPS else None
        return self.of_callable(name, other, hops + 1) if other else None

    def of_function(
        self, function: ast.FunctionDef | ast.AsyncFunctionDef, module: Module, hops: int = 0
    ) -> Kind | None:
        """Return the kind of what a function returns, by its annotation or its `return` statements."""
        annotated = self.of_class(function.returns, module)
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        if annotated is None:
            local = {
                name: kind
                for node in ast.walk(function)
                for name, value in assigned(node)
                if (kind := self.of_value(value, module, hops))
            }
            of_names = [local.get(node.id) for node in returned if isinstance(node, ast.Name)]
            of_calls = [self.of_value(node, module, hops) for node in returned]
            annotated = next((kind for kind in [*of_names, *of_calls] if kind), None)
        if isinstance(function, ast.AsyncFunctionDef):
            # What it returns is a coroutine, which few servers take.
            return annotated if annotated and annotated.starter.objects.awaits_factories else None
        return annotated


def _always(found: Collection[Conditions]) -> bool:
    """Return whether one of several statements is executed, whatever the conditions around them."""
    if () in found:
        return True
    return any(
        all(_always({one[1:] for one in found if one[0] == (line, branch)}) for branch in (0, 1))
        for line in {one[0][0] for one in found}
    )


def _is_wrapper(dotted: str) -> bool:
    name = dotted.rpartition(".")[2]
    return name in _WRAPPERS or name.endswith("Middleware")


def _wrapped(node: ast.expr, found: Mapping[str, Binding]) -> str:
    """Return the name of the application that a wrapper is given, or nothing."""
    if not isinstance(node, ast.Call) or not _is_wrapper(dotted_name(node.func) or ""):
        return ""
    given: Sequence[ast.expr] = [*node.args, *(keyword.value for keyword in node.keywords)]
    return next((one.id for one in given if isinstance(one, ast.Name) and one.id in found), "")


def _owner(node: ast.expr) -> str:
    """Return the name of the object that an expression is a member of, or nothing."""
    member = node.func if isinstance(node, ast.Call) else node
    return member.value.id if isinstance(member, ast.Attribute) and isinstance(member.value, ast.Name) else ""


def _factories(module: Module, reader: _Reader) -> Iterator[Binding]:
    """Functions that need no arguments and return an application."""
    for name, function in module.definitions.items():
        if isinstance(function, ast.ClassDef) or name.startswith("_") or _required_parameters(function):
            continue
        decorators = {
            (dotted_name(one.func if isinstance(one, ast.Call) else one) or "?").rpartition(".")[2]
            for one in function.decorator_list
        }
        kind = reader.of_function(function, module) if decorators <= _HARMLESS_DECORATORS else None
        if kind:
            yield Binding(name=name, line=function.lineno, kind=kind, factory=True)


def demanding_factory(module: Module) -> str:
    """Return where a factory is that needs arguments, which no server gives it; empty if there is none."""
    for name, function in module.definitions.items():
        if name in FACTORY_NAMES and not isinstance(function, ast.ClassDef) and _required_parameters(function):
            return f"{module.path}:{function.lineno}: `{name}` needs arguments, which a server cannot give it"
    return ""


def _required_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return positional > len(arguments.defaults) or None in arguments.kw_defaults

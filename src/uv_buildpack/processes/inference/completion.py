"""An application that another module completes: `run.py` imports it, adds its views or its layout, and runs it.

Served from the module that makes it, it would answer without them.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.applications import AppObject
from uv_buildpack.processes.inference.files import LAST_TIER
from uv_buildpack.processes.inference.syntax import Module, dotted_name, imports_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from uv_buildpack.processes.inference.files import SourceFile
    from uv_buildpack.processes.inference.objects import Binding
    from uv_buildpack.processes.inference.sources import Sources

# What runs an application, when everything is in it.
_RUNS = frozenset({"run", "run_server", "serve"})
_MAXIMUM_FOLLOWED = 40


class _Completion(NamedTuple):
    file: SourceFile
    module: Module
    name: str
    """What the application is called there; empty if the module has only what the application belongs to."""
    line: int


def completed(sources: Sources, one: AppObject, doubts: list[str]) -> AppObject:
    """Return the application as the module has it that completes it; what speaks against that goes to `doubts`."""
    owner = sources.module(one.file.path)
    if one.binding.factory or not isinstance(owner, Module):
        return one
    found = [
        completion
        for file in _near(sources, one.file)
        if (completion := _completion(sources, file, owner, one.binding))
        and not _reaches(sources, owner, completion.module)
    ]
    imported = {name for completion in found for name in imports_of(completion.module)}
    top = [completion for completion in found if completion.module.name not in imported]
    if len(top) > 1:
        doubts += [f"{each.file.name}:{each.line}: completes the application, one of several" for each in top]
    if len(top) != 1:
        return one
    (last,) = top
    root = sources.import_root(last.file.path, last.module)
    if root is None:
        return one
    name = one.binding.name
    if not last.name:
        what = f"completes the {one.binding.kind.starter.name} application, but has no `{name}` for a server"
        doubts.append(f"{last.file.name}:{last.line}: {what}; import it there")
    return AppObject(last.file, root, one.binding._replace(name=last.name or name, line=last.line))


def _near(sources: Sources, file: SourceFile) -> Iterator[SourceFile]:
    """Return the other files at the top, and those beside an application."""
    directory = file.name.rpartition("/")[0]
    near = (one for one in sources.files if one.depth == 1 or one.name.rpartition("/")[0] == directory)
    others = [one for one in near if one != file and one.stem != "__init__"]
    name = file.stem if file.stem != "__init__" else file.path.parent.name
    yield from sources.mentioning([name.encode()], others)


def _completion(sources: Sources, file: SourceFile, owner: Module, binding: Binding) -> _Completion | None:
    """Return how a module completes the application that another one makes; `None` if it does not."""
    module = sources.module(file.path)
    if not isinstance(module, Module):
        return None
    wanted = {binding.name, binding.wraps}  # (`app` where it is `server = app.server`)
    names = _imported(sources, module, owner, wanted)
    line = _completing(sources, module, owner, names, wanted) if names else 0
    # A file whose name says nothing has to run the application.
    if not line or not (file.tier < LAST_TIER or _runs(module.guarded, names)):
        return None
    own = next((bound for bound, original in names.items() if original == binding.name), "")
    return _Completion(file, module, own, line)


def _imported(sources: Sources, module: Module, owner: Module, wanted: Collection[str]) -> dict[str, str]:
    """Return what a module calls the objects that it imports from another one, with their names there."""
    resolve = sources.resolver(module.path)
    found = {}
    for bound, dotted in module.names.items():
        origin, _, original = dotted.rpartition(".")
        other = resolve(origin) if origin and original in wanted else None
        if other is not None and other.path == owner.path:
            found[bound] = original
    return found


def _completing(
    sources: Sources, module: Module, owner: Module, names: Collection[str], wanted: Collection[str]
) -> int:
    """Return the line in which a module adds to an application when it is imported; 0 if it does not.

    By itself, or by importing a module that does.
    """
    simple = [one.node for one in module.statements if not isinstance(one.node, ast.If | ast.Try | ast.With)]
    if _runs(simple, names):
        return 0  # (what runs an application when it is imported cannot be served)
    resolve = sources.resolver(module.path)
    for node in simple:
        imports = node.names if isinstance(node, ast.Import | ast.ImportFrom) else ()
        others = [resolve(module.names.get(alias.asname or alias.name, alias.name)) for alias in imports]
        by_import = any(
            _adds(one.node, _imported(sources, other, owner, wanted))
            for other in others
            if other is not None and other.path != owner.path
            for one in other.statements
        )
        if by_import or _adds(node, names):
            return node.lineno
    return 0


def _adds(node: ast.stmt, names: Collection[str]) -> bool:
    """Return whether a statement changes one of the objects: `app.layout = …`, `app.include(…)`, `@app.get(…)`."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return any(_first(one.func if isinstance(one, ast.Call) else one) in names for one in node.decorator_list)
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Attribute) and _first(target) in names for target in node.targets)
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    given = {one.id for one in call.args if isinstance(one, ast.Name)}
    return (isinstance(call.func, ast.Attribute) and _first(call.func) in names) or bool(given & set(names))


def _runs(body: Iterable[ast.stmt], names: Collection[str]) -> bool:
    """Return whether one of the objects is run: `app.run()`, `uvicorn.run(app)`, `serve(app)`."""
    for call in (node for statement in body if isinstance(statement, ast.Expr) for node in ast.walk(statement)):
        if isinstance(call, ast.Call):
            owner, _, method = (dotted_name(call.func) or "").rpartition(".")
            given = {one.id for one in call.args if isinstance(one, ast.Name)}
            if method in _RUNS and (owner in names or given & set(names)):
                return True
    return False


def _first(node: ast.expr) -> str:
    return (dotted_name(node) or "").partition(".")[0]


def _reaches(sources: Sources, module: Module, wanted: Module) -> bool:
    """Return whether importing a module imports another one, so that nothing is missing without it."""
    seen = {module.path}
    waiting = [module]
    while waiting and len(seen) < _MAXIMUM_FOLLOWED:
        current = waiting.pop()
        resolve = sources.resolver(current.path)
        for name in sorted(imports_of(current)):
            found = resolve(name)
            if found is not None and found.path not in seen:
                seen.add(found.path)
                waiting.append(found)
    return wanted.path in seen

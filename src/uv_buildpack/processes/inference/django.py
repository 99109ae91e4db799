"""Django projects: `manage.py`, the settings module it names, and the WSGI and ASGI modules."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.applications import AppObject, kinds_of, objects_in
from uv_buildpack.processes.inference.facts import HERE
from uv_buildpack.processes.inference.roots import module_name
from uv_buildpack.processes.inference.starters import DJANGO
from uv_buildpack.processes.inference.syntax import Module, Unreadable, assigned
from uv_buildpack.project.django_files import find_manage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uv_buildpack.processes.inference.sources import Sources

_VARIABLE = "DJANGO_SETTINGS_MODULE"


class DjangoProject(NamedTuple):
    """A Django project. Paths are relative to the project's directory."""

    manage: PurePosixPath | None
    """Its `manage.py`, whose directory is where Django projects are started."""
    settings: str
    """The settings module that `manage.py` or the WSGI module names; empty if neither has it as a plain text."""
    settings_line: int = 0
    settings_file: PurePosixPath | None = None
    """The file of the settings module, if the project has it."""
    applications: tuple[AppObject, ...] = ()
    """The WSGI and ASGI applications."""
    installed_apps: frozenset[str] = frozenset()
    """Plain texts in the lists of the settings file: `INSTALLED_APPS` and what it is put together from."""
    custom_asgi: bool = False
    """Whether the ASGI application does more than Django's own, for instance with websockets."""

    @property
    def directory(self) -> PurePosixPath:
        """Where the project is started."""
        return self.manage.parent if self.manage else HERE


def find_projects(sources: Sources) -> list[DjangoProject]:
    """Return the Django projects, those next to the top first: one, or none, in nearly every case."""
    manages = find_manage(sources.project_dir)
    if manages:
        return [_project(sources, PurePosixPath(path.relative_to(sources.project_dir))) for path in manages]
    without = _project(sources, None)
    return [without] if without.applications else []


def _project(sources: Sources, manage: PurePosixPath | None) -> DjangoProject:
    directory = manage.parent if manage else HERE
    module = sources.module(manage) if manage else None
    settings, line = _named_settings(module) if isinstance(module, Module) else ("", 0)
    objects = list(_applications(sources, directory))
    package = settings.partition(".")[0]
    own = [one for one in objects if package and one.module.partition(".")[0] == package]
    if not settings:
        settings, line = next(filter(None, (_settings_of(sources, one) for one in own or objects)), ("", 0))
    settings_file = _file_of(sources, settings, directory)
    tree = sources.module(settings_file) if settings_file else None
    texts = frozenset(_texts(sources, tree)) if isinstance(tree, Module) else frozenset()
    applications = tuple(own or objects)
    return DjangoProject(
        manage=manage,
        settings=settings,
        settings_line=line,
        settings_file=settings_file,
        applications=applications,
        installed_apps=texts,
        custom_asgi=any(_is_custom(sources, one) for one in applications),
    )


def _named_settings(module: Module) -> tuple[str, int]:
    """Return module and line of `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")`."""
    for node in (found for one in (*module.guarded, *_bodies(module)) for found in ast.walk(one)):
        if isinstance(node, ast.Call) and len(node.args) > 1 and _text(node.args[0]) == _VARIABLE:
            return _text(node.args[1]), node.lineno
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Subscript) and isinstance(node, ast.Assign) and _text(target.slice) == _VARIABLE:
            return _text(node.value), node.lineno
    return "", 0


def _bodies(module: Module) -> Iterator[ast.AST]:
    yield from (one.node for one in module.statements)
    yield from module.definitions.values()


def _text(node: ast.expr) -> str:
    """Return a plain text, or the default of `os.environ.get(name, default)` and its like."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call) and len(node.args) > 1:
        return _text(node.args[1])
    return ""


def _settings_of(sources: Sources, application: AppObject) -> tuple[str, int] | None:
    module = sources.module(application.file.path)
    found = _named_settings(module) if isinstance(module, Module) else ("", 0)
    return found if found[0] else None


def _applications(sources: Sources, directory: PurePosixPath) -> Iterator[AppObject]:
    """Return the modules below the directory that make a WSGI or an ASGI application of Django."""
    kinds = kinds_of([DJANGO])
    below = "" if directory == HERE else f"{directory}/"
    files = [file for file in sources.files if file.name.startswith(below)]
    for file in sources.mentioning((b"get_wsgi_application", b"get_asgi_application"), files):
        module = sources.module(file.path)
        if isinstance(module, Unreadable):
            continue
        found = objects_in(sources, module, kinds)
        root = _root(sources, file.path, directory, module)
        objects = [one for one in found if not one.factory]
        function = module.definitions.get("application")
        if objects and function is not None:
            # `async def application(scope, receive, send)`, which hands some requests on to Django.
            objects = [objects[0]._replace(name="application", line=function.lineno)]
        if objects:
            yield AppObject(file, root, objects[0])


def _root(sources: Sources, path: PurePosixPath, directory: PurePosixPath, module: Module) -> PurePosixPath:
    """Return the directory that a Django package is imported from: the one from which its own settings module is found.

    That is where `manage.py` lies, or a directory such as `src` below it.
    """
    settings, _ = _named_settings(module)
    candidates = [root for root in path.parents if root.is_relative_to(directory)]
    for root in reversed(candidates):
        if settings and sources.path_of(settings, (root,)) and module_name(path, root):
            return root
    return directory / "src" if path.is_relative_to(directory / "src") else directory


def _file_of(sources: Sources, settings: str, directory: PurePosixPath) -> PurePosixPath | None:
    if not settings:
        return None
    near = sources.path_of(settings, (directory, directory / "src", HERE, PurePosixPath("src")))
    if near is not None:
        return near
    relative = settings.replace(".", "/")
    ends = (f"/{relative}.py", f"/{relative}/__init__.py")
    return next((file.path for file in sources.files if f"/{file.name}".endswith(ends)), None)


def _texts(sources: Sources, module: Module, hops: int = 0) -> Iterator[str]:
    """Return the plain texts in lists of a settings module, and of those that it imports everything from."""
    for statement in module.statements:
        value = getattr(statement.node, "value", None)
        if isinstance(value, ast.List | ast.Tuple | ast.BinOp):
            texts = (_text(node) for node in ast.walk(value) if isinstance(node, ast.Constant))
            yield from filter(None, texts)
    for star in module.stars if hops < 3 else ():  # noqa: PLR2004 (local, production, base)
        other = sources.resolver(module.path)(star)
        if other is not None:
            yield from _texts(sources, other, hops + 1)


def _is_custom(sources: Sources, application: AppObject) -> bool:
    """Return whether an ASGI application is more than `get_asgi_application()`: websockets, or another application."""
    module = sources.module(application.file.path)
    if application.binding.kind.interface != "asgi" or isinstance(module, Unreadable):
        return False
    name = application.binding.name
    values = [value for one in module.statements for bound, value in assigned(one.node) if bound == name]
    return name in module.definitions or any(_callee(value) != "get_asgi_application" for value in values)


def _callee(value: ast.expr) -> str:
    func = value.func if isinstance(value, ast.Call) else None
    return getattr(func, "attr", getattr(func, "id", "")) if func is not None else ""


def missing_settings(project: DjangoProject, sources: Sources) -> str:
    """Return the message that the settings module is not there, if its package is the project's own."""
    if not project.settings or project.settings_file is not None or project.manage is None:
        return ""
    package = PurePosixPath(project.settings.partition(".")[0])
    roots = (project.directory, project.directory / "src", HERE, PurePosixPath("src"))
    own = [root / package for root in roots if (sources.project_dir / root / package).is_dir()]
    if not own and package.name in sources.installed:
        return ""
    return (
        f"{project.manage}:{project.settings_line}: the settings module {project.settings} is not in the project; "
        "add it (is it ignored by git?), or name another one"
    )

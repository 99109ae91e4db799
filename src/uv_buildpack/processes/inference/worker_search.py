"""What the rows of workers search with: the project's modules, their objects, and how a process is made of them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.applications import kinds_of, objects_in
from uv_buildpack.processes.inference.commands import on_path, one_line
from uv_buildpack.processes.inference.facts import HERE, AppFacts, InferredProcess
from uv_buildpack.processes.inference.roots import module_name
from uv_buildpack.processes.inference.starters import Objects, Starter
from uv_buildpack.processes.inference.syntax import Definition, Module, dotted_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import PurePosixPath

    from uv_buildpack.processes.inference.django import DjangoProject
    from uv_buildpack.processes.inference.objects import Binding
    from uv_buildpack.processes.inference.sources import Sources


@dataclass(frozen=True, slots=True)
class Place:
    """A module of the project, and how it is imported."""

    module: Module
    root: PurePosixPath

    @property
    def name(self) -> str:
        """The dotted name, with `root` on the import path."""
        return module_name(self.module.path, self.root)

    def at(self, line: int) -> str:
        """Return a line of it, for the log."""
        return f"{self.module.path}:{line}"


class Named(NamedTuple):
    """An object at the top level of a module."""

    place: Place
    name: str
    line: int

    @property
    def where(self) -> str:
        """Where it is, for the log."""
        return self.place.at(self.line)


class Search(NamedTuple):
    """A search in one project. `considered` is what was looked at without success."""

    app: AppFacts
    sources: Sources
    projects: Sequence[DjangoProject]
    considered: list[str]

    @property
    def django(self) -> DjangoProject | None:
        """The Django project, if there is exactly one."""
        return self.projects[0] if len(self.projects) == 1 else None

    @property
    def directory(self) -> PurePosixPath:
        """Where workers start: where a Django project does."""
        return self.django.directory if self.django else HERE

    def version(self, distribution: str) -> str:
        """Return the evidence that a distribution is installed."""
        return self.app.locked(distribution)

    def places(self, package: str, *words: str) -> list[Place]:
        """Return the modules that mention a package, and one of the words: those first that call it."""
        mentioning = self.sources.mentioning([package.encode()])
        files = list(self.sources.mentioning([word.encode() for word in words], mentioning))
        calling = {file.name for file in self.sources.mentioning([f"{word}(".encode() for word in words], files)}
        files.sort(key=lambda file: file.name not in calling)
        return [place for file in files if (place := self._place(file.path)) is not None]

    def objects(self, package: str, classes: Mapping[str, str], names: tuple[str, ...] = ()) -> list[Named]:
        """Return the objects of these classes where they are made."""
        starter = Starter(
            name=package, distributions=(package,), looks_for=Objects(classes=classes, names=names), type="worker"
        )
        kinds = kinds_of([starter])
        words = {dotted.rpartition(".")[2] for dotted in kinds}
        found = []
        for place in self.places(package, *words):
            made = _own(place, objects_in(self.sources, place.module, kinds))
            found += [Named(place, one.name, one.line) for one in made]
        return found

    def only(self, found: Sequence[Named], what: str) -> Named | None:
        """Return the only object, or the only one nearest to the top."""
        depth = min((len(one.place.module.path.parts) for one in found), default=0)
        top = [one for one in found if len(one.place.module.path.parts) == depth]
        if len(top) == 1:
            return top[0]
        self.considered.extend(f"{one.where}: {what} `{one.name}`, one of several" for one in top)
        if not top:
            self.considered.append(f"no {what} at the top level of a module")
        return None

    def process(self, kind: str, command: str, one: Named, *evidence: str) -> InferredProcess:
        """Return a process type that imports the module of an object."""
        place = one.place
        root = place.root.relative_to(self.directory) if place.root.is_relative_to(self.directory) else place.root
        return InferredProcess(
            type=kind,
            command=one_line(f"{on_path(self.app, root, place.name)} {command}"),
            evidence=evidence,
            directory=self.directory,
        )

    def managed(self, command: str, app_name: str, version: str) -> list[InferredProcess]:
        """Return the worker that is a command of `manage.py`, if its app is installed in Django's settings."""
        project = self.django
        if project is None or project.manage is None or app_name not in project.installed_apps:
            return []
        evidence = (f"{project.settings_file}: `{app_name}` in INSTALLED_APPS", version)
        command = f"python manage.py {command}"
        return [InferredProcess(type="worker", command=command, evidence=evidence, directory=self.directory)]

    def _place(self, path: PurePosixPath) -> Place | None:
        """Return how a file is imported; `None` if it cannot be parsed or imported."""
        module = self.sources.module(path)
        if not isinstance(module, Module):
            return None
        root = self.sources.import_root(path, module)
        if root is not None and path.is_relative_to(self.directory):
            root = max(root, self.directory, key=lambda one: len(one.parts))
        return None if root is None else Place(module, root)


def _own(place: Place, found: Sequence[Binding]) -> Iterator[Binding]:
    """Return the objects that are made in the module: not factories, and not what it imports."""
    yield from (one for one in found if not one.factory and one.name not in place.module.names)


def decorators(module: Module) -> Iterator[tuple[Definition, str]]:
    """Return the functions of a module with the dotted name of each of their decorators."""
    for definition in module.definitions.values():
        for one in definition.decorator_list:
            dotted = dotted_name(one.func if isinstance(one, ast.Call) else one)
            if dotted:
                yield definition, module.qualified(dotted)


def every_node(module: Module) -> Iterator[ast.AST]:
    """Return every node of a module, also those of functions, which run later."""
    for statement in module.statements:
        yield from ast.walk(statement.node)


def top_level(module: Module) -> Iterator[ast.AST]:
    """Return every node of the statements that run on import."""
    compound = ast.If | ast.Try | ast.With | ast.FunctionDef | ast.AsyncFunctionDef
    for statement in module.statements:
        if not isinstance(statement.node, compound):
            yield from ast.walk(statement.node)

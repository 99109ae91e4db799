"""The search for the application object: which files are read, in which order, and when the answer is certain."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from uv_buildpack.processes.inference.files import SourceFile, source_files
from uv_buildpack.processes.inference.roots import HERE, import_root, module_name, usual_root
from uv_buildpack.processes.inference.rules import FACTORY_NAMES, Framework
from uv_buildpack.processes.inference.syntax import Binding, Module, Resolve, bindings, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

# Bytes of files that mention a framework and are therefore parsed (about 1 ms for each KB), and files that are read at
# all. An application object that is not found within them is not where anybody would look for it.
_MAXIMUM_PARSED = 160 * 1024
_MAXIMUM_READ = 400


@dataclass(frozen=True, slots=True)
class AppObject:
    """An application, or a factory of one, and how it is imported."""

    file: SourceFile
    root: PurePosixPath
    binding: Binding

    @property
    def module(self) -> str:
        """The dotted name, with `root` on the import path."""
        return module_name(self.file.path, self.root)

    @property
    def evidence(self) -> str:
        """Where it was found."""
        kind = "factory" if self.binding.factory else "application"
        name, framework = self.binding.name, self.binding.framework.name
        return f"{self.file.path}:{self.binding.line}: {framework} {kind} `{name}`"

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """Objects before factories, then the likelier file. Equal ranks: neither is certain."""
        tier, depth, name, _ = self.file.rank
        return (self.binding.factory, tier, depth, name)


@dataclass(slots=True)
class Search:
    """A search in one project. `considered` is what was looked at in vain, for a reader who wonders."""

    project_dir: Path
    frameworks: Sequence[Framework]
    installed: Collection[str]
    considered: list[str] = field(default_factory=list)
    _parsed: int = 0

    def candidates(self) -> list[AppObject]:
        """Give the likeliest objects: none, the one, or several when the sources do not tell which."""
        files = source_files(self.project_dir)[:_MAXIMUM_READ]
        for _, tier in groupby(files, key=lambda file: file.tier):
            found = sorted(self._in_files(tier), key=lambda found: found.rank)
            if found:
                return [one for one in found if one.rank == found[0].rank]
        return []

    def named(self, module: str, name: str) -> AppObject | None:
        """Give the object that was declared as `module:name`, if its file is in the project."""
        for root in (HERE, PurePosixPath("src")):
            path = self._path_of(module, (root,))
            if path is None:
                continue
            parsed = parse(self.project_dir / path, module, [b""])
            found = self._bindings(parsed, path) if isinstance(parsed, Module) else []
            declared = Binding(name, 1, self.frameworks[0], factory=False)
            binding = next((one for one in found if one.name == name), declared)
            return AppObject(SourceFile(path), root, binding)
        return None

    def _in_files(self, files: Iterable[SourceFile]) -> Iterator[AppObject]:
        names = " or ".join(framework.name for framework in self.frameworks)
        for file in files:
            found = self._in_file(file)
            if isinstance(found, AppObject):
                yield found
            elif found or file.tier == 0:
                self.considered.append(f"{file.path}: {found or f'does not mention {names}'}")

    def _in_file(self, file: SourceFile) -> AppObject | str | None:
        """The file's application, or why there is none, or `None` when the file has nothing to do with it."""
        if self._parsed > _MAXIMUM_PARSED:
            return None
        name = module_name(file.path, usual_root(self.project_dir, file.path))
        module = parse(self.project_dir / file.path, name, self._words())
        if not isinstance(module, Module):
            return module.reason if module else None
        self._parsed += module.size
        found = self._bindings(module, file.path)
        if not found:
            return "no application object at the top level"
        root = import_root(self.project_dir, file.path, module, self.installed)
        return AppObject(file, root, found[0]) if root is not None else "its path is not a module's name"

    def _words(self) -> list[bytes]:
        """What a file has to mention to be parsed."""
        names = [framework.import_name for framework in self.frameworks]
        return [name.encode() for name in (*names, *FACTORY_NAMES)]

    def _bindings(self, module: Module, path: PurePosixPath) -> list[Binding]:
        return bindings(module, self.frameworks, self._resolver(path))

    def _resolver(self, path: PurePosixPath) -> Resolve:
        """Find other modules of the project as the file at `path` would."""
        roots = (*path.parents, PurePosixPath("src"))

        def resolve(dotted: str) -> Module | None:
            found = self._path_of(dotted, roots)
            module = parse(self.project_dir / found, dotted, [b""]) if found else None
            return module if isinstance(module, Module) else None

        return resolve

    def _path_of(self, dotted: str, roots: Iterable[PurePosixPath]) -> PurePosixPath | None:
        relative = PurePosixPath(*dotted.split("."))
        for root in roots:
            for path in (root / f"{relative}.py", root / relative / "__init__.py"):
                if (self.project_dir / path).is_file():
                    return path
        return None

"""The project's sources as inference reads them: each file once, each tree once, within bounds."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from uv_buildpack.processes.inference.files import MAXIMUM_FILE_SIZE, SourceFile, files_in, source_files
from uv_buildpack.processes.inference.roots import HERE, import_root, is_found, module_name, usual_root
from uv_buildpack.processes.inference.syntax import Module, Resolve, Unreadable, absolute_imports, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

# Bytes of files that mention a framework and are therefore parsed (about 1 ms for each KB), and files that are read at
# all. What is not found within them is not where anybody would look for it.
_MAXIMUM_PARSED = 96 * 1024
_MAXIMUM_READ = 1500
# A module that hands on what another one has made is small: views and models, which an entry imports too, are not.
_HANDS_ON = 16 * 1024


@dataclass(slots=True)
class Sources:
    """The Python files of one project, likeliest entry first."""

    project_dir: Path
    installed: Collection[str]
    script: str | None = None
    """The only file in which anything is looked for, if the application is a single one."""
    files: list[SourceFile] = field(init=False)
    _contents: dict[str, bytes | Unreadable] = field(default_factory=dict)
    _modules: dict[PurePosixPath, Module | Unreadable] = field(default_factory=dict)
    _resolvers: dict[tuple[PurePosixPath, tuple[bytes, ...]], Resolve] = field(default_factory=dict)
    _parsed: int = 0

    def __post_init__(self) -> None:
        found = [SourceFile(self.script)] if self.script else source_files(self.project_dir)
        self.files = found[:_MAXIMUM_READ]

    def content(self, file: SourceFile) -> bytes | Unreadable:
        """Return the bytes of a file."""
        if file.name not in self._contents:
            self._contents[file.name] = self._read(file.name)
        return self._contents[file.name]

    def below(self, directory: str) -> list[SourceFile]:
        """Return the Python files in a directory that is left out otherwise."""
        return [] if self.script or not directory else files_in(self.project_dir, directory)

    def mentioning(self, words: Collection[bytes], files: Iterable[SourceFile] | None = None) -> Iterator[SourceFile]:
        """Return the files that have one of the words, or cannot be read. Most files fail that test, at little cost."""
        for file in self.files if files is None else files:
            content = self.content(file)
            if isinstance(content, Unreadable):
                yield file
                continue
            for word in words:  # (`any` of a generator costs twice the search)
                if word in content:
                    yield file
                    break

    def module(self, path: PurePosixPath) -> Module | Unreadable:
        """Return the parsed file."""
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def resolver(self, path: PurePosixPath, words: Collection[bytes] = ()) -> Resolve:
        """Return what finds other modules of the project as the file at `path` would.

        With `words`, large modules that have none of them are not found.
        """
        key = (path, tuple(words))
        if key not in self._resolvers:
            self._resolvers[key] = self._resolver(*key)
        return self._resolvers[key]

    def _resolver(self, path: PurePosixPath, words: Collection[bytes]) -> Resolve:
        roots = (usual_root(self.project_dir, path), *path.parents, PurePosixPath("src"))

        @cache
        def resolve(dotted: str) -> Module | None:
            found = self.path_of(dotted, roots)
            module = self.module(found) if found and self._is_worth_it(found, words) else None
            return module if isinstance(module, Module) else None

        return resolve

    def _is_worth_it(self, path: PurePosixPath, words: Collection[bytes]) -> bool:
        content = self.content(SourceFile(str(path)))
        if isinstance(content, Unreadable) or not words or len(content) <= _HANDS_ON:
            return True
        return any(word in content for word in words)

    def import_root(self, path: PurePosixPath, module: Module) -> PurePosixPath | None:
        """Return the directory that the module at `path` is imported from, `None` if it cannot be imported at all.

        The packages that it is in are imported before it, so what they import tells as well.
        """
        inits = (directory / "__init__.py" for directory in path.parents)
        packages = [self.module(init) for init in inits if self.exists(init)]
        names = {name for one in (module, *packages) if isinstance(one, Module) for name in self._own_imports(one)}
        return import_root(self.project_dir, path, module, names)

    def distant_root(self, path: PurePosixPath, module: Module) -> PurePosixPath | None:
        """Return the directory that has what a module imports and does not find beside it, `None` if it finds all."""
        root = self.import_root(path, module)
        distant = [name for name in self._own_imports(module) if not is_found(self.project_dir / path.parent, name)]
        return root if root is not None and any(is_found(self.project_dir / root, name) for name in distant) else None

    def _own_imports(self, module: Module) -> set[str]:
        """Return the top-level names that a module imports, without the standard library's and installed ones."""
        return absolute_imports(module) - sys.stdlib_module_names - set(self.installed)

    def path_of(self, dotted: str, roots: Iterable[PurePosixPath]) -> PurePosixPath | None:
        """Return the file that is imported as `dotted` when one of the directories `roots` is on the import path."""
        parts = dotted.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        relative = PurePosixPath(*parts)
        for root in roots:
            for path in (root / f"{relative}.py", root / relative / "__init__.py"):
                if (self.project_dir / path).is_file():
                    return path
        return None

    def exists(self, path: PurePosixPath | str) -> bool:
        """Return whether the project has this file."""
        return (self.project_dir / path).is_file()

    def _read(self, name: str) -> bytes | Unreadable:
        try:
            # (a pipe must not be waited for)
            opened = os.open(f"{self.project_dir}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                about = os.fstat(opened)
                if not stat.S_ISREG(about.st_mode):
                    return Unreadable("not a file")
                # A buffer of the file's size: one of the maximum would be most of the time of a search.
                size = about.st_size
                return os.read(opened, size + 1) if size <= MAXIMUM_FILE_SIZE else Unreadable("larger than 512 KB")
            finally:
                os.close(opened)
        except OSError as error:
            return Unreadable(error.strerror or "cannot be read")

    def _parse(self, path: PurePosixPath) -> Module | Unreadable:
        content = self.content(SourceFile(str(path)))
        if isinstance(content, Unreadable):
            return content
        if self._parsed > _MAXIMUM_PARSED:
            return Unreadable("not looked into: too many files mention the framework")
        self._parsed += len(content)
        root = usual_root(self.project_dir, path)
        return parse(content, path, module_name(path, root if path.is_relative_to(root) else HERE))

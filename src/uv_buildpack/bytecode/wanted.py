"""Which modules of an environment get bytecode: all but test suites, which are half of some environments.

Test modules that the package itself imports (`numpy.testing` needs one) are compiled as well. What is imported is read
from the source, and only within one regular package: so the answer for a package depends on nothing beside it, and is
the same whether its neighbours are on the disk or in a layer of their own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

TESTS = "tests"
"""The name of directories that are test suites."""
_IMPORT = re.compile(
    rb"^[ \t]*(?:import[ \t]+(?P<modules>[^\n#]*)"
    rb"|from[ \t]+(?P<place>[\w.]*)[ \t]+import[ \t]+(?P<names>\(|[^\n#]*))",
    re.MULTILINE,
)
_NAME = re.compile(rb"[\w.]+")


def modules(site_packages: Path) -> set[Path]:
    """Return the sources below `site_packages` to compile; links are not followed. Raises `OSError`."""
    sources = set(_sources(site_packages))
    tests = {path for path in sources if TESTS in path.relative_to(site_packages).parts[:-1]}
    wanted = sources - tests
    # Only within its own package: a neighbour may lie in another layer, or come and go.
    for package in {_regular_package(site_packages, path) for path in tests}:
        wanted |= _imported_tests(
            site_packages,
            {path for path in wanted if path.is_relative_to(package)},
            {path for path in tests if path.is_relative_to(package)},
        )
    return wanted


def _sources(site_packages: Path) -> Iterator[Path]:
    for parent, _, files in os.walk(site_packages):
        for name in files:
            path = Path(parent, name)
            if name.endswith(".py") and not path.is_symlink():
                yield path


def _regular_package(site_packages: Path, path: Path) -> Path:
    """Return the highest directory that holds `path` and is a package; a namespace's children are packages apart."""
    below = path.relative_to(site_packages).parts[:-1]
    for depth in range(1, len(below) + 1):
        place = site_packages.joinpath(*below[:depth])
        if (place / "__init__.py").is_file():
            return place
    return path.parent


def _imported_tests(site_packages: Path, sources: Iterable[Path], tests: Collection[Path]) -> set[Path]:
    """Return the test modules that the sources import, and those that these import in turn."""
    found: set[Path] = set()
    queue = [path for source in sources for path in _imports(site_packages, source) if path in tests]
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue.extend(other for other in _imports(site_packages, path) if other in tests)
    return found


def _imports(site_packages: Path, source: Path) -> Iterator[Path]:
    """Return the files that the import statements of a source may mean, and the packages on the way to them."""
    content = source.read_bytes()
    # Test modules import their neighbours without the word.
    if TESTS.encode() not in content and TESTS not in source.parts:
        return
    for place, names in _statements(content):
        above = _absolute(site_packages, source, place.decode())
        for name in names:
            yield from _files(site_packages, [*above, *name.decode().split(".")])


def _statements(content: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Return the module that each import statement is from (nothing for `import x`), and the names."""
    position, last_bracket = 0, content.rfind(b")")
    while match := _IMPORT.search(content, position):
        position = match.end()
        if match["modules"] is not None:
            yield b"", _NAME.findall(match["modules"])
            continue
        names = match["names"]
        if names == b"(" and position <= last_bracket:
            # Looked for only where there is one: else each such statement would search to the end of the file.
            end = content.index(b")", position)
            names, position = content[position:end], end
        yield match["place"], [b"", *_NAME.findall(names)]


def _absolute(site_packages: Path, source: Path, place: str) -> list[str]:
    name = place.lstrip(".")
    level = len(place) - len(name)
    parts = name.split(".") if name else []
    if level == 0:
        return parts
    package = source.parent.relative_to(site_packages).parts
    return [*package[: len(package) - level + 1], *parts]


def _files(site_packages: Path, parts: Iterable[str]) -> Iterator[Path]:
    place = site_packages
    for part in filter(None, parts):
        place /= part
        yield place.with_name(f"{part}.py")
        yield place / "__init__.py"

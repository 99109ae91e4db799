"""Which libraries of the system installed packages need: a warning in the build instead of an error at start.

What `ldd` would say of each shared object, for all of them at once and without starting a program. Wheels contain what
they need except a few libraries that every desktop has (PEP 600) and slim images do not; packages that are built
from source use what the build image has; and some load a library only when they are imported, which no header tells.
Where the loader looks: https://man7.org/linux/man-pages/man8/ld.so.8.html; PEP 600: https://peps.python.org/pep-0600/
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uv_buildpack import log, package_data
from uv_buildpack.installed import distributions
from uv_buildpack.installed.heavy.links import INSIDE
from uv_buildpack.installed.shared_objects import needed, run_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_DATA = "system_libraries.json"
_OBJECT = re.compile(r".+\.so(\.[\w.]+)?")
_LOADER = re.compile(r"ld-(linux|musl).*|libc\.musl.*")
# They come with the driver of the machine that a container is started on, never with an image.
_DRIVER = re.compile(r"lib(cuda|nvcuvid|nvidia-[\w-]+|nvoptix)\.so.*")
_CONFIGURATION = Path("/etc/ld.so.conf")
_DIRECTORIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
_SHOWN = 12


@dataclass(frozen=True, slots=True, order=True)
class Use:
    """A package that needs a library of the system."""

    package: str
    library: str
    present: bool
    """Whether the build image has it. The run image may be smaller."""


def warn(layers_dir: Path, site_packages: str, search: str, page: str) -> None:
    """Warn of libraries that installed packages need of the system.

    `site_packages` is the path of that directory in a layer, `search` what `LD_LIBRARY_PATH` has, `page` the address of
    the documentation. Raises `OSError`.
    """
    uses = find(layers_dir, site_packages, directories(search))
    debian = _data()["debian"]
    for present in (False, True):
        lines = [_line(use, debian) for use in uses if use.present is present]
        if lines:
            what = "the build image does not have" if not present else "the run image has to have as well"
            log.warning(
                f"Installed packages need libraries that {what}:",
                *lines[:_SHOWN],
                *([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []),
                f"Add them to the run image: {page}",
            )


def find(layers_dir: Path, site_packages: str, system: Iterable[Path]) -> list[Use]:
    """Return what the packages in the layers of an environment need of the `system` directories. Raises `OSError`."""
    data = _data()
    own = list(_objects(layers_dir))
    # A library that some package brings is loaded by its name once, wherever it lies, and found by all others.
    present = {name for directory in system for name in _entries(directory)}
    # A library that nearly every image has is worth a warning where the build image, which mostly has more, lacks it.
    known = {path.name for path in own} | set(data["basic"]) | (present & set(data["usual"]))
    linked = [(path, name) for path in own for name in needed(path) if name not in known and _counts(path, name)]
    installed = _distributions(layers_dir, site_packages)
    owners = {file.path: each.name for each in installed for file in each.files} if linked else {}
    uses = {(owners.get(_recorded(path, layers_dir, site_packages), path.name), name) for path, name in linked}
    names = {each.name for each in installed}
    for package, libraries in data["loaded"].items():
        if package in names and not names.intersection(data["brought_by"].get(package, ())):
            uses.update((package, name) for name in libraries if name not in known)
    return sorted(Use(package, name, name in present) for package, name in uses)


def directories(search: str, configuration: Path = _CONFIGURATION) -> list[Path]:
    """Return where the loader looks for libraries: `search` (a path list), and ld.so.conf(5). Raises `OSError`."""
    listed = [part for part in search.split(":") if part.startswith("/")]
    return [Path(path) for path in dict.fromkeys([*listed, *_configured(configuration), *_DIRECTORIES])]


def _configured(path: Path, depth: int = 0) -> Iterator[str]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["include"] and depth == 0:
            for pattern in words[1:]:
                for included in sorted(path.parent.glob(os.path.relpath(path.parent / pattern, path.parent))):
                    yield from _configured(included, depth + 1)
        elif words and words[0].startswith("/"):
            yield words[0]


def _data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(package_data.read(_DATA))
    return data


def _line(use: Use, debian: dict[str, str]) -> str:
    package = f" (Debian, Ubuntu: {debian[use.library]})" if use.library in debian else ""
    return f"{use.package}: {use.library}{package}"


def _objects(layers_dir: Path) -> Iterator[Path]:
    """Return the shared objects of the environment's layers; links of heavy packages are not followed."""
    for layer in sorted(layers_dir.iterdir()):
        if layer.name.startswith(("venv", "packages-")) and layer.is_dir():
            for parent, _, names in os.walk(layer):
                paths = (Path(parent, name) for name in names if _OBJECT.fullmatch(name))
                yield from (path for path in paths if path.is_file())


def _entries(directory: Path) -> Sequence[str]:
    try:
        return [path.name for path in directory.iterdir()]
    except OSError:
        return ()


def _counts(path: Path, name: str) -> bool:
    """Return whether a library that an object needs has to come from the system's directories."""
    outside = (entry for entry in run_paths(path) if entry.startswith("/"))
    return not (_LOADER.match(name) or _DRIVER.fullmatch(name) or any(Path(entry, name).exists() for entry in outside))


def _recorded(path: Path, layers_dir: Path, site_packages: str) -> str:
    """Return an object's path as RECORD of its distribution has it."""
    layer = layers_dir / path.relative_to(layers_dir).parts[0]
    places = (layer / site_packages, layer / INSIDE)
    return next((path.relative_to(place).as_posix() for place in places if path.is_relative_to(place)), "")


def _distributions(layers_dir: Path, site_packages: str) -> list[distributions.Distribution]:
    layers = [path for path in sorted(layers_dir.iterdir()) if path.name.startswith("venv")]
    return [each for layer in layers for each in distributions.read(layer / site_packages).distributions]

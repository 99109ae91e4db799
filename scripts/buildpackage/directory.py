"""The buildpack directory of one target: everything that `linux/<arch>/` holds."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from buildpackage import wheels
from buildpackage.archive import write_zip
from buildpackage.runtime import Installation, write_runtime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buildpackage.bytecode import Compiler

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_PACKAGES = ("cnb", "uv_buildpack")
_ZSTD = "backports-zstd"
_ZSTD_IN_STANDARD_LIBRARY = (3, 14)
# Copies of the standard library's module for older Pythons, and the stand-in for the extension where there is none.
_ZSTD_UNUSED = ("tarfile.py", "_zstd.py")


@dataclass(frozen=True, slots=True)
class Source:
    """What one target is made from."""

    repository: Path
    architecture: str
    installation: Installation
    compiler: Compiler


def write_buildpack(source: Source, target: Path) -> None:
    """Write the buildpack directory `target`. Raises WheelNotFetched, CannotCompile."""
    _copy(source.repository, ["buildpack.toml", "LICENSE", "bin/detect", "bin/build", "bin/start.sh"], target)
    _name_the_data(source.repository, target / "buildpack.toml")
    write_runtime(source.installation, source.compiler, target / "runtime")
    with tempfile.TemporaryDirectory() as scratch:
        _write_code(source, Path(scratch), target / "runtime" / "lib")
        _write_uv(source, Path(scratch), target / "uv")
    _normalise(target)


def _copy(root: Path, names: Iterable[str], target: Path) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, target / name)


def _name_the_data(repository: Path, description: Path) -> None:
    """Write beside the version how old the data is: the day of the newest CPython build in the catalogue.

    The version itself cannot say it: the buildpack specification wants three numbers and nothing after them.
    """
    document = json.loads((repository / "src/uv_buildpack/data/cpython.json").read_text(encoding="utf-8"))
    date = max(str(build["date"]) for build in document["builds"])
    with description.open("a", encoding="utf-8") as opened:
        opened.write(f'\n[metadata]\ndata-of = "{date[:4]}-{date[4:6]}-{date[6:]}"\n')


def _write_code(source: Source, scratch: Path, library: Path) -> None:
    """Ours and the vendored packages in one zip; what has an extension module lies beside the standard library."""
    requirements = wheels.read_requirements(source.repository / "requirements" / "vendor.txt")
    minor = source.installation.minor
    pure = [requirement for requirement in requirements if requirement.name != _ZSTD]
    vendored = scratch / "vendored"
    wheels.unpack(wheels.download(pure, wheels.pure(minor), scratch / "pure"), vendored)
    write_zip(library / "uv_buildpack.zip", _code(source, vendored))
    if tuple(int(part) for part in minor.split(".")) < _ZSTD_IN_STANDARD_LIBRARY:
        zstd = [requirement for requirement in requirements if requirement.name == _ZSTD]
        tags = wheels.native(minor, MACHINES[source.architecture])
        wheels.unpack(wheels.download(zstd, tags, scratch / "native"), scratch / "zstd")
        _write_zstd(source, scratch / "zstd", library / f"python{minor}")


def _code(source: Source, vendored: Path) -> dict[str, bytes]:
    ours = source.repository / "src"
    modules = {"__main__.py": ours / "__main__.py"}
    files: dict[str, Path] = {}
    for package in _PACKAGES:
        for path in sorted((ours / package).rglob("*")):
            _sort_in(path, path.relative_to(ours).as_posix(), modules, files)
    # Our own sources travel too, for the lines of a traceback: a bug report should show them.
    files |= modules
    for path in sorted(vendored.rglob("*")):
        _sort_in(path, path.relative_to(vendored).as_posix(), modules, files)
    contents = {name: path.read_bytes() for name, path in files.items()}
    return contents | source.compiler.compiled(modules)


def _sort_in(path: Path, name: str, modules: dict[str, Path], files: dict[str, Path]) -> None:
    """Modules are compiled; data and licences are kept; installer metadata and types are not."""
    if path.is_dir() or "__pycache__" in name or name.endswith((".pyi", ".so", "py.typed", "/RECORD", "/WHEEL")):
        return
    (modules if name.endswith(".py") else files)[name] = path


def _write_zstd(source: Source, unpacked: Path, library: Path) -> None:
    """Write the modules and the extension of the backport of `compression.zstd`, with its licences."""
    used = [path for path in unpacked.glob("backports/zstd/*.py") if path.name not in _ZSTD_UNUSED]
    modules = {path.relative_to(unpacked).as_posix(): path for path in used}
    target = library / "backports" / "zstd"
    target.mkdir(parents=True)
    for name, pyc in source.compiler.compiled(modules).items():
        (library / name).write_bytes(pyc)
    for path in [*unpacked.glob("backports/zstd/*.so"), *unpacked.glob("*.dist-info/licenses/*")]:
        shutil.copy(path, target)


def _write_uv(source: Source, scratch: Path, target: Path) -> None:
    """Write the uv of `data/uv.json` and its licences, from the wheel that asks least of glibc."""
    pinned = json.loads((source.repository / "src/uv_buildpack/data/uv.json").read_text(encoding="utf-8"))
    machine = MACHINES[source.architecture]
    fitting = [wheel for wheel in pinned["wheels"] if wheel["arch"] == machine and wheel["libc"] == "gnu"]
    wheel = min(fitting, key=lambda wheel: str(wheel["filename"]))
    platform = str(wheel["filename"]).rpartition("-")[2].partition(".")[0]
    requirement = wheels.Requirement("uv", pinned["version"], (f"sha256:{wheel['sha256']}",))
    tags = wheels.Tags(source.installation.minor, "py", "none", (platform,))
    wheels.unpack(wheels.download([requirement], tags, scratch / "uv-wheel"), scratch / "uv")
    target.mkdir(parents=True)
    for path in [*(scratch / "uv").glob("uv-*.data/scripts/uv"), *(scratch / "uv").glob("uv-*/licenses/*")]:
        shutil.copy(path, target / path.name)
    (target / "uv").chmod(0o755)


def _normalise(target: Path) -> None:
    """Set the modes that pack gives a package: 0755 for directories and executables, else 0644."""
    target.chmod(0o755)
    for path in target.rglob("*"):
        executable = path.is_dir() or path.stat().st_mode & 0o111
        path.chmod(0o755 if executable else 0o644)

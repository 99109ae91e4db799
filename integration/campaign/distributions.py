"""Tiny distributions, made in memory: wheels, and source distributions that only our own backend can build."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from integration.package_index import sdist_of

if TYPE_CHECKING:
    from collections.abc import Mapping

BACKEND = Path(__file__).with_name("backend.py")
_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One file of the index. `files` are paths in site-packages (of a source distribution: below `src`)."""

    name: str
    version: str
    files: Mapping[str, bytes]
    requires: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    """Console scripts: name → `module:function`."""
    tag: str = "py3-none-any"
    """Of the wheel; empty for a source distribution."""
    against: str = ""
    """Of a source distribution: a module that it imports when it is built."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Modules to import, and the value that each must have."""

    @property
    def base(self) -> str:
        """Name and version as file names have them."""
        return f"{self.name.replace('-', '_')}-{self.version}"

    @property
    def filename(self) -> str:
        """The name of the file in the index."""
        return f"{self.base}-{self.tag}.whl" if self.tag else f"{self.base}.tar.gz"

    def content(self) -> bytes:
        """Return the file."""
        return _wheel(self) if self.tag else _sdist(self)

    def metadata(self) -> str:
        """Core metadata."""
        lines = ["Metadata-Version: 2.3", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        extras = {part.split("'")[1] for part in self.requires if "extra ==" in part}
        lines += [f"Provides-Extra: {name}" for name in sorted(extras)]
        return "\n".join(lines) + "\n"


def _wheel(distribution: Distribution) -> bytes:
    info = f"{distribution.base}.dist-info"
    contents = dict(distribution.files)
    contents[f"{info}/METADATA"] = distribution.metadata().encode()
    pure = str(distribution.tag.endswith("-any")).lower()
    wheel = f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\nTag: {distribution.tag}\n"
    contents[f"{info}/WHEEL"] = wheel.encode()
    if distribution.scripts:
        entries = "".join(f"{name} = {entry}\n" for name, entry in distribution.scripts.items())
        contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{entries}".encode()
    record = "".join(_record_line(name, content) for name, content in contents.items() if not name.endswith("/"))
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return _zipped(contents)


def _record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in contents.items():
            member = zipfile.ZipInfo(name, _TIME)
            member.external_attr = (0o755 if name.endswith(".sh") else 0o644) << 16
            archive.writestr(member, content)
    return target.getvalue()


def _sdist(distribution: Distribution) -> bytes:
    contents = {f"src/{name}": content for name, content in distribution.files.items()}
    contents["backend.py"] = BACKEND.read_bytes()
    contents["PKG-INFO"] = distribution.metadata().encode()
    contents["pyproject.toml"] = (
        f'[project]\nname = "{distribution.name}"\nversion = "{distribution.version}"\n'
        f"dependencies = {list(distribution.requires)}\n"
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[tool.tiny]\nagainst = "{distribution.against}"\n'
    ).encode()
    return sdist_of(distribution.base, contents)

"""A package index on loopback, with distributions made on the spot: tiny, and as good or bad as a case needs."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration.website import Website

Files = Mapping[str, str]

# A build backend that needs nothing but Python: it writes the wheel by hand.
BACKEND = """
import base64, hashlib, zipfile
NAME, VERSION = {name!r}, {version!r}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    text = VERSION
    {before}
    file = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    info = f"{{NAME}}-{{VERSION}}.dist-info"
    content = {{
        f"{{NAME}}/__init__.py": f"version = {{text!r}}\\n",
        f"{{info}}/METADATA": f"Metadata-Version: 2.2\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n",
        f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    record = ""
    with zipfile.ZipFile(f"{{wheel_directory}}/{{file}}", "w") as archive:
        for path, text in content.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{{path}},sha256={{digest}},{{len(text)}}\\n"
            archive.writestr(path, text)
        archive.writestr(f"{{info}}/RECORD", record + f"{{info}}/RECORD,,\\n")
    return file
"""


@dataclass
class PackageIndex:
    """Distributions by project and file name, shown as a simple index (PEP 503)."""

    site: Website
    projects: dict[str, dict[str, bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """What `[[tool.uv.index]]` names."""
        return f"{self.site.address}/simple/"

    @property
    def downloads(self) -> list[str]:
        """The names of the files that were fetched, in order."""
        return [path.rpartition("/")[2] for path in self.site.requests if path.startswith("/files/")]

    def add(self, file: str, content: bytes) -> None:
        """Publish a file; one of the same name is replaced."""
        project = file.partition("-")[0].replace("_", "-")
        self.projects.setdefault(project, {})[file] = content
        self.site.documents[f"/files/{file}"] = content
        links = "".join(
            f'<a href="/files/{name}#sha256={hashlib.sha256(data).hexdigest()}">{name}</a><br>'
            for name, data in sorted(self.projects[project].items())
        )
        self.site.documents[f"/simple/{project}/"] = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()

    def add_wheel(self, name: str, version: str, files: Files | None = None, requires: tuple[str, ...] = ()) -> None:
        """Publish a pure wheel; without `files` it has a package of its name that knows its version."""
        self.add(f"{name}-{version}-py3-none-any.whl", wheel(name, version, files, requires))

    def tamper(self, file: str, content: bytes) -> None:
        """Serve other bytes under a name, as if the index had not noticed."""
        self.site.documents[f"/files/{file}"] = content


def wheel(name: str, version: str, files: Files | None = None, requires: tuple[str, ...] = ()) -> bytes:
    """Return a pure wheel; a file `entry_points.txt` goes into its metadata."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    content = dict(files or {f"{name}/__init__.py": f"version = {version!r}\n"})
    if entry_points := content.pop("entry_points.txt", ""):
        content[f"{info}/entry_points.txt"] = entry_points
    content[f"{info}/METADATA"] = metadata
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content[f"{info}/RECORD"] = "".join(_recorded(path, text) for path, text in content.items()) + f"{info}/RECORD,,\n"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in content.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return target.getvalue()


def _recorded(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(text.encode())}\n"


def sdist(name: str, version: str, before: str = "pass") -> bytes:
    """Return a source distribution that brings its own backend, which runs the statement `before` when it builds."""
    content = {
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n',
        "backend.py": BACKEND.format(name=name, version=version, before=before),
    }
    return sdist_of(f"{name}-{version}", {path: text.encode() for path, text in content.items()})


def sdist_of(base: str, contents: Mapping[str, bytes]) -> bytes:
    """Return the archive of a source distribution, whose files are below the directory `base`."""
    target = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path, content in contents.items():
            member = tarfile.TarInfo(f"{base}/{path}")
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()

"""Where the data comes from: uv's own distributions, found by way of uv's own resolver.

So no address of an index is written down here, and the digest of what is read comes from a lock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from uv_buildpack.downloads import download
from uv_buildpack.downloads.network import Network

_TABLE = "/download-metadata.json"
_VARIABLES = "/uv-static/src/env_vars.rs"
_LARGEST = 100_000_000  # bytes; the source distribution has 8 million

Document = dict[str, Any]


def locked_uv(version: str | None) -> Document:
    """Let uv resolve itself (the newest, or `version`) and return the entry in the lock."""
    requirement = f"uv=={version}" if version else "uv"
    with tempfile.TemporaryDirectory() as directory:
        lines = ("[project]", 'name = "x"', 'version = "0"', 'requires-python = ">=3.11"')
        project = "\n".join((*lines, f'dependencies = ["{requirement}"]\n'))
        Path(directory, "pyproject.toml").write_text(project, encoding="utf-8")
        subprocess.run(["uv", "lock", "--quiet", "--python", sys.executable], cwd=directory, check=True)
        lock = tomllib.loads(Path(directory, "uv.lock").read_text(encoding="utf-8"))
    found: Document = next(package for package in lock["package"] if package["name"] == "uv")
    return found


def contents(package: Document) -> tuple[Document, str]:
    """Fetch the source distribution that the lock names; return its table of CPython builds, and its variables in Rust.

    Raises `uv_buildpack.errors.Problem`, `ValueError` (one of the files is not there).
    """
    sdist = package["sdist"]
    with tempfile.TemporaryDirectory() as directory:
        archive = Path(directory, "uv.tar.gz")
        sha256 = sdist["hash"].removeprefix("sha256:")
        download.fetch(sdist["url"], archive, sha256=sha256, max_bytes=_LARGEST, network=Network(variables=os.environ))
        return json.loads(_file(archive, _TABLE)), _file(archive, _VARIABLES)


def _file(archive: Path, ending: str) -> str:
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.name.endswith(ending) else None
            if content is not None:
                return content.read().decode("utf-8")
    message = f"the source distribution of uv has no {ending}"
    raise ValueError(message)

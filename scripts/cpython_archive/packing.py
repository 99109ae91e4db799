"""The archive, the same bytes for the same tree, and its entry in the catalogue."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from cpython_archive.installation import Installation


def write_archive(root: Path, archive: Path) -> str:
    """Pack `root` as `python/`: equal trees give equal bytes.  Returns the SHA-256."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(archive.name + ".partial")
    with (
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(root.rglob("*")):
            _add(tar, path, f"python/{path.relative_to(root).as_posix()}")
    partial.replace(archive)
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    entry = tar.gettarinfo(path, name)
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    if entry.isreg():
        with path.open("rb") as file:
            tar.addfile(entry, file)
    else:
        tar.addfile(entry)


def add_to_catalogue(catalogue: Path, source: Installation, sha256: str) -> None:
    """Put the build into `catalogue`, in place of one with the same path."""
    entry = {
        "version": source.version,
        "date": source.date,
        "arch": source.arch,
        "libc": source.libc,
        "variant": "freethreaded" if source.freethreaded else "default",
        "path": source.archive_path,
        "sha256": sha256,
    }
    known: list[dict[str, Any]] = (
        json.loads(catalogue.read_text(encoding="utf-8"))["builds"] if catalogue.is_file() else []
    )
    builds = sorted(
        [*(build for build in known if build["path"] != entry["path"]), entry], key=lambda build: str(build["path"])
    )
    partial = catalogue.with_name(catalogue.name + ".partial")
    partial.write_text(json.dumps({"builds": builds}, indent=2) + "\n", encoding="utf-8")
    partial.replace(catalogue)

"""The cache directory: cached layers as plain archives named by digest, and what is known of them.

https://github.com/buildpacks/lifecycle/blob/v0.21.17/cache/volume_cache.go
"""

import contextlib
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from cnb_platform import go_json, tar
from cnb_platform.console import Log
from cnb_platform.environment import Place
from cnb_platform.extract import extract
from cnb_platform.metadata import CACHE_METADATA, BuildpackRecord, Records, read_records

_ATTEMPTS = 10
"""To exchange the committed state while another build does so as well."""


class CorruptBlob(Exception):
    """A cached archive is missing, damaged, or not what its name says."""


@dataclass(slots=True)
class Cache:
    """A cache directory; nothing in `committed` changes before `commit`."""

    directory: Path
    verified: set[str] = field(default_factory=set)  # digests read in full by this build
    given_up: bool = False

    @property
    def committed(self) -> Path:
        """The state that the last successful build left."""
        return self.directory / "committed"

    @property
    def staging(self) -> Path:
        """The state that this build makes, in a place of its own: two builds may use one cache at once."""
        return self.directory / f"staging-{os.getpid()}"

    def records(self, log: Log) -> Records:
        """Return what the last build cached; nothing, with a warning, where that cannot be read."""
        try:
            return read_records((self.committed / CACHE_METADATA).read_bytes())
        except FileNotFoundError:
            return Records()
        except (OSError, ValueError) as error:
            log.notice(f"the cache's metadata cannot be read, so nothing is taken from it: {error}")
            return Records()

    def restore(self, sha: str, layer: Place) -> None:
        """Unpack a cached layer. Raises CorruptBlob; what was unpacked until then is the caller's to remove."""
        try:
            with (self.committed / f"{sha}.tar").open("rb") as opened:
                reader = _Hashing(opened)
                count = extract(cast("BinaryIO", reader), {layer.inside: layer.host})
                reader.drain()
        except (OSError, tarfile.TarError) as error:
            raise CorruptBlob(str(error)) from error
        if f"sha256:{reader.digest.hexdigest()}" != sha:
            raise CorruptBlob(f"its digest is not {sha}")
        if not count:
            raise CorruptBlob("it was made for another layers directory")
        self.verified.add(sha)

    def begin(self) -> None:
        """Start staging, without what killed builds staged."""
        for left in self.directory.glob("staging*"):
            if left == self.staging or not Path("/proc", left.name.rpartition("-")[2]).is_dir():
                shutil.rmtree(left, ignore_errors=True)
        self.staging.mkdir(parents=True)

    def give_up(self) -> None:
        """Leave the cache as it was: what was staged goes, and nothing will be committed."""
        self.given_up = True
        shutil.rmtree(self.staging, ignore_errors=True)

    def stage(self, entries: Iterable[tar.Entry]) -> tar.Written:
        """Store a layer's archive in the staging area."""
        temporary = self.staging / "writing"
        with temporary.open("wb") as target:
            written = tar.write_plain(tar.stream(entries), target)
        temporary.replace(self.staging / f"{written.diff_id}.tar")
        return written

    def stage_known(self, sha: str) -> bool:
        """Link a layer that was read in full during this build; False where that cannot be."""
        if sha not in self.verified:
            return False
        try:
            os.link(self.committed / f"{sha}.tar", self.staging / f"{sha}.tar")
        except OSError:
            return False
        return True

    def staged(self, sha: str) -> Iterator[bytes]:
        """Return the bytes of a staged archive."""
        with (self.staging / f"{sha}.tar").open("rb") as opened:
            while piece := opened.read(tar.CHUNK):
                yield piece

    def commit(self, buildpacks: Iterable[BuildpackRecord], sbom: str) -> None:
        """Make the staged state the committed one; whatever was not staged again is dropped."""
        document = {"sbom": {"sha": sbom}, "buildpacks": [record.document() for record in buildpacks]}
        (self.staging / CACHE_METADATA).write_text(go_json.dumps(document), encoding="utf-8")
        previous = self.directory / f"staging-backup-{os.getpid()}"
        shutil.rmtree(previous, ignore_errors=True)
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):
                self.committed.rename(previous)
            # Another build may have committed in between: the last one wins.
            with contextlib.suppress(OSError):
                self.staging.rename(self.committed)
                break
            shutil.rmtree(previous, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)


class _Hashing:
    """A reader that hashes what passes through it."""

    def __init__(self, opened: BinaryIO) -> None:
        self.opened = opened
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self.opened.read(size)
        self.digest.update(piece)
        return piece

    def drain(self) -> None:
        while self.read(tar.CHUNK):
            pass

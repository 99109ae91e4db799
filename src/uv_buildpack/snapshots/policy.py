"""What is kept for the next build: which snapshots are found, taken and written, by policy.

`auto` keeps what is small, and what builds have missed: see docs/how-builds-work.md, "Snapshots".
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cnb.documents import json_table
from cnb.layer import Layer
from cnb.result import empty_layer
from uv_buildpack import log
from uv_buildpack.snapshots import file_format

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from cnb.context import BuildContext
    from uv_buildpack.decisions import Decisions
    from uv_buildpack.snapshots.file_format import Memory, Snapshot
    from uv_buildpack.uv.running import Uv

_Status = tuple[int, int, int]
"""What a file system knows of a file: inode, size, and when it was last changed, which nobody can set."""
_ENVIRONMENT, _WHEELS = "venv", "wheels"
_ALL = os.R_OK | os.W_OK | os.X_OK
_KEPT_IF_SMALL = frozenset({_ENVIRONMENT, _WHEELS})
APP_MODULES = "app-modules"
"""Bytecode of the app directory, which every build has use for: it is kept whatever its size."""
STATIC_FILES = "static-files"
"""What Django's `collectstatic` made in the app directory: every build has use for it as well."""
STATIC_ENVIRONMENT = "static-environment"
"""The environment without bytecode, in one piece: what `collectstatic` needs where only static files have changed."""
COMPILER = "compiler"
"""The part of the app's interpreter that compiles those modules, where the buildpack's own cannot."""


@dataclass(slots=True, kw_only=True)
class Snapshots:
    """The `snapshots` layer of this build; `directory` is `None` where nothing is kept."""

    directory: Path | None
    policy: str
    before: Memory
    """What earlier builds left; this build's own is collected in `keys` and `wanted`."""
    keys: dict[str, str] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)
    due: dict[str, tuple[Path, Mapping[str, str]]] = field(default_factory=dict)
    """What is kept at the end: kind → tree and key."""
    found: dict[str, Snapshot | None] = field(default_factory=dict)
    """What was looked for, as the build found it: whether a snapshot is whole costs reading it once."""
    sealed: dict[str, _Status] = field(default_factory=dict)
    """Files as this build found or wrote them, by name."""

    def find(self, kind: str) -> Snapshot | None:
        """Return the snapshot of a kind, if there is one that is whole."""
        if self.directory is not None and kind not in self.found:
            self.found[kind] = file_format.find(self.directory, kind)
        return self.found.get(kind)

    def take(self, kind: str, target: Path, key: Mapping[str, str]) -> bool:
        """Unpack the snapshot of a kind into the empty directory `target` if it has this key. Raises `OSError`.

        One that cannot be unpacked is no snapshot: `target` is empty then.
        """
        snapshot = self.find(kind)
        if snapshot is None or any(snapshot.key.get(name) != value for name, value in key.items()):
            return False
        log.step(f"taking {kind} from its snapshot")
        try:
            file_format.unpack(snapshot, target)
        except ValueError as error:
            log.warning(f"The snapshot {snapshot.path.name} cannot be used ({error}): it is rebuilt.")
            shutil.rmtree(target)
            target.mkdir(mode=0o755)
            self.found[kind] = None
            return False
        return True

    def note(self, kind: str, key: Mapping[str, str], *, hot: bool) -> None:
        """Remember the key of a layer, and whether the image had it."""
        # The keys are long, and only whether two are equal is asked.
        digest = hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()[:16]
        patience = file_format.patience(self.before, kind, digest, hot=hot)
        self.keys[kind] = digest
        if patience > 0:
            self.wanted[kind] = patience

    def keep(self, kind: str, tree: Path, key: Mapping[str, str]) -> bool:
        """Keep a snapshot of what was made if the policy says so, and return whether there is one. Raises `OSError`."""
        self.note(kind, key, hot=False)
        wanted = self.policy == "always" or kind in self.wanted
        if self.directory is None or (not wanted and kind not in _KEPT_IF_SMALL):
            return False
        known = self.find(kind)
        # An equal key is an equal tree: to pack it again would take seconds for the same file.
        if known is not None and dict(known.key) == dict(key):
            return True
        kept = file_format.keep(self.directory, kind, tree, key, limit=None if wanted else file_format.ALWAYS_BELOW)
        self.seal(kind)
        return kept

    def seal(self, kind: str) -> None:
        """Note the file of a kind as the build has just written or removed it, and no other. Raises `OSError`."""
        others = {name: status for name, status in self.sealed.items() if name.partition(".")[0] != kind}
        own = {name: status for name, status in _statuses(self.directory).items() if name.partition(".")[0] == kind}
        self.sealed = {**others, **own}

    def refuse_changes(self) -> None:
        """Remove the files that somebody else wrote since they were noted. Raises `OSError`.

        Code of packages, which runs while they are built, has the rights of the build, and what it writes here would
        be believed by the next one. That a file was changed cannot be undone in its status: `ctime` cannot be set.
        """
        now = _statuses(self.directory)
        for name in sorted(name for name, status in now.items() if self.sealed.get(name) != status):
            log.warning(f"Something other than the buildpack wrote {name} to the snapshots while packages were built.")
            if self.directory is not None:
                (self.directory / name).unlink()
            self.found[name.partition(".")[0]] = None

    def keep_at_end(self, kind: str, tree: Path, key: Mapping[str, str]) -> None:
        """Keep a snapshot of what is made when everything is: something is still at work on it."""
        self.due[kind] = (tree, key)

    def keep_environment(self, tree: Path, key: Mapping[str, str], *, missed: bool) -> None:
        """Keep what `collectstatic` needs, if it is small or was `missed` by this build. Raises `OSError`."""
        if self.directory is not None:
            limit = None if missed or self.policy == "always" else file_format.ALWAYS_BELOW
            file_format.keep(self.directory, STATIC_ENVIRONMENT, tree, key, limit=limit)
            self.seal(STATIC_ENVIRONMENT)

    def keep_part(self, kind: str, tree: Path, key: Mapping[str, str], without: Collection[Path]) -> None:
        """Keep, of a tree that is too large, what is left without some of its files. Raises `OSError`."""
        if self.directory is not None:
            file_format.keep(self.directory, kind, tree, key, limit=file_format.ALWAYS_BELOW, without=without)
            self.seal(kind)

    @contextmanager
    def built_wheels(self, uv: Uv, decisions: Decisions, key: Mapping[str, str], cache: Path) -> Iterator[None]:
        """Bring back the wheels that were built from source, and keep them afterwards: compilers are slow.

        `key` is what they depend on beside their own sources.
        """
        if self.directory is None or not decisions.sdists:
            yield
            return
        # The check of the lock has used it already; of what it left there nothing is worth more than a moment.
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir()
        if self.take(_WHEELS, cache, key):
            self._forget_stale(uv, decisions, cache)
        yield
        uv.prune_to_built_wheels(cache.parent)  # uv refuses to run inside its own cache
        identities = {name: decisions.packages[name] for name in decisions.sdists}
        self.keep(_WHEELS, cache, {**key, "packages": json.dumps(identities, sort_keys=True)})

    def _forget_stale(self, uv: Uv, decisions: Decisions, cache: Path) -> None:
        """Drop wheels that were built from another file, or with other packages: uv takes them for the same."""
        snapshot = self.find(_WHEELS)
        known = json_table(snapshot.key.get("packages", "{}"), "packages").values if snapshot else {}
        stale = [name for name in decisions.sdists if name in known and known[name] != decisions.packages[name]]
        if stale:
            uv.forget(stale, cache.parent)

    def layers(self) -> list[Layer]:
        """Keep what is due and declare the layer, with what it remembers. Raises `OSError`."""
        if self.directory is None:
            log.step("none are kept (BP_UV_SNAPSHOTS)" if self.policy == "never" else "none can be kept")
            return []
        for kind, (tree, key) in self.due.items():
            self.keep(kind, tree, key)
        kinds = set(self.keys) if self.policy == "always" else {*_KEPT_IF_SMALL, *self.wanted}
        # What this build did not keep or want belongs to another version, or to an app of before.
        file_format.forget_others(self.directory, {APP_MODULES, COMPILER, STATIC_ENVIRONMENT, STATIC_FILES, *kinds})
        file_format.remember(self.directory, file_format.Memory(keys=self.keys, wanted=self.wanted))
        sizes = file_format.sizes(self.directory)
        kept = ", ".join(f"{kind} {size / 1e6:.1f} MB" for kind, size in sizes.items())
        log.step(f"for the next build: {kept or 'nothing'}")
        return [Layer(name=file_format.NAME, types=file_format.TYPES, metadata={"scheme": file_format.SCHEME})]


def open_snapshots(context: BuildContext, policy: str) -> Snapshots:
    """Open the layer, as it was restored or empty; with the policy `never` there is none. Raises `OSError`."""
    if policy == "never":
        return Snapshots(directory=None, policy=policy, before=file_format.Memory(keys={}, wanted={}))
    directory = context.layers_dir / file_format.NAME
    if not directory.is_dir():
        empty_layer(context, file_format.NAME)
    if not _is_usable(directory):
        log.warning(
            f"The snapshots of earlier builds cannot be used, and none are kept: {directory} cannot be written.",
            "Make the build user the owner of the build's cache, or clear it.",
        )
        return Snapshots(directory=None, policy=policy, before=file_format.Memory(keys={}, wanted={}))
    before = file_format.recall(directory)
    return Snapshots(directory=directory, policy=policy, before=before, sealed=_statuses(directory))


def _statuses(directory: Path | None) -> dict[str, _Status]:
    found = [entry for entry in os.scandir(directory) if not entry.is_dir(follow_symlinks=False)] if directory else []
    statuses = {entry.name: entry.stat(follow_symlinks=False) for entry in found}
    return {name: (status.st_ino, status.st_size, status.st_ctime_ns) for name, status in statuses.items()}


def _is_usable(directory: Path) -> bool:
    """Return whether the layer can be read and written, after what its owner may change was changed.

    A file in it that cannot be read is damaged, and is rebuilt.
    """
    if not os.access(directory, _ALL):
        with suppress(OSError):
            directory.chmod(0o755)
    return os.access(directory, _ALL)

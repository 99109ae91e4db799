"""The layers and the app directory of a build or a launch: claimed, locked, cleaned.

Their paths are in the bytes of what is built: the customary ones (`/layers`, `/workspace`) are taken where they can be.
"""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cnb_platform.errors import UnusableArgument
from cnb_platform.tar import Owner

CUSTOMARY_LAYERS = Path("/layers")
CUSTOMARY_APP = Path("/workspace")
MARKER = ".cnb-platform"
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Pair:
    """A layers directory and an app directory, both empty when they are handed out."""

    layers: Path
    app: Path


class NotFree(Exception):
    """A directory cannot be made, is in use, or holds what somebody else put there."""


@contextlib.contextmanager
def customary(caller: Mapping[str, str]) -> Iterator[Pair]:
    """`/layers` and `/workspace` where they can be made and are free, else a pair below the user's state directory.

    Raises UnusableArgument where even that is not available.
    """
    places = [Pair(CUSTOMARY_LAYERS, CUSTOMARY_APP)]
    for number in range(1, _ATTEMPTS + 1):
        below = _state_directory(caller) / "cnb-platform" / f"build-{number}"
        places.append(Pair(below / "layers", below / "workspace"))
    with contextlib.ExitStack() as stack:
        yield _first_free(places, stack)


def _state_directory(caller: Mapping[str, str]) -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib")  # root's home is closed to the build user
    state = caller.get("XDG_STATE_HOME")
    return Path(state) if state else Path(caller.get("HOME") or "/tmp", ".local", "state")  # noqa: S108 - HOME unset


def _first_free(places: list[Pair], stack: contextlib.ExitStack) -> Pair:
    reason = ""
    for pair in places:
        try:
            return stack.enter_context(claim(pair, keep=False))
        except NotFree as error:
            reason = str(error)
    raise UnusableArgument(f"no directories for layers and app: {reason}")


@contextlib.contextmanager
def claim(pair: Pair, *, keep: bool) -> Iterator[Pair]:
    """Take two directories for this process, empty; `keep` leaves what is in them at the end.

    A marker in the layers directory tells what a killed build left from what is somebody else's. Raises NotFree.
    """
    existed = {path for path in (pair.layers, pair.app) if path.exists()}
    with _locked(pair.layers):
        left_over = _take(pair, existed)
        try:
            yield pair
        finally:
            if not keep:
                empty(pair.app)
                empty(pair.layers)
                _remove(pair, set() if left_over else existed)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise NotFree(str(error)) from error
    # Phases inherit it: one that outlives a killed platform goes on writing, and keeps the lock meanwhile.
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - its parameter has no name
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = directory.stat()
        except OSError as error:
            raise NotFree(f"{directory} is in use") from error
        if not os.path.samestat(current, os.fstat(descriptor)):
            raise NotFree(f"{directory} was replaced meanwhile")
        yield
    finally:
        os.close(descriptor)


def _take(pair: Pair, existed: set[Path]) -> bool:
    """Make the directories, or empty what a killed build left of them; whether there was such a build."""
    marker = pair.layers / MARKER
    try:
        left_over = marker.read_text(encoding="utf-8") if marker.exists() else None
        pair.app.mkdir(parents=True, exist_ok=True)
        _check_empty(pair.layers, ours=left_over is not None)
        _check_empty(pair.app, ours=left_over == str(pair.app))
        # Not written again: a build killed in the middle of that would leave an empty one, and an app unclaimed.
        if left_over != str(pair.app):
            marker.write_text(str(pair.app), encoding="utf-8")
        empty(pair.layers, but=MARKER)
        empty(pair.app)
        pair.layers.chmod(0o755)
        pair.app.chmod(0o777)  # as pack leaves it; the mode is in the app layer's bytes
    except (OSError, NotFree) as error:
        _remove(pair, existed)
        raise NotFree(str(error)) from error
    return left_over is not None


def _check_empty(path: Path, *, ours: bool) -> None:
    if not ours and any(path.iterdir()):
        raise NotFree(f"{path} is not empty")


def _remove(pair: Pair, existed: set[Path]) -> None:
    """Remove the directories, where they are empty, that were made for this process."""
    for path in {pair.layers, pair.app} - existed:
        with contextlib.suppress(OSError):
            path.rmdir()


def empty(directory: Path, but: str = "") -> None:
    """Remove everything in a directory, read-only directories too."""
    for child in directory.iterdir():
        if child.name == but:
            continue
        if child.is_dir() and not child.is_symlink():
            remove_tree(child)
        else:
            child.unlink()


def remove_tree(path: Path) -> None:
    """Remove a tree, making directories writable where needed."""
    for parent, directories, _ in os.walk(path):
        for name in directories:
            child = Path(parent, name)
            if not child.is_symlink() and not child.stat().st_mode & stat.S_IWUSR:
                child.chmod(0o700)
    path.chmod(0o700)
    shutil.rmtree(path)


def reachable(path: Path, owner: Owner) -> bool:
    """Return whether another user can come to a path: every directory above it lets them pass."""
    return all(_may(parent, owner, stat.S_IXOTH) for parent in path.resolve().parents)


def usable_by(path: Path, owner: Owner, bits: int) -> bool:
    """Return whether another user has `bits` (those of others) on a path that is reachable for them."""
    return reachable(path, owner) and _may(path, owner, bits)


def _may(path: Path, owner: Owner, bits: int) -> bool:
    status = path.stat()
    if status.st_uid == owner.uid:
        bits <<= 6
    elif status.st_gid == owner.gid:
        bits <<= 3
    return status.st_mode & bits == bits


def copy_app(source: Path, target: Path, without: set[Path]) -> None:
    """Copy an app with its modes and times, links as links; `without` are paths that are not part of it."""

    def ignored(parent: str, names: list[str]) -> list[str]:
        return [name for name in names if without and Path(parent, name).resolve() in without]

    shutil.copytree(source, target, symlinks=True, ignore=ignored, dirs_exist_ok=True)
    target.chmod(0o777)


def copy_readable(source: Path, target: Path) -> None:
    """Copy a buildpack so that everybody can read it: the modes that packaging gives."""
    shutil.copytree(source, target, symlinks=True)
    target.chmod(0o755)
    for parent, names, files in os.walk(target):
        for path in (Path(parent, name) for name in (*names, *files)):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o111 else 0o644)

"""Builds that are killed, and files of the cache that are damaged."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from integration.campaign import edits
from integration.campaign.edits import NotNow

from cnb_platform.metadata import CACHE_METADATA

if TYPE_CHECKING:
    from random import Random

    from integration.campaign.world import World

_SOURCES = Path(__file__).resolve().parents[2] / "src"
_MOMENTS = secrets.SystemRandom()
_EARLIEST, _LATEST = 0.1, 3.0  # seconds: a build of everything takes about as long


def kill(world: World, random: Random) -> str:
    """Edit something, start a build, and kill it and all its processes at a moment that no seed decides."""
    edit = random.choice(
        (
            *(edits.add_dependency, edits.remove_dependency, edits.local_source, edits.change_locked_version),
            *(edits.add_local, edits.data_file, edits.dynamic_requirements, edits.member),
        )
    )
    try:
        what = edit(world, random)
    except NotNow:
        what = "no edit"
    # Short builds are as likely to be hit as long ones.
    moment = _EARLIEST * (_LATEST / _EARLIEST) ** _MOMENTS.random()
    ended = _killed(world, moment)
    return f"{what}; {'build ended before' if ended else 'kill -9'} after {moment:.2f} s"


def _killed(world: World, moment: float) -> bool:
    """Start the platform's command line in a session of its own; tell whether it ended by itself before `moment`."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONPATH": str(_SOURCES)}
    argv = [sys.executable, "-P", "-m", "cnb_platform", *world.arguments()]
    with subprocess.Popen(
        argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            _end_session(process.pid)
            return False
    return True


def _end_session(session: int) -> None:
    """Kill all that a build started, and wait until it is gone. Its phases are in process groups of their own."""
    while running := [pid for pid in _processes() if _is_alive_in(pid, session)]:
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _is_alive_in(pid: int, session: int) -> bool:
    try:
        # pid (name) state parent group session …: proc(5)
        state, _, _, own = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return int(own) == session and state != "Z"


def flip(world: World, random: Random) -> str:
    """Flip one byte of a file of the cache, so that the platform notices, or so that it cannot."""
    committed = world.cache(world.circumstances.cache) / "committed"
    # As many draws whatever there is: what a killed build left must not change the rest of the campaign.
    which, where, bit, forged = random.random(), random.random(), random.randrange(8), random.random()
    files = sorted(committed.glob("*")) if committed.is_dir() else []
    if not files:
        raise NotNow
    path = files[int(which * len(files))]
    if path.suffix == ".tar" and forged < 0.6:
        return _flip_unnoticed(committed, path, where, bit)
    _flip(path, int(where * path.stat().st_size), bit)
    return f"flip a byte of {path.name[:19]}"


def _flip(path: Path, offset: int, bit: int) -> None:
    with path.open("r+b") as opened:
        opened.seek(offset)
        byte = opened.read(1)[0]
        opened.seek(offset)
        opened.write(bytes([byte ^ (1 << bit)]))


def _flip_unnoticed(committed: Path, path: Path, where: float, bit: int) -> str:
    """Damage a file inside an archive and return the archive the name and record that belong to it then."""
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.isreg() and member.size]
    if not members:
        raise NotNow
    total = sum(member.size for member in members)
    rest = int(where * total)
    for member in members:
        if rest < member.size:
            break
        rest -= member.size
    content = bytearray(path.read_bytes())
    content[member.offset_data + rest] ^= 1 << bit
    name = f"sha256:{hashlib.sha256(content).hexdigest()}"
    path.unlink()
    (committed / f"{name}.tar").write_bytes(content)
    metadata = committed / CACHE_METADATA
    metadata.write_text(metadata.read_text(encoding="utf-8").replace(path.stem, name), encoding="utf-8")
    return f"flip byte {rest} of {Path(member.name).name} in the cache, unseen by the platform"

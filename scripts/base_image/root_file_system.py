"""From packages of a Debian-like distribution to an OCI image layout with one layer."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnb_platform import oci, tar

if TYPE_CHECKING:
    from collections.abc import Iterator

# The user that the specification asks of a build image; the run image has the same, so that layers' owners have a name.
_USER = 1000
_HOME = "/home/cnb"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Nothing at run time reads them, and they are a third of the files.
_LEFT_OUT = ("doc", "info", "locale", "man")
# Gives equal archives for equal packages (mmdebstrap clamps times to it).
_EPOCH = "315532801"
_CHUNK = 1 << 20


class CannotBootstrap(Exception):
    """mmdebstrap is not there, or failed; its own words are the message."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`build` or `run`, and the packages it has beyond the essential ones."""

    name: str
    packages: tuple[str, ...]


def write_layout(kind: Kind, layout: Path) -> None:
    """Make an image. Raises CannotBootstrap."""
    layout.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".base-image-", dir=layout.parent) as scratch:
        archive = Path(scratch) / "root.tar"
        _bootstrap(kind, archive)
        oci.prepare(layout)
        layer = oci.add_layer(layout, _pieces(archive), tar.write_gzip, oci.OCI_TYPES.gzip)
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": settings(),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
    }
    oci.write(layout, oci.Image(config=config, layers=(layer,)))


def settings() -> dict[str, Any]:
    """The configuration of both images: platform specification, "Build Image" and "Run Image"."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"User": f"{_USER}:{_USER}", "Env": [f"PATH={path}", f"CNB_USER_ID={_USER}", f"CNB_GROUP_ID={_USER}"]}


def _bootstrap(kind: Kind, archive: Path) -> None:
    mmdebstrap = shutil.which("mmdebstrap")
    if mmdebstrap is None:
        message = "mmdebstrap is missing; on Debian and Ubuntu: apt-get install mmdebstrap"
        raise CannotBootstrap(message)
    release = platform.freedesktop_os_release()
    argv = [mmdebstrap, "--variant=essential", "--format=tar", "--skip=output/dev"]
    argv += [f"--include={package}" for package in kind.packages]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    argv += [f"--customize-hook={hook}" for hook in _hooks()]
    argv += [release.get("VERSION_CODENAME", "stable"), str(archive), *_sources()]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH},
    )
    if done.returncode:
        message = f"mmdebstrap failed:\n{done.stderr.strip()}"
        raise CannotBootstrap(message)


def _hooks() -> list[str]:
    """The user; and no trace of the addresses that this machine gets its packages from."""
    account = f"cnb:x:{_USER}:{_USER}::{_HOME}:/bin/sh"
    return [
        f'echo {account} >> "$1/etc/passwd"; echo cnb:x:{_USER}: >> "$1/etc/group"',
        f'mkdir -p "$1{_HOME}" && chown {_USER}:{_USER} "$1{_HOME}"',
        'rm -rf "$1"/etc/apt/sources.list*',
    ]


def _sources() -> list[str]:
    """Where this machine gets packages from; mmdebstrap's own default where that cannot be told."""
    folder = Path("/etc/apt/sources.list.d")
    named = [folder / "debian.sources", folder / "ubuntu.sources", Path("/etc/apt/sources.list")]
    return [str(path) for path in named if path.is_file() and "deb" in path.read_text(encoding="utf-8")][:1]


def _pieces(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as opened:
        while piece := opened.read(_CHUNK):
            yield piece

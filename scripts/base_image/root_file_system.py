"""From packages of a Debian-like distribution to an OCI image layout with one layer."""

from __future__ import annotations

import os
import platform
import re
import shlex
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
_FOLDER = Path("/etc/apt/sources.list.d")
_NAMED = (_FOLDER / "debian.sources", _FOLDER / "ubuntu.sources", Path("/etc/apt/sources.list"))
_FIELD = r"^{}:[ \t]*(.+)$"


class CannotBootstrap(Exception):
    """mmdebstrap is not there, or failed; its own words are the message."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`build`, `run` or `machine`, and the packages it has beyond the essential ones (names, or patterns of apt)."""

    name: str
    packages: tuple[str, ...]


def own_suite() -> str:
    """Return the release of the distribution of this machine."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")


def write_layout(kind: Kind, layout: Path, *, suite: str = "") -> None:
    """Make an image from a release of this machine's distribution, or its own one. Raises CannotBootstrap.

    The release is what is pinned; its packages are those of the day, since a distribution keeps no old ones.
    `packages.txt` beside the image says which they were.
    """
    layout.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".base-image-", dir=layout.parent) as scratch:
        archive = Path(scratch) / "root.tar"
        listed = _bootstrap(kind, suite or own_suite(), archive)
        oci.prepare(layout)
        layer = oci.add_layer(layout, _pieces(archive), tar.write_gzip, oci.OCI_TYPES.gzip)
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": settings(),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
    }
    (layout / "packages.txt").write_text(listed, encoding="utf-8")
    oci.write(layout, oci.Image(config=config, layers=(layer,)))


def settings() -> dict[str, Any]:
    """Return the configuration of both images: platform specification, "Build Image" and "Run Image"."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"User": f"{_USER}:{_USER}", "Env": [f"PATH={path}", f"CNB_USER_ID={_USER}", f"CNB_GROUP_ID={_USER}"]}


def _bootstrap(kind: Kind, suite: str, archive: Path) -> str:
    """Write the archive of a file system; return its packages and their versions."""
    mmdebstrap = shutil.which("mmdebstrap")
    if mmdebstrap is None:
        message = "mmdebstrap is missing; on Debian and Ubuntu: apt-get install mmdebstrap"
        raise CannotBootstrap(message)
    listed = archive.with_name("packages.txt")
    sources = archive.with_name("suite.sources")
    sources.write_text(_sources(suite), encoding="utf-8")
    argv = [mmdebstrap, "--variant=essential", "--format=tar", "--skip=output/dev"]
    argv += [f"--include={package}" for package in kind.packages]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
    argv += [f"--customize-hook={hook}" for hook in _hooks(listed)]
    # A mirror of an unstable suite may be a snapshot of a day, which says itself that it is out of date.
    argv += ['--aptopt=Acquire::Check-Valid-Until "false"'] if suite != own_suite() else []
    argv += [suite, str(archive), *([str(sources)] if sources.stat().st_size else [])]
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
    return listed.read_text(encoding="utf-8")


def _hooks(listed: Path) -> list[str]:
    """Return hooks: the user; a list of the packages; no trace of the addresses that packages came from.

    An ordinary user's hooks run as root of a user namespace, which may not write where the list belongs; mmdebstrap's
    own `download` may.
    """
    account = f"cnb:x:{_USER}:{_USER}::{_HOME}:/bin/sh"
    return [
        f'echo {account} >> "$1/etc/passwd"; echo cnb:x:{_USER}: >> "$1/etc/group"',
        f'mkdir -p "$1{_HOME}" && chown {_USER}:{_USER} "$1{_HOME}"',
        'dpkg-query --admindir="$1/var/lib/dpkg" --show > "$1/packages.txt"',
        f"download /packages.txt {shlex.quote(str(listed))}",
        'rm -rf "$1/packages.txt" "$1"/etc/apt/sources.list*',
    ]


def _sources(suite: str) -> str:
    """Return where packages come from: this machine's own sources, or its first one for another suite.

    Empty where that cannot be told; mmdebstrap has a default of its own then.
    """
    texts = [path.read_text(encoding="utf-8") for path in _NAMED if path.is_file()]
    text = next((text for text in texts if "deb" in text), "")
    if suite == own_suite() and "URIs:" in text:
        return text
    address = re.search(_FIELD.format("URIs"), text, re.MULTILINE)
    address = address or re.search(r"^deb (?:\[.*?\] )?(\S+)", text, re.MULTILINE)
    if address is None:
        return ""
    signed_by = re.search(_FIELD.format("Signed-By"), text, re.MULTILINE)
    lines = ["Types: deb", f"URIs: {address[1]}", f"Suites: {suite}", "Components: main"]
    return "\n".join([*lines, *([signed_by[0]] if signed_by else []), ""])


def _pieces(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as opened:
        while piece := opened.read(_CHUNK):
            yield piece

"""Another uv from a mirror of its releases, where no index has it.

The mirror is named as for uv's own installer: `UV_INSTALLER_GITHUB_BASE_URL` replaces `https://github.com` in the
address of a release (https://docs.astral.sh/uv/reference/environment/). Each archive has its SHA-256 beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from uv_buildpack import log
from uv_buildpack.downloads import archive, download
from uv_buildpack.errors import DownloadNotFound, UvVersionInexact, UvVersionUnavailable
from uv_buildpack.uv.version import MIRROR, exact

if TYPE_CHECKING:
    from pathlib import Path

    from uv_buildpack.downloads.network import Network
    from uv_buildpack.uv.running import Uv
    from uv_buildpack.uv.version import UvRequest

_LARGEST_ARCHIVE = 200 * 1024 * 1024


def install(directory: Path, uv: Uv, request: UvRequest, triple: str, network: Network) -> Uv:
    """Fill the empty layer with the uv of a release for a target such as `x86_64-unknown-linux-gnu`.

    Raises `UvVersionInexact`, `UvVersionUnavailable`, `Problem`, `OSError`.
    """
    said = f"{request.specifier} ({request.origin})"
    version = exact(request)
    if version is None:
        raise UvVersionInexact(said, MIRROR)
    base = network.variables[MIRROR].rstrip("/")
    url = f"{base}/astral-sh/uv/releases/download/{version}/uv-{triple}.tar.gz"
    fetched = directory / "uv.tar.gz"
    try:
        digest = download.fetch_small(f"{url}.sha256", network=network).decode("ascii", errors="replace").split()
        sha256 = digest[0] if digest else ""
        download.fetch(url, fetched, sha256=sha256, max_bytes=_LARGEST_ARCHIVE, network=network)
    except DownloadNotFound as error:
        raise UvVersionUnavailable(said, [error.what.removesuffix(".")], (), ()) from None
    (directory / "bin").mkdir()
    archive.extract(fetched, directory / "bin", strip_components=1, wanted=lambda path: path.name == "uv")
    fetched.unlink()
    if not (directory / "bin" / "uv").is_file():
        raise UvVersionUnavailable(said, [log.masked(url)], (), ["There is no uv in the archive."])
    return replace(uv, binary=directory / "bin" / "uv")

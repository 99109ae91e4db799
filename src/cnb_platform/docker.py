"""Images into Docker, and Docker's images as run images."""

import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from cnb_platform.command import ask
from cnb_platform.errors import ExportFailed
from cnb_platform.oci import Blob, Image


def load(image: Image, tag: str) -> None:
    """Load an image of a layout into Docker. Raises ExportFailed.

    Layers that Docker has already, as the first layers of the image that `tag` names, are left out of the stream; a
    daemon that wants them nevertheless (containerd storage) is sent all of them.
    """
    present = _common_prefix(image, tag)
    try:
        errors = _send(image, tag, present)
        if errors and present:
            errors = _send(image, tag, 0)
    except OSError as error:
        raise ExportFailed(f"the image was written, but Docker's client cannot be started: {error}") from error
    if errors:
        raise ExportFailed(f"the image was written, but Docker does not load it: {errors}")


def _common_prefix(image: Image, tag: str) -> int:
    """How many of the first layers Docker's image of this name shares with the new one."""
    answer = ask(["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", tag])
    if answer.code:
        return 0
    present = json.loads(answer.output) or []
    count = 0
    for blob, diff_id in zip(image.layers, present, strict=False):
        if blob.diff_id != diff_id:
            break
        count += 1
    return count


def _send(image: Image, tag: str, without: int) -> str:
    """Send the image, its first `without` layers left out; returns Docker's complaint, or "" when it worked."""
    with tempfile.TemporaryFile() as archive:
        _archive(image, tag, without, archive)
        archive.seek(0)
        answer = ask(["docker", "load", "--quiet"], stdin=archive)
    return answer.errors.decode(errors="replace").strip() or "no reason given" if answer.code else ""


def _archive(image: Image, tag: str, without: int, target: IO[bytes]) -> None:
    config = json.dumps(image.config, ensure_ascii=False, separators=(",", ":")).encode()
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": [_member(blob) for blob in image.layers]}]
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in (("manifest.json", json.dumps(manifest).encode()), ("config.json", config)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for blob in {blob.digest: blob for blob in image.layers[without:]}.values():
            archive.add(blob.path, arcname=_member(blob))


def _member(blob: Blob) -> str:
    return f"{Path(blob.digest.partition(':')[2])}.tar.gz"

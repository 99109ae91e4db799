"""Images into Docker, and Docker's images as run images."""

import contextlib
import io
import json
import secrets
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from cnb_platform.command import Command, ask, start
from cnb_platform.errors import ExportFailed
from cnb_platform.oci import Blob, Image
from cnb_platform.platforms import Started, output_file


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


def inspect_image(tag: str) -> dict[str, Any]:
    """Return what Docker knows of an image; empty where it has none. Raises OSError where there is no client."""
    answer = ask(["docker", "image", "inspect", tag])
    found: list[dict[str, Any]] = [] if answer.code else json.loads(answer.output)
    return found[0] if found else {}


@contextlib.contextmanager
def started(tag: str, arguments: Sequence[str], process: str, env: Mapping[str, str]) -> Iterator[Started]:
    """Yield a container of an image in Docker, on this machine's network; it is stopped at the end."""
    name = f"cnb-platform-{secrets.token_hex(6)}"
    variables = [word for key, value in env.items() for word in ("--env", f"{key}={value}")]
    entrypoint = ["--entrypoint", process] if process else []
    argv = ("docker", "run", "--rm", "--name", name, "--network", "host", *variables, *entrypoint, tag, *arguments)
    command = Command(argv=argv, cwd="/", environment=None)
    with output_file() as written, written.open("wb") as opened, start(command, stdout=opened.fileno()) as running:
        try:
            yield Started(running, written)
        finally:
            if running.poll() is None:
                ask(["docker", "stop", "--time", "10", name])


def _common_prefix(image: Image, tag: str) -> int:
    """Return how many of the first layers Docker's image of this name shares with the new one."""
    present = inspect_image(tag).get("RootFS", {}).get("Layers") or []
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

"""The image that an app image stands on."""

import datetime as dt
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path

from cnb_platform import go_json, oci
from cnb_platform.buildpack import Target
from cnb_platform.errors import UnusableArgument
from cnb_platform.machine import Machine
from cnb_platform.metadata import LIFECYCLE_LABEL
from cnb_platform.oci import Image
from cnb_platform.tar import MTIME

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
DISTRO_LABELS_SINCE = 12  # Platform API; before, the target comes from os-release alone
NO_SHELL = "cnb-platform.run-image-without-shell"
SHELLS = ("bin/sh", "usr/bin/sh")


def this_architecture() -> str:
    """Return the machine's architecture in Go's words."""
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


def empty_image() -> Image:
    """Return an image with nothing in it."""
    return Image(
        config={"architecture": this_architecture(), "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    )


def target_of(image: Image, machine: Machine, platform_minor: int) -> Target:
    """Return what the build is for: the run image's platform, its distribution labels, else os-release of the build."""
    labels = image.labels if platform_minor >= DISTRO_LABELS_SINCE else {}
    release = machine.os_release
    name = labels.get("io.buildpacks.base.distro.name") or release.get("ID", "")
    version = labels.get("io.buildpacks.base.distro.version") or release.get("VERSION_ID", "")
    return Target(
        os=image.config.get("os", "linux"),
        arch=image.config.get("architecture", this_architecture()),
        variant=image.config.get("variant", ""),
        distros=((name, version),) if name or version else (),
    )


def lacks_shell(image: Image, previous: Image | None) -> bool:
    """Return whether the launcher stand-in cannot run on an image; the previous build's answer is not checked again."""
    top = image.layers[-1].diff_id if image.layers else ""
    if previous is not None and _top_layer(previous) == top:
        return NO_SHELL in previous.annotations
    return not any(_has_shell(blob) for blob in reversed(image.layers))


def _top_layer(image: Image) -> str | None:
    try:
        top = go_json.loads(image.labels[LIFECYCLE_LABEL])["runImage"]["topLayer"]
    except (KeyError, TypeError, ValueError):
        return None
    return str(top)


def _has_shell(blob: oci.Blob) -> bool:
    with blob.open_tar() as opened, tarfile.open(fileobj=opened, mode="r|") as members:
        return any(member.name.removeprefix("./").lstrip("/") in SHELLS for member in members)


def read_run_image(layout: Path | None) -> Image:
    """Return the run image in a layout; an empty one where none is given. Raises AnalysisFailed."""
    return oci.read(layout, this_architecture()) if layout else empty_image()


def created_at(caller: Mapping[str, str]) -> str:
    """Return the image's creation time: SOURCE_DATE_EPOCH, else the lifecycle's constant. Raises UnusableArgument."""
    seconds = caller.get("SOURCE_DATE_EPOCH", str(MTIME))
    try:
        moment = dt.datetime.fromtimestamp(int(seconds), dt.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UnusableArgument(f"SOURCE_DATE_EPOCH is {seconds!r}, not a number of seconds") from error
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

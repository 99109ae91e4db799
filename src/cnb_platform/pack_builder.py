"""Builders for pack: what `pack builder create` is given.

The format of `builder.toml` is that of pack 0.40 (https://buildpacks.io/docs/reference/config/builder-config/).
"""

import contextlib
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnb import toml
from cnb_platform.buildpack import Buildpack, read_buildpack
from cnb_platform.buildpackage import unpack

_PHASES = ("detector", "analyzer", "restorer", "builder", "exporter", "rebaser", "creator", "extender")


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """What a builder is made from. `buildpacks` are one group: directories, or `.cnb` files.

    `lifecycle` is an archive, or a directory of binaries, of which one is made; None: pack downloads its default.
    """

    buildpacks: tuple[Path, ...]
    build_image: str
    run_image: str
    lifecycle: Path | None = None


@contextlib.contextmanager
def command(builder: Builder, name: str) -> Iterator[tuple[str, ...]]:
    """Return the command line that creates the builder, whose configuration exists inside this context."""
    with tempfile.TemporaryDirectory(prefix="pack-builder-") as directory:
        config = Path(directory, "builder.toml")
        config.write_text(toml.dumps(document(builder, Path(directory))), encoding="utf-8")
        yield ("pack", "builder", "create", name, "--config", str(config))


def document(builder: Builder, scratch: Path) -> dict[str, Any]:
    """Return the contents of `builder.toml`; files that it names are written to `scratch`."""
    group = [_about(path, scratch) for path in builder.buildpacks]
    found: dict[str, Any] = {
        "buildpacks": [{"uri": str(path.resolve())} for path in builder.buildpacks],
        "order": [{"group": [{"id": b.id, "version": b.version} for b in group]}],
        "build": {"image": builder.build_image},
        "run": {"images": [{"image": builder.run_image}]},
    }
    if builder.lifecycle is not None:
        archive = builder.lifecycle if builder.lifecycle.is_file() else _lifecycle_archive(builder.lifecycle, scratch)
        found["lifecycle"] = {"uri": str(archive.resolve())}
    return found


def _about(path: Path, scratch: Path) -> Buildpack:
    return read_buildpack(unpack(path, scratch / path.stem)[0] if path.is_file() else path)


def _lifecycle_archive(binaries: Path, target: Path) -> Path:
    """Return the archive that `lifecycle.uri` wants: `lifecycle.toml` and a `lifecycle/` directory.

    As pack 0.40.6 reads it: https://github.com/buildpacks/pack/blob/v0.40.6/internal/builder/lifecycle.go
    """
    descriptor = {
        "apis": {
            "buildpack": {"deprecated": [], "supported": [f"0.{minor}" for minor in range(7, 13)]},
            "platform": {"deprecated": [], "supported": [f"0.{minor}" for minor in range(7, 16)]},
        },
        "api": {"platform": "0.7", "buildpack": "0.7"},
        "lifecycle": {"version": "0.21.17"},
    }
    path = target / "lifecycle.toml"
    path.write_text(toml.dumps(descriptor), encoding="utf-8")
    with tarfile.open(target / "lifecycle.tgz", "w:gz", compresslevel=1) as archive:
        archive.add(path, arcname="lifecycle.toml")
        for name in ("lifecycle", "launcher"):
            archive.add((binaries / name).resolve(), arcname=f"lifecycle/{name}")
        for name in _PHASES:
            member = tarfile.TarInfo(f"lifecycle/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "lifecycle"
            archive.addfile(member)
    return target / "lifecycle.tgz"

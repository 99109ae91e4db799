"""The input of a build of this buildpack, for an app made of a few files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.uv_buildpack.trees import plant

from cnb.bindings import read_bindings
from cnb.context import BuildContext, Target, read_buildpack

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY = Path(__file__).parents[2]
TARGET = Target(os="linux", arch="amd64", distro_name="debian", distro_version="13")
MACHINES = ("x86_64", "aarch64")


def catalogue(root: Path, *versions: str) -> Path:
    """Write a catalogue with builds of these versions for every target, and return its path."""
    builds = [
        {
            "version": version,
            "date": "20251120",
            "arch": machine,
            "libc": libc,
            "variant": "default",
            "path": f"20251120/cpython-{version}-{machine}-{libc}.tar.gz",
            "sha256": "0" * 64,
        }
        for version in versions
        for machine in MACHINES
        for libc in ("gnu", "musl")
    ]
    plant(root, {"catalogue.json": json.dumps({"builds": builds})})
    return root / "catalogue.json"


def context_for(root: Path, files: Mapping[str, str], environment: Mapping[str, str] | None = None) -> BuildContext:
    """Make the app, the layers and the platform directory below `root`, and a catalogue with three minors."""
    layers_dir = root / "layers"
    layers_dir.mkdir(exist_ok=True)
    own = str(catalogue(root, "3.11.14", "3.12.12", "3.13.9"))
    return BuildContext(
        app_dir=plant(root / "app", files),
        layers_dir=layers_dir,
        platform_dir=root / "platform",
        environment={"BP_PYTHON_CATALOGUE": own, **(environment or {})},
        buildpack=read_buildpack(REPOSITORY),
        target=TARGET,
        plan=(),
        bindings=read_bindings(root / "platform" / "bindings"),
        store={},
        restored={},
    )

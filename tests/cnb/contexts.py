"""Inputs as a platform gives them, below a temporary directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnb.context import BuildContext, build_context

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BUILDPACK_TOML = """
api = "0.10"

[buildpack]
id = "example/hello"
version = "1.2.3"
sbom-formats = ["application/vnd.cyclonedx+json"]

[metadata]
colour = "blue"
"""


def buildpack(directory: Path, content: str = BUILDPACK_TOML) -> Path:
    """Make a buildpack's directory."""
    directory.mkdir(exist_ok=True)
    (directory / "buildpack.toml").write_text(content)
    return directory


def variables(root: Path, plan: str = "") -> dict[str, str]:
    """Make the directories of a build below `root` and return the variables that name them."""
    for name in ("layers", "platform", "app"):
        (root / name).mkdir(exist_ok=True)
    (root / "plan.toml").write_text(plan)
    return {
        "CNB_LAYERS_DIR": str(root / "layers"),
        "CNB_PLATFORM_DIR": str(root / "platform"),
        "CNB_BP_PLAN_PATH": str(root / "plan.toml"),
        "CNB_BUILDPACK_DIR": str(buildpack(root / "buildpack")),
        "CNB_TARGET_OS": "linux",
        "CNB_TARGET_ARCH": "amd64",
    }


def context_in(root: Path, plan: str = "", more: Mapping[str, str] | None = None) -> BuildContext:
    """Return the input of a build below `root`, with what is in its layers directory."""
    return build_context((), {**variables(root, plan), **(more or {})}, root / "app")

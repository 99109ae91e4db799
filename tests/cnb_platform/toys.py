"""Toy buildpacks in POSIX sh, and builds with them in a directory of the test's own."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cnb_platform import oci
from cnb_platform.console import Log
from cnb_platform.embedded import build_image
from cnb_platform.request import Request
from cnb_platform.tar import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cnb_platform.oci import Image
    from cnb_platform.result import BuildResult

NOTHING = "exit 0"
SELF_SUFFICIENT = """printf '[[provides]]\\nname = "x"\\n[[requires]]\\nname = "x"\\n' >"$CNB_BUILD_PLAN_PATH" """
CALLER: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "HOME": "/home/somebody"}


def buildpack(  # noqa: PLR0913 (what a buildpack consists of)
    directory: Path,
    build: str = NOTHING,
    *,
    detect: str = NOTHING,
    name: str = "toy/one",
    api: str = "0.10",
    about: str = "",
    more: str = "",
) -> Path:
    """Write a buildpack; `about` is added to its [buildpack] table, `more` after it."""
    path = directory / name.replace("/", "_")
    (path / "bin").mkdir(parents=True, exist_ok=True)
    for program, body in (("detect", detect), ("build", build)):
        file = path / "bin" / program
        file.write_text(f"#!/bin/sh\nset -eu\n{body}\n")
        file.chmod(0o755)
    text = f'api = "{api}"\n[buildpack]\nid = "{name}"\nversion = "1.2.3"\n{about}\n[[targets]]\nos = "linux"\n{more}\n'
    (path / "buildpack.toml").write_text(text)
    return path


@dataclass
class Workshop:
    """A directory with an app, an image and a cache; `build` builds there as the user that runs the tests."""

    root: Path
    caller: Mapping[str, str] = field(default_factory=lambda: dict(CALLER))
    log: Log = field(default_factory=Log)

    @property
    def app(self) -> Path:
        path = self.root / "app"
        path.mkdir(exist_ok=True)
        return path

    @property
    def layers(self) -> Path:
        return self.root / "layers"

    @property
    def layout(self) -> Path:
        return self.root / "image"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def build(self, *buildpacks: Path, **changes: Any) -> BuildResult:  # noqa: ANN401 (fields of Request)
        request = Request(
            app=self.app,
            buildpacks=buildpacks,
            image=self.layout,
            cache=self.cache,
            layers_dir=self.layers,
            app_dir=self.root / "workspace",
            owner=Owner(os.getuid(), os.getgid()),
        )
        self.log = Log()
        return build_image(replace(request, **changes), self.caller, self.log)

    def printed(self) -> list[str]:
        """Return the log without the headings of phases and the note on directories."""
        lines = self.log.text().splitlines()
        return [line for line in lines if not line.startswith(("===>", "Layers are in "))]

    def image(self) -> Image:
        return oci.read(self.layout, "amd64")

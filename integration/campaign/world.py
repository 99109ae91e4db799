"""Builds of a campaign, clean ones to compare with, and the comparison."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from integration.campaign import archives
from integration.campaign.application import ASSETS, ROOT, Application
from integration.campaign.settings import Choices, Circumstances

from cnb_platform.console import Log
from cnb_platform.embedded import build_image
from cnb_platform.errors import PlatformError
from cnb_platform.oci import blob_path
from cnb_platform.request import Request
from cnb_platform.tar import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from integration.campaign.distributions import Distribution
    from integration.campaign.interpreters import Supply

    from cnb_platform.result import BuildResult, LayerRow

BUILDPACK = "uv-buildpack/python"


class Broken(Exception):
    """The campaign's claim does not hold; the text says what differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a build: its layers, or the code that it failed with."""

    code: int
    log: str
    result: BuildResult | None = None

    @property
    def layers(self) -> dict[str, LayerRow]:
        """The layers by name; none where the build failed."""
        return {row.name: row for row in self.result.layers} if self.result else {}

    def diff_ids(self) -> dict[str, str]:
        """Return the layers' digests."""
        return {name: row.diff_id for name, row in self.layers.items()}


@dataclass(slots=True, kw_only=True)
class World:
    """The state of a campaign. Everything is below `root`, which the build user can reach."""

    root: Path
    buildpack: Path
    interpreters: Supply
    application: Application
    distributions: tuple[Distribution, ...]
    choices: Choices = field(default_factory=Choices)
    circumstances: Circumstances = field(default_factory=Circumstances)
    clean: dict[str, Outcome] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    uids: set[int] = field(default_factory=lambda: {1000})

    def image(self, name: str) -> Path:
        """Return where an image is."""
        return self.root / "images" / name

    def cache(self, name: str) -> Path:
        """Return where a cache is."""
        return self.root / "caches" / name

    def layers_dir(self) -> Path:
        """Return the layers directory of the chosen place; the application's is beside it."""
        return self.root / f"place-{self.choices.place}" / "layers"

    def app_dir(self) -> Path:
        """Return where the application is built."""
        return self.layers_dir().with_name("workspace")

    def request(self) -> Request:
        """Return what the next build is asked for."""
        now = self.circumstances
        previous = self.image(now.previous) if now.previous else None
        return Request(
            app=self.application.directory,
            buildpacks=(self.buildpack,),
            image=self.image(now.image),
            previous_image=previous if previous and (previous / "index.json").exists() else None,
            cache=self.cache(now.cache),
            layers_dir=self.layers_dir(),
            app_dir=self.app_dir(),
            env=self.variables(now.snapshots),
            platform_api=self.choices.platform_api,
            umask=now.umask,
            owner=Owner(now.uid, now.uid),
        )

    def variables(self, snapshots: str) -> dict[str, str]:
        """Return the user's variables of a build."""
        chosen = self.choices.variables() | self.interpreters.variables(patched=self.choices.patched)
        return chosen | {"BP_UV_SNAPSHOTS": snapshots}

    def build(self) -> Outcome:
        """Build on what earlier builds left."""
        return _built(self.request())

    def install_project(self) -> None:
        """Choose the project again, where only members were installed: else most edits would change nothing."""
        if "app" not in self.choices.packages:
            self.choices = replace(self.choices, packages=())

    def settle(self) -> None:
        """Forget the previous image that the platform was told: from now on it is the image itself."""
        self.circumstances = replace(self.circumstances, previous="")

    def fail(self, text: str) -> None:
        """Raise Broken: a claim does not hold."""
        raise Broken(text)

    def arguments(self) -> list[str]:
        """Return the next build as arguments of the platform's command line."""
        request = self.request()
        pairs = [word for name, value in request.env.items() for word in ("--env", f"{name}={value}")]
        previous = ["--previous-image", str(request.previous_image)] if request.previous_image else []
        return [
            "build", str(request.app), "--buildpack", str(self.buildpack), "--image", str(request.image),
            "--cache", str(request.cache), "--layers", str(request.layers_dir), "--app-dir", str(request.app_dir),
            "--platform-api", request.platform_api, "--umask", f"{request.umask:o}",
            "--uid", str(self.circumstances.uid), *previous, *pairs,
        ]  # fmt: skip

    def clean_build(self) -> Outcome:
        """Build from nothing, or recall the outcome of such a build of equal inputs."""
        key = self.inputs()
        if key not in self.clean:
            image = self.image("clean")
            shutil.rmtree(image, ignore_errors=True)
            request = replace(
                self.request(),
                image=image,
                previous_image=None,
                cache=None,
                env=self.variables("never"),
                umask=0o022,
                owner=Owner(1000, 1000),
            )
            outcome = _built(request)
            if outcome.result is not None:
                self.examine()
                self._note_contents("clean", outcome)
            self.clean[key] = outcome
        return self.clean[key]

    def inputs(self) -> str:
        """Return the digest of all that decides an image."""
        total = hashlib.sha256(repr(self.choices).encode())
        for path in sorted(self.application.directory.rglob("*")):
            status = path.lstat()
            total.update(f"\0{path.relative_to(self.application.directory)}\0{status.st_mode}\0".encode())
            if stat.S_ISREG(status.st_mode):
                total.update(path.read_bytes())
            elif stat.S_ISLNK(status.st_mode):
                total.update(os.fsencode(path.readlink()))
        return total.hexdigest()

    def check(self, code: int = 0) -> Outcome:
        """Build, and compare with a clean build, which ends with `code`. Raises Broken."""
        built = self.build()
        expected = self.clean_build()
        if expected.code != code:
            raise Broken(f"a clean build ends with {expected.code}\n{expected.log}")
        if built.code != expected.code:
            message = f"the build ended with {built.code}, a clean one with {expected.code}"
            raise Broken(f"{message}\n\n{built.log}\n--- clean ---\n{expected.log}")
        if built.diff_ids() != expected.diff_ids() and not self._equal_but_for_owners(built, expected):
            raise Broken(f"{self._difference(built, expected)}\n\n{built.log}\n--- clean ---\n{expected.log}")
        return built

    def _equal_but_for_owners(self, built: Outcome, expected: Outcome) -> bool:
        """Return whether only owners differ: a reused layer has the one that it was made for, which is no content."""
        if len(self.uids) == 1 or list(built.layers) != list(expected.layers):
            return False
        self._note_contents(self.circumstances.image, built)
        mine, theirs = ([self.contents[row.diff_id] for row in rows.layers.values()] for rows in (built, expected))
        return mine == theirs

    def _note_contents(self, image: str, outcome: Outcome) -> None:
        """Remember the digests of layers without owners: images of clean builds are removed."""
        for row in outcome.layers.values():
            if row.diff_id not in self.contents:
                self.contents[row.diff_id] = archives.content_digest(blob_path(self.image(image), row.digest))

    def _difference(self, built: Outcome, expected: Outcome) -> str:
        """Return which layers differ, and in which files: to find out, repeat the clean build."""
        self.clean.pop(self.inputs(), None)
        again = self.clean_build()
        if again.diff_ids() != expected.diff_ids():
            return f"two clean builds differ:\n{self._layer_differences('clean', again, expected)}"
        return self._layer_differences(self.circumstances.image, built, again)

    def _layer_differences(self, image: str, built: Outcome, expected: Outcome) -> str:
        lines = []
        mine, theirs = built.layers, expected.layers
        for name in dict.fromkeys([*mine, *theirs]):
            if name not in mine or name not in theirs:
                lines.append(f"layer {name}: only in the {'clean build' if name in theirs else 'build'}")
            elif mine[name].diff_id != theirs[name].diff_id:
                lines.append(f"layer {name} ({mine[name].state}) differs:")
                one, other = (
                    blob_path(self.image(where), rows[name].digest)
                    for where, rows in ((image, mine), ("clean", theirs))
                )
                lines += [f"  {line}" for line in archives.differences(one, other)]
        return "\n".join(lines)

    def examine(self) -> None:
        """Run the application of the build whose layers and files are still there. Raises Broken."""
        selected = self.application.selected(self.choices.sync_options())
        values = self._expected_values(selected)
        report = self._report(sorted(values))
        versions = {name: version for name, version in selected.items() if version}
        wrong = [
            f"{name}: {report['distributions'].get(name)} is installed, {version} is locked"
            for name, version in versions.items()
            if report["distributions"].get(name) != version
        ]
        wrong += [f"{name} is installed" for name in report["distributions"] if name not in selected]
        wrong += [
            f"{name}: {report['values'][name]}, not {v}" for name, v in values.items() if report["values"][name] != v
        ]
        data = self._expected_data(selected)
        wrong += [] if report["data"] == data else [f"below etc is {report['data']}, not {data}"]
        wrong += report["unexpected"]
        wrong += report["of the application"]
        if wrong:
            raise Broken("\n".join(["the application of a clean build reports:", *wrong]))

    def _expected_values(self, selected: Mapping[str, str]) -> dict[str, str]:
        values: dict[str, str] = {}
        for distribution in self.distributions:
            if selected.get(distribution.name) == distribution.version:
                values |= distribution.modules
                if distribution.against:
                    values[f"{distribution.name}_against"] = f"plain {selected['plain']}"
        for local in self.application.locals():
            is_installed = local.name in selected and (local is not ROOT or self.application.is_packaged())
            if is_installed:
                source = self.application.directory / local.source / "__init__.py"
                values[local.module] = source.read_text(encoding="utf-8").split('"')[1]
                if local.against:
                    values[f"{local.module}_against"] = f"plain {selected['plain']}"
        return values

    def _expected_data(self, selected: Mapping[str, str]) -> dict[str, str]:
        if "path-plain" not in selected:
            return {}
        paths = (self.application.directory / ASSETS).glob("*")
        return {path.name: path.read_text(encoding="utf-8") for path in paths}

    def _report(self, modules: list[str]) -> dict[str, dict[str, str]]:
        layers = self.layers_dir() / BUILDPACK.replace("/", "_")
        environment = {"PATH": f"{layers}/venv-project/bin:{layers}/venv/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [str(layers / "venv/bin/python"), "main.py", *modules]
        done = subprocess.run(argv, cwd=self.app_dir(), env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Broken(f"the application of a clean build fails:\n{done.stderr}")
        document: dict[str, dict[str, str]] = json.loads(done.stdout)
        return document


def _built(request: Request) -> Outcome:
    log = Log()
    try:
        result = build_image(request, {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, log)
    except PlatformError as error:
        return Outcome(code=error.exit_code, log=f"{log.text()}\n{error}")
    return Outcome(code=0, log=log.text(), result=result)

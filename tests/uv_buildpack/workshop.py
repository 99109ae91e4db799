"""Whole builds in a temporary directory: a toy uv, a toy interpreter, and what a lifecycle does between two builds."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import sys
import tarfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.uv_buildpack import toy_uv
from tests.uv_buildpack.contexts import REPOSITORY, TARGET
from tests.uv_buildpack.django.toy_django import DJANGO
from tests.uv_buildpack.trees import plant

from cnb import toml
from cnb.context import BuildContext, read_buildpack
from cnb.layer import Layer, RestoredLayer, ReusedLayer
from cnb.result import write_result
from uv_buildpack import log
from uv_buildpack.build import build
from uv_buildpack.surroundings import libc
from uv_buildpack.uv.version import carried_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cnb.plan import PlanEntry
    from cnb.result import BuildResult

VERSION = platform.python_version()
MINOR = VERSION.rpartition(".")[0]
_ARCHIVE = f"20260101/cpython-{VERSION}.tar.gz"
# It says what the buildpack asks of a new interpreter; for everything else it is this one, with packages beside it.
_INTERPRETER = f"""#!/bin/sh
here=$(CDPATH= cd -- "$(dirname "$0")/.." && pwd)
case "$*" in
*LIBDIR*) printf '%s\\n' {VERSION} "$here" "$here/lib" default x86_64 ;;
*) PYTHONPATH=$here/lib/python{MINOR}/site-packages exec {sys.executable} "$@" ;;
esac
"""

Packages = dict[str, str]
"""Name → version of what the lock has."""
WAREHOUSE: Mapping[str, Mapping[str, str]] = {
    "click-8.3.3": {"click/__init__.py": "VERSION = '8.3.3'\n", "click/core.py": "x = 1\n", "click/old.py": ""},
    "click-8.5.1": {"click/__init__.py": "VERSION = '8.5.1'\n", "click/core.py": "x = 2\n"},
    "heavy-2.0": {"heavy/__init__.py": "a = 1\n", "heavy/data.txt": "x" * 5000},
    "heavy-2.1": {"heavy/__init__.py": "a = 2\n", "heavy/data.txt": "y" * 5000},
    "six-1.17.0": {"six.py": "x = 1\n"},
    "django-5.2": DJANGO,
}
PACKAGES: Packages = {"click": "8.5.1", "heavy": "2.0", "six": "1.17.0"}


def app(packages: Packages, source: str = "print(1)\n", *, packaged: bool = False) -> dict[str, str]:
    """Return the files of an app whose lock has these packages; `packaged`: it is installed itself, in place."""
    needs = ", ".join(f'"{name}"' for name in packages)
    system = '\n[build-system]\nrequires = ["uv_build"]\nbuild-backend = "uv_build"\n' if packaged else ""
    lock = ["version = 1", "revision = 3", 'requires-python = ">=3.11"', ""]
    for name, version in packages.items():
        wheel = f'{{ url = "https://files.example/{name}-{version}-py3-none-any.whl", hash = "sha256:{version}" }}'
        lock += ["[[package]]", f'name = "{name}"', f'version = "{version}"']
        lock += ['source = { registry = "https://index.example/simple" }', f"wheels = [{wheel}]", ""]
    edges = ", ".join(f'{{ name = "{name}" }}' for name in packages)
    kind = "editable" if packaged else "virtual"
    lock += ["[[package]]", 'name = "shop"', 'version = "0.1.0"', f'source = {{ {kind} = "." }}']
    lock += [f"dependencies = [{edges}]", ""]
    return {
        "pyproject.toml": f'[project]\nname = "shop"\nversion = "0.1.0"\nrequires-python = ">=3.11"\n'
        f"dependencies = [{needs}]\n{system}",
        "uv.lock": "\n".join(lock),
        "src/shop/__init__.py": source,
        "Procfile": "web: python -m shop\n",
    }


@dataclass
class Workshop:
    """Builds of one app, one after the other. `image` is what the last one exported, `cache` what it left."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    restored: dict[str, RestoredLayer] = field(default_factory=dict)
    image: dict[str, str] = field(default_factory=dict)
    """Layer → digest of its contents, also of layers that were taken from the image before."""
    builds: int = 0
    slices: list[tuple[str, ...]] = field(default_factory=list)
    """Of the last build's image."""

    def __post_init__(self) -> None:
        """Put a uv, an archive of an interpreter and its catalogue where builds find them."""
        plant(self.root / "warehouse", {f"{name}.json": json.dumps(files) for name, files in WAREHOUSE.items()})
        uv = self.root / "bin" / "uv"
        uv.parent.mkdir()
        uv.write_text(f'#!/bin/sh\nexec {sys.executable} -I {toy_uv.__file__} {self.root / "warehouse"} "$@"\n')
        uv.chmod(0o755)
        archive = _write_archive(self.root / "mirror" / _ARCHIVE)
        build = {
            "version": VERSION,
            "date": "20260101",
            "arch": "x86_64",
            "libc": libc(),
            "variant": "default",
            "path": _ARCHIVE,
            "sha256": archive,
        }
        plant(self.root, {"catalogue.json": json.dumps({"builds": [build]})})

    @property
    def layers(self) -> Path:
        """The layers directory, which each build finds as a lifecycle leaves it."""
        return self.root / "layers"

    @property
    def calls(self) -> list[str]:
        """The command of each call of uv in the last build."""
        path = self.root / "warehouse" / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []

    def build(
        self,
        files: Mapping[str, str],
        *,
        plan: Sequence[PlanEntry] = (),
        form: str = "text",
        level: str = "info",
    ) -> str:
        """Build an app of these files, export it, and return the log, durations and directories masked."""
        shutil.rmtree(self.root / "app", ignore_errors=True)
        (self.root / "warehouse" / "calls").unlink(missing_ok=True)
        self.layers.mkdir(exist_ok=True)
        self.builds += 1
        stream = io.StringIO()
        log.configure(stream, form=form, level=level)
        context = self._context(files, plan)
        result = build(context)
        write_result(context, result)
        self.slices = [each.paths for each in result.slices]
        self._export(result)
        return _masked(stream.getvalue(), self.root)

    def break_uv(self, command: str) -> None:
        """Let the next call of a command of uv fail."""
        plant(self.root / "warehouse", {"broken": command})

    def forget_cache(self) -> None:
        """Lose what the platform cached."""
        shutil.rmtree(self.layers / "snapshots")

    def forget_image(self, *names: str) -> None:
        """Lose layers of the previous image, or all of them."""
        for name in names or tuple(self.restored):
            self.restored.pop(name, None)

    def _context(self, files: Mapping[str, str], plan: Sequence[PlanEntry]) -> BuildContext:
        environment = {
            "BP_PYTHON_CATALOGUE": str(self.root / "catalogue.json"),
            "BP_PYTHON_MIRROR": (self.root / "mirror").as_uri(),
            "BP_UV_HEAVY_PACKAGES": "1KB",
            "PATH": f"{self.root / 'bin'}:{os.defpath}",
            **self.variables,
        }
        return BuildContext(
            app_dir=plant(self.root / "app", files),
            layers_dir=self.layers,
            platform_dir=self.root / "platform",
            environment=environment,
            buildpack=replace(read_buildpack(REPOSITORY), directory=self.root / "buildpack"),
            target=TARGET,
            plan=tuple(plan),
            bindings=(),
            store={},
            restored=dict(self.restored),
        )

    def _export(self, result: BuildResult) -> None:
        """Keep of each layer what a lifecycle brings back to the next build, and remove the rest."""
        self.image = {layer.name: self._digest(layer) for layer in result.layers if layer.types.launch}
        self.restored = {
            layer.name: RestoredLayer(layer.name, self._metadata(layer), None, dict(layer.sboms))
            for layer in result.layers
            if layer.types.launch
        }
        for path in self.layers.iterdir():
            if path.name != "snapshots":
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _digest(self, layer: Layer | ReusedLayer) -> str:
        if isinstance(layer, ReusedLayer):
            assert not (self.layers / layer.name).exists(), "a layer of the previous image has a directory"
            return self.image[layer.name]
        total = hashlib.sha256()
        for path in sorted((self.layers / layer.name).rglob("*")):
            content = bytes(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b"/"
            total.update(f"{path.relative_to(self.layers)} {path.lstat().st_mode:o} ".encode() + content + b"\n")
        return total.hexdigest()

    def _metadata(self, layer: Layer | ReusedLayer) -> Mapping[str, object]:
        metadata: Mapping[str, object] = toml.load(self.layers / f"{layer.name}.toml").get("metadata", {})
        return metadata


def _write_archive(path: Path) -> str:
    files = {
        f"bin/python{MINOR}": _INTERPRETER,
        f"lib/python{MINOR}/os.py": "sep = '/'\n",
        f"lib/python{MINOR}/build-details.json": '{"base_prefix": "/install"}\n',
    }
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"python/{name}")
            entry.size, entry.mode = len(text.encode()), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _masked(text: str, root: Path) -> str:
    """Return a log without what differs between machines, runs and versions."""
    text = re.sub(r"\(\d+\.\d\d s\)", "(0.00 s)", text).replace(str(root), "")
    text = re.sub(r"\d+\.\d MB", "0.0 MB", text)
    text = re.sub(r"\Auv buildpack \S+", "uv buildpack 0.1.0", text)
    text = text.replace(f"  uv {carried_version()}", "  uv 0.13.0")
    return text.replace(VERSION, "3.13.9").replace(f"python{MINOR}", "python3.13")

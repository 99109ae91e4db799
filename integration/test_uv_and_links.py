"""What the real uv does to linked packages and shared files: the facts on which `uv_buildpack.heavy` stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from integration.package_index import wheel

from uv_buildpack.installed import heavy
from uv_buildpack.installed.distributions import read
from uv_buildpack.installed.heavy.links import damages, forget, move_out, take_apart
from uv_buildpack.installed.heavy.shared import keep_shared, put_back
from uv_buildpack.installed.heavy.survey import survey

if TYPE_CHECKING:
    from pathlib import Path

LOW = heavy.parse_setting("100kB")
WEIGHT = "#" * 200_000


@dataclass
class Environment:
    """An environment that uv makes from wheels in a directory, with its heavy layers beside it."""

    directory: Path

    @property
    def layers(self) -> Path:
        return self.directory / "layers"

    @property
    def site_packages(self) -> Path:
        return next(self.layers.glob("venv/lib/python*/site-packages"))

    def offer(self, name: str, version: str, files: dict[str, str]) -> None:
        (self.directory / "wheels").mkdir(exist_ok=True)
        (self.directory / f"wheels/{name}-{version}-py3-none-any.whl").write_bytes(wheel(name, version, files))

    def sync(self, *requirements: str) -> subprocess.CompletedProcess[str]:
        """Install exactly these, as `uv sync` does."""
        (self.directory / "requirements.txt").write_text("\n".join(requirements))
        return self.uv("pip", "sync", "--offline", "--no-index", "--find-links", "wheels", "requirements.txt")

    def uv(self, *argv: str) -> subprocess.CompletedProcess[str]:
        variables = {
            **os.environ,
            "VIRTUAL_ENV": str(self.layers / "venv"),
            "UV_CACHE_DIR": str(self.directory / "cache"),
        }
        return subprocess.run(
            ["uv", *argv], cwd=self.directory, env=variables, capture_output=True, text=True, check=False
        )

    def move_out(self) -> tuple[heavy.Bundle, ...]:
        bundles = heavy.bundle(survey(read(self.site_packages), LOW, ()), LOW)
        move_out(self.site_packages, bundles, self.layers)
        return bundles

    def take_layers_away(self) -> None:
        for layer in self.layers.glob("packages-*"):
            shutil.rmtree(layer)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A heavy package (two versions), and light ones that share a namespace with its other part."""
    made = Environment(tmp_path)
    for version in ("1", "2"):
        made.offer(
            "weight",
            version,
            {"weight/a.py": f"{version}{WEIGHT}", "space/__init__.py": "", "space/weight/b.py": WEIGHT},
        )
        made.offer("light", version, {"space/__init__.py": "", "space/light/a.py": version})
    assert made.uv("venv", "--quiet", "--python", sys.executable, "layers/venv").returncode == 0
    assert made.sync("weight==1", "light==1").returncode == 0
    return made


def test_a_light_package_changes_while_heavy_directories_are_away(environment: Environment) -> None:
    bundles = environment.move_out()
    environment.take_layers_away()
    shared = keep_shared(read(environment.site_packages), {"light"})
    assert environment.sync("weight==1", "light==2").returncode == 0
    put_back(read(environment.site_packages), shared)
    assert (environment.site_packages / "space/light/a.py").read_text() == "2"
    assert damages(read(environment.site_packages), (), {bundle.layer for bundle in bundles}) == []


def test_uv_takes_shared_files_from_others_and_we_put_them_back(environment: Environment) -> None:
    shared = keep_shared(read(environment.site_packages), {"light"})
    assert environment.sync("weight==1").returncode == 0
    assert environment.uv("pip", "check").returncode == 0
    assert damages(read(environment.site_packages), (), ()) == ["weight: space/__init__.py is missing"]
    put_back(read(environment.site_packages), shared)
    assert damages(read(environment.site_packages), (), ()) == []


def test_a_change_of_a_linked_package_fails_or_empties_its_layer(environment: Environment) -> None:
    environment.move_out()
    layer = environment.layers / "packages-weight/site-packages/weight"
    assert environment.sync("weight==2", "light==1").returncode != 0
    assert not (layer / "a.py").exists()


def test_a_change_of_a_package_whose_directories_are_away_fails(environment: Environment) -> None:
    environment.move_out()
    environment.take_layers_away()
    assert "File exists" in environment.sync("weight==2", "light==1").stderr


@pytest.mark.parametrize("away", [False, True])
def test_taken_apart_before_a_linked_package_changes_well(environment: Environment, *, away: bool) -> None:
    bundles = environment.move_out()
    if away:
        environment.take_layers_away()
    take_apart(environment.site_packages, bundles[0].packages)
    assert environment.sync("weight==2", "light==1").returncode == 0
    environment.take_layers_away()
    assert [bundle.layer for bundle in environment.move_out()] == ["packages-weight"]
    assert (environment.site_packages / "weight/a.py").read_text().startswith("2")
    assert damages(read(environment.site_packages), ("packages-weight",), ()) == []


def test_forgotten_a_package_is_reinstalled_though_its_version_is_the_same(environment: Environment) -> None:
    bundles = environment.move_out()
    environment.take_layers_away()
    take_apart(environment.site_packages, bundles[0].packages)
    forget(read(environment.site_packages), {package.name for package in bundles[0].packages})
    assert environment.sync("weight==1", "light==1").returncode == 0
    assert (environment.site_packages / "space/weight/b.py").read_text() == WEIGHT
    assert damages(read(environment.site_packages), (), ()) == []


def test_a_removed_package_leaves_no_link_when_taken_apart(environment: Environment) -> None:
    bundles = environment.move_out()
    environment.take_layers_away()
    shared = keep_shared(read(environment.site_packages), {"weight"})
    take_apart(environment.site_packages, bundles[0].packages)
    assert environment.sync("light==1").returncode == 0
    put_back(read(environment.site_packages), shared)
    left = [path.name for path in environment.site_packages.iterdir() if not path.name.startswith("_")]
    assert sorted(left) == ["light-1.dist-info", "space"]
    assert damages(read(environment.site_packages), (), ()) == []

"""A warm environment, whose heavy layers are not on disk, bundles and links as one that was made from nothing.

Random changes of random environments, synced as uv does it: by the dist-info directories alone.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.installed.heavy.wheels import install

from uv_buildpack.installed.distributions import read
from uv_buildpack.installed.heavy import Bundle, HeavySetting, Package, bundle, from_text, to_text
from uv_buildpack.installed.heavy.links import damages, forget, move_out, take_apart
from uv_buildpack.installed.heavy.records import records
from uv_buildpack.installed.heavy.shared import keep_shared, put_back
from uv_buildpack.installed.heavy.survey import survey

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = (HeavySetting(least=1000), HeavySetting(least=2500), HeavySetting(names=frozenset({"p1", "p2", "p5"})))

PLACES = (
    ("alone/{name}.py",),
    ("{name}/a.py", "{name}.libs/lib.so"),
    ("space/{name}/a.py", "space/{name}/b/c.py"),
    ("space/__init__.py", "space/{name}/lib/a.so"),
    ("space/deep/{name}.py",),
    ("host/__init__.py", "host/{name}.py"),
    ("host/plugins/{name}/a.py",),
    ("tests/{name}.py", "{name}/a.py"),
    ("host/extra/{name}.py", "host/extra/{name}/b.so"),
    ("space/{name}.py", "space/{name}/b.so"),
    ("{name}.py",),
    ("{name}/a.py", "{name}.pth"),
)

Wheels = dict[str, tuple[str, Mapping[str, int]]]
"""Name → version and files."""


@dataclass
class World:
    """An environment, the layers beside it, and what the previous build left."""

    layers: Path
    setting: HeavySetting

    @property
    def site_packages(self) -> Path:
        return self.layers / "venv/site-packages"

    def sync(self, wheels: Wheels) -> None:
        """Do what uv does: compare names and versions, uninstall by RECORD, install over what is there."""
        here = {record.name: record for record in records(read(self.site_packages))}
        for name, record in here.items():
            if name not in wheels or record.distribution.dist_info.name != f"{name}-{wheels[name][0]}.dist-info":
                for path in record.files:
                    (self.site_packages / path).unlink(missing_ok=True)
                shutil.rmtree(record.distribution.dist_info)
        for name, (version, files) in sorted(wheels.items()):
            if not (self.site_packages / f"{name}-{version}.dist-info").is_dir():
                install(self.site_packages, name, files, version)
        remove_empty_directories(self.site_packages)

    def clean(self, wheels: Wheels) -> tuple[Bundle, ...]:
        shutil.rmtree(self.layers, ignore_errors=True)
        self.site_packages.mkdir(parents=True)
        self.sync(wheels)
        return self.finish(())

    def warm(self, wheels: Wheels, bundles: tuple[Bundle, ...], old: Wheels) -> tuple[Bundle, ...] | None:
        """Build on an environment whose heavy layers are away; `None` if they bundle differently now."""
        changed = {name for name in {*old, *wheels} if old.get(name) != wheels.get(name)}
        lost = [each for each in bundles if changed & {package.name for package in each.packages}]
        kept = [each for each in bundles if each not in lost]
        reinstalled = [package for each in lost for package in each.packages]
        shared = keep_shared(read(self.site_packages), changed | {package.name for package in reinstalled})
        take_apart(self.site_packages, reinstalled)
        forget(read(self.site_packages), {package.name for package in reinstalled})
        try:
            self.sync(wheels)
        except FileExistsError:  # a new package goes into a directory that is away: so does uv fail
            return None
        put_back(read(self.site_packages), shared)
        new = self.finish(tuple(package for each in kept for package in each.packages))
        if not all(each in new for each in kept):
            return None
        layers = {each.layer for each in kept}
        assert damages(read(self.site_packages), {each.layer for each in new} - layers, layers) == []
        return new

    def finish(self, remembered: tuple[Package, ...]) -> tuple[Bundle, ...]:
        surveyed = survey(read(self.site_packages), self.setting, {package.name for package in remembered})
        bundles = bundle([*surveyed, *remembered], self.setting)
        move_out(self.site_packages, bundles, self.layers)
        return bundles

    def forget_layers(self) -> None:
        for path in self.layers.glob("packages-*"):
            shutil.rmtree(path)


def remove_empty_directories(top: Path) -> None:
    for parent, _, _ in os.walk(top, topdown=False):
        if not os.listdir(parent):  # noqa: PTH208 (as os.walk gives it)
            os.rmdir(parent)  # noqa: PTH106
    top.mkdir(exist_ok=True)


def tree(top: Path) -> dict[str, str]:
    """Return everything below a directory, links by where they lead."""
    found: dict[str, str] = {}
    for path in sorted(top.rglob("*")):
        kind = f"-> {path.readlink()}" if path.is_symlink() else "directory" if path.is_dir() else path.read_text()
        found[str(path.relative_to(top))] = kind
    return found


def a_wheel(chance: random.Random, name: str) -> tuple[str, Mapping[str, int]]:
    files = {path.format(name=name): chance.choice([5, 400, 1200, 3000]) for path in chance.choice(PLACES)}
    # Of a file that several packages have, each has the same bytes.
    return f"{chance.randrange(10**9)}.0", {
        path: 60 if path.endswith("__init__.py") else size for path, size in files.items()
    }


def a_change(chance: random.Random, wheels: Wheels) -> Wheels:
    names = chance.sample([f"p{number}" for number in range(9)], k=chance.choice([1, 1, 1, 2]))
    changed = dict(wheels)
    for name in names:
        if name in changed and chance.random() < 0.4:
            del changed[name]
        else:
            changed[name] = a_wheel(chance, name)
    return changed


@pytest.mark.parametrize("seed", range(40))
def test_a_warm_environment_equals_a_clean_one(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a seed that can be replayed)
    world = World(tmp_path / "layers", chance.choice(SETTINGS))
    wheels = {f"p{number}": a_wheel(chance, f"p{number}") for number in range(7)}
    bundles = world.clean(wheels)
    for _ in range(6):
        world.forget_layers()
        old, wheels = wheels, a_change(chance, wheels)
        warm = world.warm(wheels, from_text(to_text(bundles)), old)
        result = tree(world.site_packages)
        made = {path.name: tree(path) for path in world.layers.glob("packages-*")}
        bundles = world.clean(wheels)
        if warm is not None:
            assert warm == bundles
            assert result == tree(world.site_packages)
            assert all(tree(world.layers / name) == content for name, content in made.items())

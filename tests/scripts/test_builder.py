"""`scripts/builder`: what it tells pack to make a builder of."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.contexts import REPOSITORY
from tests.uv_buildpack.trees import plant

from buildpackage import cnb_file
from cnb import toml
from cnb_platform.pack_builder import Builder, command, document

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = """\
api = "0.10"
[buildpack]
id = "example/toy"
version = "1.2.3"
licenses = [{ type = "MIT", uri = "https://example.com/licence" }]
[[targets]]
os = "linux"
arch = "amd64"
"""


@pytest.fixture
def buildpack(tmp_path: Path) -> Path:
    """A buildpack that does nothing."""
    plant(tmp_path / "toy", {"buildpack.toml": ABOUT, "bin/detect": "#!/bin/sh\n", "bin/build": "#!/bin/sh\n"})
    for phase in ("detect", "build"):
        (tmp_path / "toy/bin" / phase).chmod(0o755)
    return tmp_path / "toy"


def a_builder(*buildpacks: Path, lifecycle: Path | None = None) -> Builder:
    return Builder(buildpacks=buildpacks, build_image="build:1", run_image="run:1", lifecycle=lifecycle)


def test_a_builder_has_the_buildpack_in_its_order_and_the_images_that_were_named(
    tmp_path: Path, buildpack: Path
) -> None:
    assert document(a_builder(buildpack), tmp_path) == {
        "buildpacks": [{"uri": str(buildpack)}],
        "order": [{"group": [{"id": "example/toy", "version": "1.2.3"}]}],
        "build": {"image": "build:1"},
        "run": {"images": [{"image": "run:1"}]},
    }


def test_a_packaged_buildpack_is_taken_as_the_file_that_it_is(tmp_path: Path, buildpack: Path) -> None:
    about = toml.loads(ABOUT)
    package = tmp_path / "toy.cnb"
    cnb_file.write_package(package, cnb_file.layer(buildpack, about), about, "amd64")
    made = document(a_builder(package), tmp_path)
    assert made["buildpacks"] == [{"uri": str(package)}]
    assert made["order"] == [{"group": [{"id": "example/toy", "version": "1.2.3"}]}]


def test_a_directory_of_lifecycle_binaries_becomes_the_archive_that_pack_reads(tmp_path: Path, buildpack: Path) -> None:
    binaries = plant(tmp_path / "phases", {"lifecycle": "", "launcher": ""})
    archive = document(a_builder(buildpack, lifecycle=binaries), tmp_path)["lifecycle"]["uri"]
    with tarfile.open(archive) as opened:
        assert {"lifecycle.toml", "lifecycle/lifecycle", "lifecycle/launcher", "lifecycle/creator"} <= set(
            opened.getnames()
        )


def test_an_archive_of_the_lifecycle_is_handed_on(tmp_path: Path, buildpack: Path) -> None:
    plant(tmp_path, {"lifecycle.tgz": ""})
    made = document(a_builder(buildpack, lifecycle=tmp_path / "lifecycle.tgz"), tmp_path)
    assert made["lifecycle"] == {"uri": str(tmp_path / "lifecycle.tgz")}


def test_the_configuration_exists_as_long_as_pack_needs_it(buildpack: Path, tmp_path: Path) -> None:
    with command(a_builder(buildpack), "my-builder") as argv:
        config = tmp_path / argv[-1]
        assert argv[:4] == ("pack", "builder", "create", "my-builder")
        assert toml.load(config)["build"] == {"image": "build:1"}
    assert not config.exists()


FAKE_PACK = f"""#!{sys.executable}
import pathlib, sys
here = pathlib.Path(__file__).parent
here.joinpath("arguments").write_text(" ".join(sys.argv[1:]))
here.joinpath("builder.toml").write_text(pathlib.Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
sys.exit(here.joinpath("fails").exists())
"""


def script(root: Path, *words: str | Path, fakes: bool = True) -> subprocess.CompletedProcess[str]:
    """Run scripts/builder with a fake pack and a fake docker, which answers to everything."""
    if fakes:
        plant(root / "bin", {"pack": FAKE_PACK, "docker": "#!/bin/sh\n"})
        for name in ("pack", "docker"):
            (root / "bin" / name).chmod(0o755)
    path = f"{root / 'bin'}:{os.path.dirname(sys.executable)}:/nowhere"  # noqa: PTH120 (not resolved: it is a link)
    argv = [sys.executable, REPOSITORY / "scripts/builder", *words]
    return subprocess.run(argv, env={"PATH": path}, capture_output=True, text=True, check=False)


IMAGES = ("--build-image", "registry.example/build:1", "--run-image", "registry.example/run:1")


def test_images_that_the_user_names_are_those_of_the_builder(tmp_path: Path, buildpack: Path) -> None:
    done = script(tmp_path, "shop-builder", *IMAGES, "--buildpack", buildpack)
    assert done.returncode == 0, done.stderr
    assert "pack build my-app --path . --builder shop-builder --trust-builder" in done.stdout
    arguments = (tmp_path / "bin/arguments").read_text(encoding="utf-8")
    assert arguments.startswith("builder create shop-builder --config ")
    assert arguments.endswith(" --pull-policy if-not-present")
    made = toml.load(tmp_path / "bin/builder.toml")
    assert made["build"] == {"image": "registry.example/build:1"}
    assert made["run"] == {"images": [{"image": "registry.example/run:1"}]}


def test_a_builder_can_be_published(tmp_path: Path, buildpack: Path) -> None:
    assert script(tmp_path, "registry.example/b", *IMAGES, "--buildpack", buildpack, "--publish").returncode == 0
    assert (tmp_path / "bin/arguments").read_text(encoding="utf-8").endswith(" --publish")


def test_one_image_alone_is_refused(tmp_path: Path, buildpack: Path) -> None:
    done = script(tmp_path, *IMAGES[:2], "--buildpack", buildpack)
    assert done.returncode == 2
    assert "--build-image and --run-image belong together" in done.stderr


def test_a_pack_that_fails_is_no_success(tmp_path: Path, buildpack: Path) -> None:
    plant(tmp_path / "bin", {"fails": ""})
    done = script(tmp_path, *IMAGES, "--buildpack", buildpack)
    assert done.returncode == 1
    assert "`pack builder create …` failed" in done.stderr


def test_what_is_missing_is_named_without_pack(tmp_path: Path) -> None:
    done = script(tmp_path, fakes=False)
    assert done.returncode == 1
    assert "there is no pack on PATH" in done.stderr
    assert "Traceback" not in done.stderr

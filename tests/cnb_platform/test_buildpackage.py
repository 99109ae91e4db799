"""Buildpacks given as packages."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest
from tests.cnb_platform.toys import Workshop, buildpack

from cnb_platform import oci, tar
from cnb_platform.errors import UnusableArgument
from cnb_platform.oci import DOCKER_TYPES, Image
from cnb_platform.tar import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def package(workshop: Workshop, *toys: Path) -> Path:
    """Return a `.cnb` file of these buildpacks; it is called after the first."""
    layout = workshop.root / "package"
    oci.prepare(layout)
    layers, versions = [], {}
    for toy in toys:
        name = toy.name.replace("_", "/")
        entries = [tar.directory(f"/cnb/buildpacks/{toy.name}", ROOT)]
        entries += tar.tree(toy, f"/cnb/buildpacks/{toy.name}/1.2.3", ROOT)
        layers.append(oci.add_layer(layout, tar.stream(entries), tar.write_gzip, DOCKER_TYPES.gzip))
        versions[name] = {"1.2.3": {"api": "0.10", "layerDiffID": layers[-1].diff_id}}
    first = next(iter(versions))
    labels = {
        "io.buildpacks.buildpackage.metadata": json.dumps({"id": first, "version": "1.2.3"}),
        "io.buildpacks.buildpack.layers": json.dumps(dict(sorted(versions.items()))),
    }
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "config": {"Labels": labels},
    }
    oci.write(layout, Image(config=config, layers=tuple(layers), media_types=DOCKER_TYPES))
    target = workshop.root / "toy.cnb"
    with tarfile.open(target, "w") as archive:
        for path in sorted(layout.rglob("*")):
            archive.add(path, arcname=f"/{path.relative_to(layout)}", recursive=False)
    return target


def test_a_package_is_a_buildpack(workshop: Workshop) -> None:
    result = workshop.build(package(workshop, buildpack(workshop.root, "echo from a package")))
    assert "from a package" in result.log


def test_a_composite_package_is_refused_with_what_to_do(workshop: Workshop) -> None:
    composite = workshop.root / "toy_all"
    composite.mkdir()
    (composite / "buildpack.toml").write_text(
        'api = "0.10"\n[buildpack]\nid = "toy/all"\nversion = "1.2.3"\n'
        '[[order]]\ngroup = [{id = "toy/a", version = "1.2.3"}, {id = "toy/b", version = "1.2.3", optional = true}]\n'
    )
    members = [buildpack(workshop.root, f"echo {name}", name=f"toy/{name}") for name in "ab"]
    with pytest.raises(UnusableArgument, match="composite buildpack: give the buildpacks of its order instead"):
        workshop.build(package(workshop, composite, *members))


def test_a_file_that_is_no_package_is_named(workshop: Workshop) -> None:
    file = workshop.root / "odd.cnb"
    file.write_text("odd")
    with pytest.raises(UnusableArgument, match=r"odd\.cnb is not a buildpack package"):
        workshop.build(file)

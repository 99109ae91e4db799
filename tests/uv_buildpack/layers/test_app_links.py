"""What the app directory would hide of an installed copy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.installed.distributions import read
from uv_buildpack.layers import app_links

if TYPE_CHECKING:
    from pathlib import Path

INSTALLED = (
    "shop/__init__.py",
    "shop/_fast.cpython-313-x86_64-linux-gnu.so",
    "shop/made/__init__.py",
    "shop/made/table.py",
    "shop/__pycache__/__init__.cpython-313.pyc",
    "single.py",
    "shop_app-1.0.dist-info/RECORD",
    "../../../bin/shop",
)


def installed(root: Path) -> Path:
    """Make a layer with a package in it, and return its site-packages."""
    site_packages = root / "layer" / "lib" / "python3.13" / "site-packages"
    record = "".join(f"{path},,\n" for path in INSTALLED)
    plant(site_packages, {**dict.fromkeys(INSTALLED[:-2], "made"), "shop_app-1.0.dist-info/RECORD": record})
    return site_packages


def found(root: Path, source: str) -> dict[str, str]:
    layer, app_dir = root / "layer", root / "app"
    return app_links.find(layer, read(installed(root)), {"shop-app": app_dir / source}, app_dir)


def test_a_flat_layout_gets_links_to_what_only_its_build_makes(tmp_path: Path) -> None:
    plant(tmp_path / "app", {"shop/__init__.py": "source"})
    links = found(tmp_path, ".")
    place = "lib/python3.13/site-packages/shop"
    assert links == {
        "shop/_fast.cpython-313-x86_64-linux-gnu.so": f"{place}/_fast.cpython-313-x86_64-linux-gnu.so",
        "shop/made": f"{place}/made",
    }
    app_links.put(links, tmp_path / "app", tmp_path / "layer")
    assert (tmp_path / "app" / "shop" / "made" / "table.py").read_text() == "made"
    assert (tmp_path / "app" / "shop" / "__init__.py").read_text() == "source"
    app_links.put(links, tmp_path / "app", tmp_path / "layer")


def test_a_source_layout_hides_nothing(tmp_path: Path) -> None:
    plant(tmp_path / "app", {"src/shop/__init__.py": ""})
    assert found(tmp_path, ".") == {}


def test_a_package_in_a_directory_of_its_own_gets_its_links_there(tmp_path: Path) -> None:
    plant(tmp_path / "app", {"libs/shop/shop/made/__init__.py": ""})
    assert sorted(found(tmp_path, "libs/shop")) == [
        "libs/shop/shop/__init__.py",
        "libs/shop/shop/_fast.cpython-313-x86_64-linux-gnu.so",
        "libs/shop/shop/made/table.py",
    ]


@pytest.mark.parametrize("links", [{}, {"shop/a.so": "lib/a.so"}])
def test_links_survive_the_layers_metadata(links: dict[str, str]) -> None:
    assert app_links.read({app_links.FIELD: app_links.text(links)}) == links


@pytest.mark.parametrize("value", [3.0, "[]", "{", '{"a": 1}'])
def test_links_that_cannot_be_read_are_none(value: object) -> None:
    assert app_links.read({app_links.FIELD: value}) is None
    assert json.loads(app_links.text({})) == app_links.read({})


@pytest.mark.parametrize(
    "links",
    [
        {"../escaped": "lib/x"},
        {"shop/../../escaped": "lib/x"},
        {"/escaped": "lib/x"},
        {"shop/x": "../../../etc/passwd"},
        {"shop/x": "/etc/passwd"},
        {"shop/x\0": "lib/x"},
        {"shop/x": 1},
        ["shop/x"],
    ],
)
def test_links_out_of_the_app_or_the_layer_are_none_that_a_build_wrote(links: object) -> None:
    assert app_links.read({"links": json.dumps(links)}) is None


def test_no_link_is_made_through_a_link_of_the_app(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    app_dir = plant(tmp_path / "app", {"pyproject.toml": ""})
    (app_dir / "shop").symlink_to(tmp_path / "elsewhere")
    app_links.put({"shop/x": "lib/x"}, app_dir, tmp_path / "layer")
    assert list((tmp_path / "elsewhere").iterdir()) == []

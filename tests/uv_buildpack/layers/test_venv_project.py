"""The key of the `venv-project` layer: old code never stays, and an edit of editable code costs nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.errors import LocalPackageMissing, PathDependencyOutside
from uv_buildpack.layers.reuse import differences
from uv_buildpack.layers.venv_project import LocalKey
from uv_buildpack.project import local_sources
from uv_buildpack.project.files import read_pyproject
from uv_buildpack.project.local_packages import LocalPackage, check_paths, local_packages
from uv_buildpack.project.lockfile import read_lock

if TYPE_CHECKING:
    from pathlib import Path

STATIC = """
[project]
name = "shop"
version = "0.1.0"
readme = "README.md"
license-files = ["legal/*"]

[build-system]
requires = ["uv_build"]
build-backend = "uv_build"
"""
FILES = {
    "pyproject.toml": STATIC,
    "README.md": "hello\n",
    "legal/LICENCE": "free\n",
    "src/shop/__init__.py": "x = 1\n",
    "src/shop/data/page.html": "<p>\n",
    "tests/test_shop.py": "",
}
EDITABLE = LocalPackage(name="shop", path=".", editable=True)
COPY = replace(EDITABLE, editable=False)


def source(root: Path, package: LocalPackage = EDITABLE, *, seen: bool = False) -> str:
    pyproject = read_pyproject(root, root / "pyproject.toml")
    return local_sources.digest(package, root / package.path, pyproject, root, seen=seen)


def changes(root: Path, files: dict[str, str], package: LocalPackage = EDITABLE) -> bool:
    """Return whether writing `files` changes what the layer is made from."""
    before = source(root, package)
    plant(root, files)
    return source(root, package) != before


SOURCE_EDITS = [
    {"src/shop/__init__.py": "x = 2\n"},
    {"src/shop/new.py": ""},
    {"src/shop/data/page.html": "<b>\n"},
    {"tests/test_shop.py": "x = 1\n"},
]
METADATA_EDITS = [
    {"pyproject.toml": STATIC + '[project.scripts]\nshop = "shop:main"\n'},
    {"README.md": "goodbye\n"},
    {"legal/LICENCE": "not free\n"},
    {"legal/NOTICE": ""},
]
LAYOUT_EDITS = [{"src/other/__init__.py": ""}, {"src/single.py": ""}, {"toplevel.py": ""}]


@pytest.mark.parametrize("files", SOURCE_EDITS)
def test_an_edit_of_editable_code_with_static_metadata_changes_nothing(tmp_path: Path, files: dict[str, str]) -> None:
    assert not changes(plant(tmp_path, FILES), files)


@pytest.mark.parametrize("files", SOURCE_EDITS)
def test_an_edit_of_code_that_another_build_may_import_counts(tmp_path: Path, files: dict[str, str]) -> None:
    before = source(plant(tmp_path, FILES), seen=True)
    assert source(plant(tmp_path, files), seen=True) != before


@pytest.mark.parametrize(
    "text",
    [
        STATIC.replace("version =", "version  =") + "# a comment\n",
        STATIC + '[dependency-groups]\ndev = ["pytest"]\n',
        STATIC + "[tool.ruff]\nline-length = 100\n",
        STATIC + '[tool.uv.sources]\nlib = { path = "lib" }\n',
    ],
)
def test_an_edit_of_the_project_file_that_reaches_no_build_changes_nothing(tmp_path: Path, text: str) -> None:
    assert not changes(plant(tmp_path, FILES), {"pyproject.toml": text})


@pytest.mark.parametrize(
    "text",
    [
        STATIC.replace("0.1.0", "0.1.1"),
        STATIC.replace('"uv_build"]', '"uv_build<1"]'),
        STATIC + '[tool.uv.build-backend]\nmodule-root = ""\n',
        STATIC + "[tool.hatch]\nx = 2020-01-01\n",
    ],
)
def test_an_edit_of_the_project_file_that_may_reach_the_build_changes_the_layer(tmp_path: Path, text: str) -> None:
    assert changes(plant(tmp_path, FILES), {"pyproject.toml": text})


@pytest.mark.parametrize("files", METADATA_EDITS + LAYOUT_EDITS)
def test_an_edit_of_metadata_or_of_the_layout_changes_the_layer(tmp_path: Path, files: dict[str, str]) -> None:
    assert changes(plant(tmp_path, FILES), files)


@pytest.mark.parametrize("files", SOURCE_EDITS + METADATA_EDITS)
def test_any_edit_changes_a_copy(tmp_path: Path, files: dict[str, str]) -> None:
    assert changes(plant(tmp_path, FILES), files, COPY)


def test_a_copy_changes_with_what_its_build_reads_beside_it(tmp_path: Path) -> None:
    plant(tmp_path, {"libs/shop/pyproject.toml": STATIC, "shared/code.py": "x = 1\n"})
    package = replace(COPY, path="libs/shop")

    def digest() -> str:
        return local_sources.digest(package, tmp_path / package.path, None, tmp_path, seen=False)

    before = digest()
    plant(tmp_path, {"shared/code.py": "x = 2\n"})
    assert digest() == before
    (tmp_path / "libs/shop/code.py").symlink_to("../../shared/code.py")
    linked = digest()
    plant(tmp_path, {"shared/code.py": "x = 3\n"})
    assert digest() != linked


def test_licence_files_that_only_some_backends_find_count(tmp_path: Path) -> None:
    files = FILES | {"pyproject.toml": STATIC.replace('license-files = ["legal/*"]', ""), "LICENSES/MIT.txt": "free\n"}
    assert changes(plant(tmp_path, files), {"LICENSES/MIT.txt": "not free\n"})


BACKEND = 'build-backend = "uv_build"'
NOT_STATIC = {
    "setuptools": STATIC.replace(BACKEND, 'build-backend = "setuptools.build_meta"'),
    "no backend named": STATIC.replace(BACKEND, ""),
    "maturin": STATIC.replace(BACKEND, 'build-backend = "maturin"'),
    "dynamic version": STATIC.replace('version = "0.1.0"', 'dynamic = ["version"]'),
    "hatch hook": STATIC.replace(BACKEND, 'build-backend = "hatchling.build"') + "[tool.hatch.build.hooks.vcs]\n",
    "hatch hook of a target": (
        STATIC.replace(BACKEND, 'build-backend = "hatchling.build"') + "[tool.hatch.build.targets.wheel.hooks.custom]\n"
    ),
    "hatch file by file": (
        STATIC.replace(BACKEND, 'build-backend = "hatchling.build"') + "[tool.hatch.build]\ndev-mode-exact = true\n"
    ),
    "pdm with setuptools": (
        STATIC.replace(BACKEND, 'build-backend = "pdm.backend"') + "[tool.pdm.build]\nrun-setuptools = true\n"
    ),
    "a backend in the tree": STATIC.replace(BACKEND, f'{BACKEND}\nbackend-path = ["."]'),
    # An editable installation has copies of these files; the last backend puts only programs there.
    "hatch files from elsewhere": (
        STATIC.replace(BACKEND, 'build-backend = "hatchling.build"')
        + '[tool.hatch.build.targets.wheel.force-include]\n"src/shop/data" = "shop_data"\n'
    ),
    "hatch data": (
        STATIC.replace(BACKEND, 'build-backend = "hatchling.build"')
        + '[tool.hatch.build.targets.wheel.shared-data]\n"src/shop/data" = "share"\n'
    ),
    "uv data": STATIC + '[tool.uv.build-backend.data]\ndata = "src/shop/data"\n',
    "flit data": (
        STATIC.replace(BACKEND, 'build-backend = "flit_core.buildapi"')
        + '[tool.flit.external-data]\ndirectory = "src/shop/data"\n'
    ),
    "pdm data": (
        STATIC.replace(BACKEND, 'build-backend = "pdm.backend"')
        + '[tool.pdm.build.wheel-data]\nscripts = ["src/shop/data/*"]\n'
    ),
    "poetry program": (
        STATIC.replace(BACKEND, 'build-backend = "poetry.core.masonry.api"')
        + '[tool.poetry.scripts]\nshop = { reference = "src/shop/data/shop", type = "file" }\n'
    ),
    "poetry script": (
        STATIC.replace(BACKEND, 'build-backend = "poetry.core.masonry.api"') + '[tool.poetry]\nbuild = "build.py"\n'
    ),
}


@pytest.mark.parametrize("text", NOT_STATIC.values(), ids=NOT_STATIC.keys())
def test_any_edit_changes_an_editable_package_that_runs_code_when_it_is_built(tmp_path: Path, text: str) -> None:
    plant(tmp_path, {**FILES, "pyproject.toml": text})
    assert changes(tmp_path, {"src/shop/__init__.py": "x = 2\n"})


def test_a_hook_that_pdm_finds_by_its_name_counts(tmp_path: Path) -> None:
    text = STATIC.replace(BACKEND, 'build-backend = "pdm.backend"')
    plant(tmp_path, {**FILES, "pyproject.toml": text})
    assert not changes(tmp_path, {"src/shop/__init__.py": "x = 2\n"})
    plant(tmp_path, {"pdm_build.py": ""})
    assert changes(tmp_path, {"src/shop/__init__.py": "x = 3\n"})


def test_settings_of_hatchling_in_a_file_of_their_own_count(tmp_path: Path) -> None:
    text = STATIC.replace(BACKEND, 'build-backend = "hatchling.build"')
    plant(tmp_path, {**FILES, "pyproject.toml": text, "hatch.toml": ""})
    assert changes(tmp_path, {"src/shop/__init__.py": "x = 2\n"})


@pytest.mark.parametrize("patterns", ["['/etc/passwd', '', 3]", "{ paths = ['LICENCE'], globs = ['*.txt'] }", "3"])
def test_odd_patterns_of_licence_files_are_for_the_backend_to_refuse(tmp_path: Path, patterns: str) -> None:
    text = STATIC.replace('["legal/*"]', patterns)
    plant(tmp_path, {**FILES, "pyproject.toml": text})
    assert not changes(tmp_path, {"src/shop/__init__.py": "x = 2\n"})


@pytest.mark.parametrize("files", [{".git/HEAD": "4567\n"}, {".git/refs/tags/v1": "0123\n"}])
def test_the_state_of_git_changes_a_package_that_may_read_it(tmp_path: Path, files: dict[str, str]) -> None:
    dynamic = {**FILES, "pyproject.toml": NOT_STATIC["dynamic version"], ".git/HEAD": "0123\n"}
    assert changes(plant(tmp_path, dynamic), files)


def test_the_index_of_git_changes_nothing(tmp_path: Path) -> None:
    dynamic = {**FILES, "pyproject.toml": NOT_STATIC["dynamic version"], ".git/HEAD": "0123\n"}
    assert not changes(plant(tmp_path, dynamic), {".git/index": "inode numbers"})


def test_a_package_without_a_project_file_changes_with_its_tree(tmp_path: Path) -> None:
    plant(tmp_path, {"setup.py": "1"})
    package = LocalPackage(name="old", path=".", editable=True)
    before = local_sources.digest(package, tmp_path / package.path, None, tmp_path, seen=False)
    plant(tmp_path, {"setup.py": "2"})
    assert local_sources.digest(package, tmp_path / package.path, None, tmp_path, seen=False) != before


def test_a_local_wheel_changes_with_its_content(tmp_path: Path) -> None:
    package = LocalPackage(name="lib", path="lib.whl", editable=False)
    plant(tmp_path, {"lib.whl": "1"})
    before = local_sources.digest(package, tmp_path / package.path, None, tmp_path, seen=False)
    plant(tmp_path, {"lib.whl": "2"})
    assert local_sources.digest(package, tmp_path / package.path, None, tmp_path, seen=False) != before


KEY = LocalKey(
    scheme="1", python="3.13.4", target="linux", path="/l/p", venv="/l/v", app="/w", build_environment="", packages="{}"
)
ONE = json.dumps({"shop": {"source": "a"}})
TWO = json.dumps({"shop": {"source": "b"}, "lib": {"source": "c"}})


def test_equal_keys_have_no_differences() -> None:
    assert differences(asdict(KEY), KEY) == []


@pytest.mark.parametrize("field", [field.name for field in fields(LocalKey)])
def test_each_field_makes_a_difference(field: str) -> None:
    assert differences(asdict(KEY), replace(KEY, **{field: ONE if field == "packages" else "other"})) != []


def test_packages_are_compared_by_name() -> None:
    old, new = replace(KEY, packages=ONE), replace(KEY, packages=TWO)
    assert differences(asdict(old), new) == ["shop changed", "lib added"]
    assert differences(asdict(new), old) == ["shop changed", "lib removed"]
    in_place, copied = (json.dumps({"shop": {"editable": editable, "path": "."}}) for editable in (True, False))
    said = differences({**asdict(KEY), "packages": in_place}, replace(KEY, packages=copied))
    assert said == ["shop is now installed as a copy"]


@pytest.mark.parametrize("text", ["{", "[]", None])
def test_packages_that_cannot_be_read_make_a_difference(text: str | None) -> None:
    assert differences({**asdict(KEY), "packages": text}, replace(KEY, packages=ONE)) == ["shop added"]


@pytest.mark.parametrize("text", ['{"shop": "editable"}', '{"shop": null}', '{"shop": [1]}'])
def test_a_package_that_another_version_described_is_changed(text: str) -> None:
    assert differences({**asdict(KEY), "packages": text}, replace(KEY, packages=ONE)) == ["shop changed"]


LOCK = """
version = 1

[[package]]
name = "shop"
version = "1"
source = { editable = "." }

[[package]]
name = "empty"
version = "1"
source = { virtual = "empty" }

[[package]]
name = "lib"
version = "1"
source = { directory = "libs/lib #1" }

[[package]]
name = "six"
version = "1"
source = { registry = "https://index.example/simple" }
"""


def test_local_packages_are_those_that_uv_installs(tmp_path: Path) -> None:
    plant(tmp_path, {"uv.lock": LOCK})
    packages = read_lock(tmp_path / "uv.lock", "uv.lock").packages
    lib = LocalPackage(name="lib", path="libs/lib #1", editable=False)
    assert local_packages(packages, no_editable=False) == (EDITABLE, lib)
    assert local_packages(packages, no_editable=True) == (COPY, lib)


def test_each_local_package_has_to_be_in_the_app(tmp_path: Path) -> None:
    plant(tmp_path, {"app/uv.lock": LOCK.replace('"empty" }', '"../empty" }'), "empty/x": ""})
    app_dir = tmp_path / "app"
    outside, missing = check_paths(read_lock(app_dir / "uv.lock", "uv.lock"), app_dir, app_dir)
    assert isinstance(outside, PathDependencyOutside)
    assert outside.what == "The dependency empty is at ../empty, outside the app directory."
    assert isinstance(missing, LocalPackageMissing)
    assert missing.what == "The local package lib should be in libs/lib #1, but nothing is there."

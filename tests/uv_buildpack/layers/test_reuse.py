"""Which layers are taken from the previous image, and why not."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.uv_buildpack.contexts import context_for
from tests.uv_buildpack.test_analysis import WORKSPACE, needing
from tests.uv_buildpack.trees import PROJECT, plant

from cnb.layer import RestoredLayer, SBOMFormat
from cnb.plan import PlanEntry
from uv_buildpack import decisions
from uv_buildpack.analysis import analyse
from uv_buildpack.layers import python as python_layer
from uv_buildpack.layers import venv_project
from uv_buildpack.layers.packages import PackagesKey
from uv_buildpack.layers.python import PythonKey
from uv_buildpack.layers.reuse import differences, sbom_digest
from uv_buildpack.layers.venv import layer as venv
from uv_buildpack.layers.venv.key import VenvKey
from uv_buildpack.layers.venv_project import LocalKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cnb.context import BuildContext
    from uv_buildpack.layers.reuse import Key, Wanted

SBOMS = {SBOMFormat.CYCLONEDX: b"{}"}
LAYERS = ("python", "venv", "venv-project")
KEYS = (PythonKey, VenvKey, LocalKey, PackagesKey)


def layers(context: BuildContext) -> dict[str, Wanted[Any]]:
    """Return the layers that a build wants."""
    analysis = analyse(context)
    python = python_layer.wanted(context, analysis)
    wanted = (python, venv.wanted(context, analysis, python.key), venv_project.wanted(context, analysis, python.key))
    return {layer.name: layer for layer in wanted if layer is not None}


def reasons(context: BuildContext) -> dict[str, tuple[str, ...]]:
    """Return name → reasons of the layers that are rebuilt."""
    return {name: layer.reasons for name, layer in layers(context).items() if layer.reasons}


def following(context: BuildContext, **more: RestoredLayer) -> BuildContext:
    """Return the next build's input: what the lifecycle restores of the layers that this one makes."""
    restored = {
        name: RestoredLayer(name, {**layer.metadata, "sbom": sbom_digest(SBOMS)}, None, SBOMS)
        for name, layer in layers(context).items()
    }
    restored["venv"] = replace(restored["venv"], metadata={**restored["venv"].metadata, "bundles": "[]"})
    return replace(context, restored={**restored, **more})


def test_without_a_previous_image_everything_is_made(tmp_path: Path) -> None:
    assert reasons(context_for(tmp_path, WORKSPACE)) == dict.fromkeys(LAYERS, ("not known from a previous image",))


def test_while_nothing_changed_everything_is_reused(tmp_path: Path) -> None:
    assert reasons(following(context_for(tmp_path, WORKSPACE))) == {}


def test_an_app_without_local_packages_has_no_layer_for_them(tmp_path: Path) -> None:
    assert list(layers(context_for(tmp_path, PROJECT))) == ["python", "venv"]


def test_keys_hold_only_strings(tmp_path: Path) -> None:
    for layer in layers(context_for(tmp_path, WORKSPACE)).values():
        assert {type(value) for value in layer.metadata.values()} == {str}


@pytest.mark.parametrize("key", KEYS)
def test_every_field_of_a_key_says_in_what_words_a_difference_is_told(key: type[Key]) -> None:
    made = key(**{field.name: "{}" for field in fields(key)})
    for field in fields(key):
        assert len(differences({**asdict(made), field.name: "other"}, made)) == 1


def test_an_edit_of_local_source_changes_the_local_layer_only(tmp_path: Path) -> None:
    files = {**WORKSPACE, "worker/setup.py": "1"}
    files["worker/pyproject.toml"] = files["worker/pyproject.toml"].replace("uv_build", "setuptools.build_meta")
    context = following(context_for(tmp_path, files))
    plant(context.app_dir, {"worker/setup.py": "2"})
    assert reasons(context) == {"venv-project": ("worker changed",)}


def test_a_changed_python_changes_all_layers(tmp_path: Path) -> None:
    context = following(context_for(tmp_path, WORKSPACE))
    changed = reasons(replace(context, environment={**context.environment, "BP_PYTHON_VERSION": "3.12"}))
    assert set(changed) == set(LAYERS)
    assert "version: 3.13.9 → 3.12.12" in changed["python"]


def test_another_wheel_for_another_platform_changes_nothing(tmp_path: Path) -> None:
    context = following(context_for(tmp_path, needing("pure")))
    windows = '{ url = "https://files.example/pure-1.0-cp313-cp313-win_amd64.whl", hash = "sha256:ff" }'
    lock = (context.app_dir / "uv.lock").read_text()
    plant(context.app_dir, {"uv.lock": lock.replace("wheels = [", f"wheels = [{windows}, ")})
    assert reasons(context) == {}


def test_another_version_is_named(tmp_path: Path) -> None:
    context = following(context_for(tmp_path, needing("pure")))
    lock = (context.app_dir / "uv.lock").read_text()
    plant(context.app_dir, {"uv.lock": lock.replace('"1.0"', '"1.1"')})
    assert reasons(context)["venv"] == ("pure 1.0 → 1.1",)


@pytest.mark.parametrize(
    ("files", "environment", "expected"),
    [
        (needing("pure"), {"CFLAGS": "-O3"}, ()),
        (needing("source"), {"CFLAGS": "-O3"}, ("build backends: CFLAGS is now set",)),
        (needing("source"), {"UV_HTTP_TIMEOUT": "60"}, ()),
        (
            needing("pure"),
            {"UV_NO_BINARY_PACKAGE": "pure"},
            ("build backends: UV_NO_BINARY_PACKAGE is now set",),
        ),
    ],
)
def test_variables_for_build_backends_count_where_something_is_built(
    tmp_path: Path, files: Mapping[str, str], environment: dict[str, str], expected: tuple[str, ...]
) -> None:
    context = following(context_for(tmp_path, files))
    changed = reasons(replace(context, environment={**context.environment, **environment}))
    assert changed.get("venv", ()) == expected


def test_settings_for_build_backends_count_where_something_is_built(tmp_path: Path) -> None:
    context = following(context_for(tmp_path, needing("source")))
    plant(context.app_dir, {"uv.toml": "no-build-isolation = true\n"})
    assert reasons(context)["venv"] == (
        "build backends: no-build-isolation is now set",
        "source 3.0 → 3.0 (built with other packages)",
    )


@pytest.mark.parametrize(
    ("name", "rebuilt"), [("python", ["python"]), ("venv", ["python", "venv", "venv-project"]), ("uv", [])]
)
def test_what_a_later_buildpack_asks_for_is_rebuilt(tmp_path: Path, name: str, rebuilt: list[str]) -> None:
    context = following(context_for(tmp_path, WORKSPACE))
    assert list(reasons(replace(context, plan=(PlanEntry(name, {"build": True}),)))) == rebuilt


@pytest.mark.parametrize("sboms", [{}, {SBOMFormat.CYCLONEDX: b"{ }"}, {SBOMFormat.SPDX: b"{}"}])
def test_a_layer_whose_bills_of_materials_are_not_its_own_is_rebuilt(
    tmp_path: Path, sboms: dict[SBOMFormat, bytes]
) -> None:
    context = following(context_for(tmp_path, PROJECT))
    damaged = replace(
        context,
        restored={**context.restored, "venv": RestoredLayer("venv", context.restored["venv"].metadata, None, sboms)},
    )
    assert reasons(damaged)["venv"] == ("its SBOM files are missing or were changed",)


def test_a_directory_that_no_platform_restores_is_not_trusted(tmp_path: Path) -> None:
    context = following(context_for(tmp_path, PROJECT))
    (context.layers_dir / "venv").mkdir()
    old = context.restored["venv"]
    there = RestoredLayer("venv", old.metadata, context.layers_dir / "venv", old.sboms)
    assert len(reasons(replace(context, restored={**context.restored, "venv": there}))["venv"]) == 1


@pytest.mark.parametrize("name", ["python", "venv", "venv-project"])
def test_metadata_of_another_version_is_a_reason_and_no_crash(tmp_path: Path, name: str) -> None:
    context = context_for(tmp_path, WORKSPACE)
    context = following(context, **{name: RestoredLayer(name, {"packages": 1.0, "colour": "blue"}, None, {})})
    assert list(reasons(context)) == [name]


@pytest.mark.parametrize("bundles", [None, 4.0, "[", "[{}]", '[{"layer": "packages-numpy", "packages": [3]}]'])
def test_an_environment_whose_links_are_unknown_is_rebuilt(tmp_path: Path, bundles: object) -> None:
    context = following(context_for(tmp_path, WORKSPACE))
    restored = context.restored["venv"]
    metadata = {name: value for name, value in restored.metadata.items() if name != "bundles"}
    changed = replace(restored, metadata=metadata if bundles is None else {**metadata, "bundles": bundles})
    context = replace(context, restored={**context.restored, "venv": changed})
    assert reasons(context)["venv"] == ("it is unknown which packages have layers of their own",)


@pytest.mark.parametrize("field", ["decisions", "packages"])
@pytest.mark.parametrize("value", [3.0, "3", "[]", "{}", "{", '{"choice": 3, "python": null, "local": [1]}'])
def test_decisions_that_cannot_be_read_are_rebuilt(tmp_path: Path, field: str, value: object) -> None:
    context = following(context_for(tmp_path, WORKSPACE))
    before = analyse(context)
    noted = {"decisions": decisions.write(before.decisions), "inputs": before.inputs}
    restored = context.restored["venv"]
    context = replace(
        context,
        restored={
            **context.restored,
            "venv": replace(restored, metadata={**restored.metadata, **noted}),
        },
    )
    assert analyse(context).recalled
    damaged = replace(restored, metadata={**restored.metadata, **noted, field: value})
    after = analyse(replace(context, restored={**context.restored, "venv": damaged}))
    assert after.recalled == ((field, value) == ("packages", "{}"))
    assert after.decisions.python == before.decisions.python

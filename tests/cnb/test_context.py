"""What the lifecycle tells a buildpack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cnb.contexts import BUILDPACK_TOML, buildpack, context_in, variables

from cnb import toml
from cnb.context import Target, build_context, read_buildpack
from cnb.detection import ContextError, detect_context, user_environment
from cnb.documents import DocumentError
from cnb.layer import SBOMFormat
from cnb.plan import PlanEntry

if TYPE_CHECKING:
    from pathlib import Path


def test_detection_takes_its_input_from_variables(tmp_path: Path) -> None:
    environment = {
        "CNB_PLATFORM_DIR": "/platform",
        "CNB_BUILD_PLAN_PATH": "/plan.toml",
        "CNB_BUILDPACK_DIR": "/buildpack",
    }
    context = detect_context((), environment, tmp_path)
    assert [str(path) for path in (context.platform_dir, context.plan_path, context.buildpack_dir)] == [
        "/platform",
        "/plan.toml",
        "/buildpack",
    ]
    assert context.app_dir == tmp_path


def test_detection_takes_its_input_from_arguments(tmp_path: Path) -> None:
    context = detect_context(["/platform", "/plan.toml"], {"CNB_BUILDPACK_DIR": "/buildpack"}, tmp_path)
    assert str(context.platform_dir) == "/platform"
    assert str(context.plan_path) == "/plan.toml"


def test_a_variable_beats_an_argument(tmp_path: Path) -> None:
    environment = {"CNB_PLATFORM_DIR": "/variable", "CNB_BUILDPACK_DIR": "/buildpack"}
    context = detect_context(["/argument", "/plan.toml"], environment, tmp_path)
    assert str(context.platform_dir) == "/variable"
    assert str(context.plan_path) == "/plan.toml"


def test_an_empty_variable_does_not_beat_an_argument(tmp_path: Path) -> None:
    environment = {"CNB_PLATFORM_DIR": "", "CNB_BUILDPACK_DIR": "/buildpack"}
    assert str(detect_context(["/argument", "/plan.toml"], environment, tmp_path).platform_dir) == "/argument"


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("CNB_PLATFORM_DIR", "CNB_PLATFORM_DIR is not set, and argument 1 is missing"),
        ("CNB_BUILD_PLAN_PATH", "CNB_BUILD_PLAN_PATH is not set, and argument 2 is missing"),
        ("CNB_BUILDPACK_DIR", "CNB_BUILDPACK_DIR is not set"),
    ],
)
def test_missing_input_is_named(tmp_path: Path, missing: str, message: str) -> None:
    environment = {
        "CNB_PLATFORM_DIR": "/platform",
        "CNB_BUILD_PLAN_PATH": "/plan.toml",
        "CNB_BUILDPACK_DIR": "/buildpack",
    }
    del environment[missing]
    with pytest.raises(ContextError, match=message):
        detect_context((), environment, tmp_path)


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    context = detect_context(["platform", "plan.toml"], {"CNB_BUILDPACK_DIR": "bp"}, tmp_path)
    assert context.platform_dir == tmp_path / "platform"


def test_a_build_takes_its_input_from_variables(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    assert context.layers_dir == tmp_path / "layers"
    assert context.platform_dir == tmp_path / "platform"
    assert context.app_dir == tmp_path / "app"
    assert context.buildpack.id == "example/hello"
    assert context.buildpack.version == "1.2.3"
    assert context.buildpack.api == "0.10"
    assert context.buildpack.metadata == {"colour": "blue"}
    assert not context.buildpack.clear_env


def test_a_build_takes_its_input_from_arguments(tmp_path: Path) -> None:
    environment = variables(tmp_path, '[[entries]]\nname = "python"\n')
    arguments = [environment.pop(name) for name in ("CNB_LAYERS_DIR", "CNB_PLATFORM_DIR", "CNB_BP_PLAN_PATH")]
    context = build_context(arguments, environment, tmp_path)
    assert context.layers_dir == tmp_path / "layers"
    assert context.plan == (PlanEntry("python"),)


def test_the_target_is_read_with_its_distribution(tmp_path: Path) -> None:
    more = {
        "CNB_TARGET_ARCH": "arm64",
        "CNB_TARGET_ARCH_VARIANT": "v8",
        "CNB_TARGET_DISTRO_NAME": "debian",
        "CNB_TARGET_DISTRO_VERSION": "13",
    }
    assert context_in(tmp_path, more=more).target == Target(
        os="linux", arch="arm64", arch_variant="v8", distro_name="debian", distro_version="13"
    )


def test_plan_entries_keep_their_metadata_and_their_repetitions(tmp_path: Path) -> None:
    plan = '[[entries]]\nname = "python"\n[entries.metadata]\nbuild = true\n[[entries]]\nname = "python"\n'
    assert context_in(tmp_path, plan).plan == (PlanEntry("python", {"build": True}), PlanEntry("python"))


def test_a_broken_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(toml.TOMLError, match=r"plan\.toml: "):
        context_in(tmp_path, "entries = [")


def test_files_of_the_platform_become_variables_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "BP_UV_GROUPS").write_bytes(b"docs\n")
    (tmp_path / "env" / "RAW").write_bytes(b"\xff")
    (tmp_path / "env" / "directory").mkdir()
    assert user_environment(tmp_path, {}) == {"BP_UV_GROUPS": "docs\n", "RAW": "\udcff"}


def test_a_variable_that_is_set_is_not_replaced_by_a_file_of_the_platform(tmp_path: Path) -> None:
    # The lifecycle has already combined them, by its rules for PATH and its like.
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "PATH").write_text("/user")
    assert user_environment(tmp_path, {"PATH": "/layer/bin:/user"}) == {"PATH": "/layer/bin:/user"}


def test_with_clear_env_the_users_variables_are_still_read(tmp_path: Path) -> None:
    environment = variables(tmp_path)
    buildpack(tmp_path / "buildpack", BUILDPACK_TOML.replace("[metadata]", "clear-env = true\n[metadata]"))
    (tmp_path / "platform" / "env").mkdir()
    (tmp_path / "platform" / "env" / "BP_LOG_LEVEL").write_text("debug")
    context = build_context((), environment, tmp_path)
    assert context.buildpack.clear_env
    assert context.environment["BP_LOG_LEVEL"] == "debug"


def test_a_missing_value_in_the_buildpacks_own_file_is_named(tmp_path: Path) -> None:
    directory = buildpack(tmp_path / "buildpack", 'api = "0.10"\n[buildpack]\nid = "example/hello"\n')
    with pytest.raises(ContextError, match=r"buildpack\.toml: version is missing"):
        read_buildpack(directory)


def test_restored_layers_have_metadata_contents_and_sboms(tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    (layers / "cached").mkdir(parents=True)
    (layers / "cached.toml").write_text('[metadata]\nkey = "1"\n')
    (layers / "launch-only.toml").write_text('[metadata]\nkey = "2"\n')
    (layers / "launch-only.sbom.cdx.json").write_bytes(b"{}")
    restored = context_in(tmp_path).restored
    assert sorted(restored) == ["cached", "launch-only"]
    assert restored["cached"].directory == layers / "cached"
    assert restored["cached"].sboms == {}
    assert restored["launch-only"].directory is None
    assert restored["launch-only"].metadata == {"key": "2"}
    assert restored["launch-only"].sboms == {SBOMFormat.CYCLONEDX: b"{}"}


@pytest.mark.parametrize("text", ["metadata = 3\n", "[[metadata]]\n", "[metadata\n"])
def test_a_layer_whose_metadata_cannot_be_read_is_not_restored(tmp_path: Path, text: str) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "venv.toml").write_text(text)
    assert context_in(tmp_path).restored == {}


def test_files_of_the_whole_build_are_no_layers(tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    for name in ("launch", "build", "store"):
        (tmp_path / "layers" / f"{name}.toml").write_text("")
    assert context_in(tmp_path).restored == {}


def test_a_layer_whose_metadata_is_broken_was_not_restored(tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "broken.toml").write_text("[metadata")
    assert context_in(tmp_path).restored == {}


def test_a_missing_layers_directory_restores_nothing(tmp_path: Path) -> None:
    assert context_in(tmp_path, more={"CNB_LAYERS_DIR": str(tmp_path / "elsewhere")}).restored == {}


def test_the_store_comes_back(tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "store.toml").write_text('[metadata]\nseen = "yes"\n')
    assert context_in(tmp_path).store == {"seen": "yes"}


def test_without_a_store_there_is_an_empty_one(tmp_path: Path) -> None:
    assert context_in(tmp_path).store == {}


def test_bindings_are_found_below_the_platform(tmp_path: Path) -> None:
    binding = tmp_path / "platform" / "bindings" / "index"
    binding.mkdir(parents=True)
    (binding / "type").write_text("uv")
    assert [found.name for found in context_in(tmp_path).bindings] == ["index"]


def test_bindings_are_found_where_the_user_says(tmp_path: Path) -> None:
    binding = tmp_path / "elsewhere" / "index"
    binding.mkdir(parents=True)
    (binding / "type").write_text("uv")
    context = context_in(tmp_path, more={"SERVICE_BINDING_ROOT": str(tmp_path / "elsewhere")})
    assert [found.name for found in context.bindings] == ["index"]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("entries = 1", "entries: expected an array, got 1"),
        ("entries = [{ version = '1' }]", r"entries\[0\]\.name: expected a string, and it is missing"),
        ("[[entries]]\nname = 'python'\nmetadata = 'x'", r'entries\[0\]\.metadata: expected a table, got "x"'),
    ],
)
def test_a_plan_with_a_value_of_another_type_names_its_place(tmp_path: Path, plan: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        context_in(tmp_path, plan)


def test_a_layer_whose_sbom_cannot_be_read_was_not_restored(tmp_path: Path) -> None:
    given = variables(tmp_path)
    (tmp_path / "layers" / "venv.toml").write_text("[metadata]\n")
    (tmp_path / "layers" / "venv.sbom.cdx.json").symlink_to("/proc/self/mem")
    assert "venv" not in build_context((), given, tmp_path / "app").restored

"""Whole builds: what is made, what is taken from the previous image, and that the bytes are the same either way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.uv_buildpack.workshop import PACKAGES, WAREHOUSE, Workshop, app

from cnb.plan import PlanEntry
from uv_buildpack.errors import UvFailed

GOLDEN = Path(__file__).parent / "golden"
HEADINGS = ["Analysing", "uv", "Interpreter", "Lock", "Environment", "Application", "Snapshots", "Processes", "Layers"]


def headings(text: str) -> list[str]:
    return [line for line in text.splitlines()[1:] if line and not line.startswith(" ")]


def clean(tmp_path: Path, files: dict[str, str]) -> dict[str, str]:
    """Return the layers of a first build of the same app, in the same place."""
    (tmp_path / "layers").rename(tmp_path / "before")
    fresh = Workshop.__new__(Workshop)
    fresh.root, fresh.variables, fresh.restored, fresh.image, fresh.builds = tmp_path, {}, {}, {}, 0
    fresh.build(files)
    return fresh.image


def test_a_first_build_reads_like_this(workshop: Workshop) -> None:
    assert workshop.build(app(PACKAGES)) == (GOLDEN / "first.txt").read_text(encoding="utf-8")


def test_a_second_build_reads_like_this(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    assert workshop.build(app(PACKAGES)) == (GOLDEN / "second.txt").read_text(encoding="utf-8")


def test_a_build_with_a_changed_package_reads_like_this(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    text = workshop.build(app({**PACKAGES, "click": "8.3.3"}))
    assert text == (GOLDEN / "changed.txt").read_text(encoding="utf-8")


def test_each_heading_stands_once_and_none_is_empty(workshop: Workshop) -> None:
    first = workshop.build(app(PACKAGES))
    second = workshop.build(app(PACKAGES))
    assert headings(first) == HEADINGS
    assert headings(second) == [heading for heading in HEADINGS if heading != "Lock"]
    for text in (first, second):
        blocks = text.split("\n\n")[1:]
        assert all(len(block.splitlines()) > 1 and "  (0.00 s)" not in block.splitlines()[1] for block in blocks)


def test_an_environment_in_the_app_is_named_with_what_pack_reads(workshop: Workshop) -> None:
    text = workshop.build({**app(PACKAGES), ".venv/pyvenv.cfg": ""})
    assert "  warning: There is a .venv in the app directory. It is not used, and makes the image larger.\n" in text
    assert "add .venv to `exclude` in project.toml. pack reads neither .dockerignore nor .gitignore." in text


def test_a_second_build_runs_nothing(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    first = workshop.image
    workshop.build(app(PACKAGES))
    assert workshop.calls == []
    assert workshop.image == first


def test_an_edit_of_the_app_runs_nothing(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    workshop.build(app(PACKAGES, "print(2)\n"))
    assert workshop.calls == []


@pytest.mark.parametrize(
    "packages",
    [
        {**PACKAGES, "click": "8.3.3"},
        {**PACKAGES, "heavy": "2.1"},
        {"click": "8.5.1", "heavy": "2.0"},
        {"click": "8.5.1", "six": "1.17.0"},
        {},
    ],
    ids=["light", "heavy", "without light", "without heavy", "without any"],
)
def test_an_environment_from_a_snapshot_has_the_bytes_of_one_from_nothing(
    workshop: Workshop, tmp_path: Path, packages: dict[str, str]
) -> None:
    workshop.build(app(PACKAGES))
    text = workshop.build(app(packages))
    assert "starting from the snapshot" in text
    assert not any(call.startswith("venv") for call in workshop.calls)
    assert workshop.image == clean(tmp_path, app(packages))


def test_a_heavy_package_stays_where_it_is_when_another_changes(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    text = workshop.build(app({**PACKAGES, "click": "8.3.3"}))
    assert "packages-heavy: reused" in text
    assert "- heavy" not in text


def test_a_heavy_layer_that_is_lost_is_installed_again(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    first = workshop.image
    workshop.forget_image("packages-heavy")
    text = workshop.build(app(PACKAGES))
    assert "venv: changed because packages-heavy: not known from a previous image" in text
    assert "packages-heavy: created" in text
    assert workshop.image == first


def test_without_cache_and_snapshots_everything_is_made_from_nothing(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    workshop.forget_cache()
    text = workshop.build(app({**PACKAGES, "click": "8.3.3"}))
    assert "snapshot of the environment" not in text
    assert [call.split()[0] for call in workshop.calls] == ["lock", "venv", "sync"]


def test_a_sync_that_fails_on_a_snapshot_is_tried_from_nothing(workshop: Workshop, tmp_path: Path) -> None:
    workshop.build(app(PACKAGES))
    workshop.break_uv("sync")
    text = workshop.build(app({**PACKAGES, "click": "8.3.3"}))
    assert "warning: The environment could not be restored from its snapshot: uv sync failed." in text
    assert "creating the environment from scratch" in text
    assert workshop.image == clean(tmp_path, app({**PACKAGES, "click": "8.3.3"}))


def test_a_sync_that_fails_from_nothing_ends_the_build(workshop: Workshop) -> None:
    workshop.break_uv("sync")
    with pytest.raises(UvFailed, match="uv sync failed"):
        workshop.build(app(PACKAGES))


def test_a_snapshot_whose_files_are_gone_is_not_used(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    snapshot = workshop.layers / "snapshots" / "venv.snapshot"
    snapshot.write_bytes(snapshot.read_bytes()[:-10])
    text = workshop.build(app({**PACKAGES, "click": "8.3.3"}))
    assert "warning: The snapshot venv.snapshot cannot be used" in text
    assert any(call.startswith("venv") for call in workshop.calls)


@pytest.mark.parametrize(
    ("policy", "kinds"),
    [
        ("auto", {"app-modules", "venv"}),
        ("always", {"app-modules", "venv", "python", "packages-heavy"}),
        ("never", set[str]()),
    ],
)
def test_what_is_kept_for_the_next_build_is_what_the_policy_says(
    workshop: Workshop, policy: str, kinds: set[str]
) -> None:
    workshop.variables["BP_UV_SNAPSHOTS"] = policy
    workshop.build(app(PACKAGES))
    assert {path.stem for path in workshop.layers.glob("snapshots/*.snapshot")} == kinds


def test_a_build_that_finds_no_image_twice_keeps_what_it_missed(workshop: Workshop) -> None:
    for _ in range(2):
        workshop.forget_image()
        workshop.build(app(PACKAGES))
    assert {path.stem for path in workshop.layers.glob("snapshots/*.snapshot")} >= {"python", "packages-heavy"}
    workshop.forget_image()
    text = workshop.build(app(PACKAGES))
    assert "taking python from its snapshot" in text
    assert "taking packages-heavy from its snapshot" in text


def test_a_layer_that_a_later_buildpack_asks_for_is_made(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    first = workshop.image
    text = workshop.build(app(PACKAGES), plan=[PlanEntry("venv", {"build": True})])
    assert "venv: changed because a later buildpack asks for it" in text
    assert "python: changed because a later buildpack asks for it" in text
    assert workshop.image == first


def test_a_local_package_is_installed_for_an_environment_that_is_reused(workshop: Workshop) -> None:
    files = app(PACKAGES, packaged=True)
    workshop.build(files)
    first = workshop.image
    assert set(first) == {"packages-heavy", "python", "venv", "venv-project"}
    workshop.forget_image("venv-project")
    text = workshop.build(files)
    assert "venv: reused" in text
    assert "venv-project: created: not known from a previous image" in text
    assert workshop.image == first


def test_the_log_as_json_has_words_for_states(workshop: Workshop) -> None:
    workshop.build(app(PACKAGES))
    text = workshop.build(app({**PACKAGES, "click": "8.3.3"}), form="json")
    events = [json.loads(line) for line in text.splitlines()]
    states = {event["event"]: (event["state"], event["reasons"]) for event in events if event["kind"] == "layer"}
    assert states == {
        "python": ("reused", []),
        "venv": ("changed", ["click 8.5.1 → 8.3.3"]),
        "packages-heavy": ("reused", []),
    }


def test_the_environment_link_leads_to_the_layer(workshop: Workshop) -> None:
    workshop.variables["BP_UV_ENVIRONMENT_LINK"] = ".venv"
    assert ".venv is a link to the environment" in workshop.build(app(PACKAGES))
    assert (workshop.root / "app" / ".venv").readlink() == workshop.layers / "venv"


def test_the_warehouse_has_what_the_lock_names() -> None:
    assert {f"{name}-{version}" for name, version in PACKAGES.items()} <= set(WAREHOUSE)

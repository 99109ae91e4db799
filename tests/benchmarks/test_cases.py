"""The cases, on a platform that only notes what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cnb_platform.result import BuildResult, LayerRow
from measure import cases
from measure.apps import App
from measure.builds import Contender

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Notebook:
    """A platform whose images have one layer for each state of the app, on a run image."""

    name: str = "notebook"
    notes: list[str] = field(default_factory=list)

    def layout(self, image: str) -> Path:
        return Path("/images", image)

    def build(self, app: Path, buildpack: Path, image: str, cache: str, env: Mapping[str, str]) -> BuildResult:
        state = (app / "uv.lock").read_text(encoding="utf-8")
        self.notes.append(f"{buildpack.name} {state}")
        rows = (_row("run image", "base", 1000), _row(f"{buildpack.name}:venv {state}", "added", 10))
        return BuildResult(
            image=image,
            digest=cache,
            layers=rows,
            processes=(),
            default_process="",
            labels=env,
            durations={},
            log="",
        )

    def forget(self, image: str, cache: str) -> None:
        self.notes.append(f"forget {image} {cache}")

    def compiled(self) -> tuple[int, int] | None:
        return None

    def clear(self) -> None:
        pass


def _row(name: str, state: str, size: int) -> LayerRow:
    return LayerRow(name=name, diff_id=name, digest=name, size=size, state=state, created_by="")


def arena(directory: Path) -> tuple[Notebook, App, list[Contender]]:
    notebook = Notebook()
    states = {name: (b"", name.encode()) for name in ("base", "changed", "added", "development")}
    app = App("small", directory, states, packaged=False)
    contenders = [Contender(name=name, buildpack=Path(name), builder=notebook, env={}) for name in ("one", "two")]
    return notebook, app, contenders


def test_contenders_take_turns(tmp_path: Path) -> None:
    notebook, app, contenders = arena(tmp_path)
    found = cases.cold(app, contenders, 2)
    built = [note for note in notebook.notes if not note.startswith("forget")]
    assert built == ["one base", "two base", "one base", "two base"]
    assert {name: len(samples) for name, samples in found.items()} == {"one": 2, "two": 2}


def test_layers_of_the_run_image_and_of_the_image_before_are_not_pushed(tmp_path: Path) -> None:
    _, app, contenders = arena(tmp_path)
    cases.cold(app, contenders, 1)
    found = dict(cases.changes(app, contenders, {}, 1, ["hot", "one dependency changed"]))
    assert [sample.pushed for sample in found["hot"]["one"]] == [0]
    # There and back: what the image before the last one had is pushed again.
    assert [sample.pushed for sample in found["one dependency changed"]["one"]] == [10, 10]
    assert found["one dependency changed"]["one"][0].changed == ("one:venv changed",)
    assert found["hot"]["two"][0].image == 10


def test_a_removed_dependency_can_be_asked_for_alone(tmp_path: Path) -> None:
    notebook, app, contenders = arena(tmp_path)
    found = dict(cases.changes(app, contenders, {}, 1, ["one dependency removed"]))
    assert notebook.notes == ["one added", "two added", "one base", "two base"]
    assert len(found["one dependency removed"]["one"]) == 1


def test_a_new_tag_counts_from_the_third_build_on_the_cache(tmp_path: Path) -> None:
    notebook, app, contenders = arena(tmp_path)
    found = cases.new_tags(app, contenders, 1)
    assert len([note for note in notebook.notes if note == "one base"]) == 3
    assert len(found["one"]) == 1
    last_build = max(number for number, note in enumerate(notebook.notes) if not note.startswith("forget"))
    assert not any(note.startswith("forget") for note in notebook.notes[:last_build])

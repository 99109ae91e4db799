"""The document of results: merged by measurement, written whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure.results import read, record

if TYPE_CHECKING:
    from pathlib import Path


def test_a_measurement_replaces_the_older_one_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    record(path, "small", "hot", {"commit": "one"}, {"uv-buildpack": [{"whole": 1.0}]})
    record(path, "small", "cold", {"commit": "one"}, {"uv-buildpack": [{"whole": 9.0}]})
    record(path, "F", "hot", {"commit": "two"}, {"uv-buildpack": [{"whole": 3.0}]})
    record(path, "small", "hot", {"commit": "two"}, {"uv-buildpack": [{"whole": 2.0}, {"whole": 4.0}]})
    found = read(path)
    assert found.median("small", "hot", "uv-buildpack", "whole") == 3.0
    assert found.about("small", "hot") == {"commit": "two"}
    assert found.about("small", "cold") == {"commit": "one"}
    assert found.median("F", "hot", "uv-buildpack", "whole") == 3.0
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_what_was_not_measured_has_no_median(tmp_path: Path) -> None:
    assert read(tmp_path / "missing.json").median("F", "hot", "uv-buildpack", "whole") is None


def test_a_document_of_another_format_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text('{"about": {}, "applications": {"small": {}}}', encoding="utf-8")
    assert read(path).applications == {}

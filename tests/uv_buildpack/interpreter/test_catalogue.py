"""The catalogue of CPython builds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from uv_buildpack.downloads.network import Network
from uv_buildpack.errors import CatalogueInvalid, PythonNotAvailable
from uv_buildpack.interpreter.catalogue import CPythonBuild, candidates, digest, load
from uv_buildpack.interpreter.request import parse

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = {
    "version": "3.13.4",
    "date": "20260101",
    "arch": "x86_64",
    "libc": "gnu",
    "variant": "default",
    "path": "20260101/cpython-3.13.4+20260101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
    "sha256": "a" * 64,
}


def build(version: str, date: str = "20260101", **other: str) -> CPythonBuild:
    return CPythonBuild(**{**ENTRY, "version": version, "date": date, **other})


def versions(text: str, *builds: CPythonBuild) -> list[str]:
    request = parse(text, "BP_PYTHON_VERSION")
    return [one.version for one in candidates(builds, request, "x86_64", "gnu")]


def test_the_newest_of_each_minor_comes_first() -> None:
    offered = [build("3.12.9"), build("3.13.10"), build("3.13.9"), build("3.9.2"), build("3.12.10")]
    assert versions("3", *offered) == ["3.13.10", "3.12.10", "3.9.2"]
    assert versions(">=3.10,<3.13", *offered) == ["3.12.10"]


def test_of_two_builds_of_a_version_the_later_is_taken() -> None:
    offered = [build("3.13.4", "20260301"), build("3.13.4", "20260201")]
    found = candidates(offered, parse("3.13.4", "x"), "x86_64", "gnu")
    assert [one.date for one in found] == ["20260301"]


def test_a_prerelease_has_to_be_asked_for() -> None:
    offered = [build("3.14.0"), build("3.15.0rc1"), build("3.15.0b2")]
    assert versions("3", *offered) == ["3.14.0"]
    assert versions("3.15.0rc1", *offered) == ["3.15.0rc1"]
    assert versions(">=3.15.0b1", *offered) == ["3.15.0rc1"]
    with pytest.raises(PythonNotAvailable):
        versions("3.15", *offered)


def test_a_lower_bound_that_is_a_prerelease_does_not_ask_for_the_next_alpha() -> None:
    assert versions(">=3.14.0rc1", build("3.14.2"), build("3.16.0a1")) == ["3.14.2"]


def test_only_builds_for_the_target_and_variant_count() -> None:
    offered = [
        build("3.13.1", arch="aarch64"),
        build("3.13.2", libc="musl"),
        build("3.13.3", variant="freethreaded"),
        build("3.13.0"),
    ]
    assert versions("3.13", *offered) == ["3.13.0"]
    assert versions("3.13t", *offered) == ["3.13.3"]


def test_a_key_for_another_machine_is_not_available() -> None:
    with pytest.raises(PythonNotAvailable, match=r"cpython-3\.13-linux-aarch64-gnu"):
        versions("cpython-3.13-linux-aarch64-gnu", build("3.13.0"))


def test_what_is_not_available_is_said_with_what_is_near() -> None:
    offered = [build(f"3.{minor}.{patch}") for minor in (12, 13) for patch in range(9)]
    with pytest.raises(PythonNotAvailable) as caught:
        versions("3.12.99", *offered)
    assert caught.value.facts[0] == "Available: 3.13.8, 3.12.8, 3.12.7, 3.12.6."


def test_the_built_in_catalogue_covers_both_machines_and_libraries() -> None:
    builds = load(None, Network())
    for arch in ("x86_64", "aarch64"):
        for libc in ("gnu", "musl"):
            for text in ("3.13", "3.13t", ">=3.11"):
                assert candidates(builds, parse(text, "x"), arch, libc)


def test_a_catalogue_of_ones_own_is_read_by_path_or_address(tmp_path: Path) -> None:
    file = tmp_path / "my catalogue.json"
    file.write_text(json.dumps({"builds": [ENTRY]}), encoding="utf-8")
    assert load(str(file), Network()) == load(file.as_uri(), Network()) == (build("3.13.4"),)
    assert digest(str(file), Network()) == digest(file.as_uri(), Network())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("[]", "catalogue: expected a table, got an array"),
        ('{"builds": 3}', "catalogue: builds: expected an array, got 3"),
        ("{}", "builds: expected an array, and it is missing"),
        ("[" * 200_000, "nested too deeply"),
        ('{"builds": [3]}', "builds[0]"),
        (
            json.dumps({"builds": [ENTRY, {**ENTRY, "date": 20260101}]}),
            "catalogue: builds[1].date: expected a string, got 20260101",
        ),
        (json.dumps({"builds": [{**ENTRY, "version": "3.13.\N{FULLWIDTH DIGIT FOUR}"}]}), "builds[0].version"),
        (json.dumps({"builds": [{**ENTRY, "version": "3.13"}]}), "builds[0].version"),
        (json.dumps({"builds": [{**ENTRY, "sha256": "abc"}]}), "builds[0].sha256"),
        (json.dumps({"builds": [{**ENTRY, "path": "../../etc/passwd"}]}), "builds[0].path"),
        (json.dumps({"builds": [{**ENTRY, "variant": "debug"}]}), "builds[0].variant"),
        (json.dumps({"builds": [{**ENTRY, "libc": "uclibc"}]}), "builds[0].libc"),
    ],
)
def test_a_catalogue_that_is_wrong_names_the_place(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "catalogue.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CatalogueInvalid) as caught:
        load(str(file), Network())
    assert str(file) in caught.value.what
    assert said in caught.value.facts[0]


def test_a_catalogue_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueInvalid) as caught:
        load(str(tmp_path / "none.json"), Network())
    assert caught.value.facts == ("No such file or directory",)


@pytest.mark.parametrize("wanted", ["3.13.99", "3.16", ">=3.15.1", ">3.15"])
def test_a_version_that_may_have_come_out_since_says_how_old_the_catalogue_is(wanted: str) -> None:
    offered = [build("3.13.4"), build("3.14.1"), build("3.15.0")]
    with pytest.raises(PythonNotAvailable) as caught:
        candidates(offered, parse(wanted, "test"), "x86_64", "gnu")
    assert "does not list newer releases" in "".join(caught.value.facts)
    assert "BP_PYTHON_CATALOGUE" in "".join(caught.value.advice)


@pytest.mark.parametrize("wanted", ["3.13.3", "3.2", "<3.13", "3.19"])
def test_a_version_that_will_not_come_out_does_not(wanted: str) -> None:
    offered = [build("3.13.4"), build("3.14.1"), build("3.15.0")]
    with pytest.raises(PythonNotAvailable) as caught:
        candidates(offered, parse(wanted, "test"), "x86_64", "gnu")
    assert "does not list newer releases" not in "".join(caught.value.facts)

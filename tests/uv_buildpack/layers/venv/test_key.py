"""The key of the `venv` layer, in words, and what each of its fields decides."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

from cnb.layer import LayerTypes
from uv_buildpack.installed.heavy import Bundle, Package
from uv_buildpack.layers import packages
from uv_buildpack.layers.reuse import differences
from uv_buildpack.layers.venv.key import VenvKey, compatible, for_wheels, packages_text
from uv_buildpack.layers.venv.layer import environment, types

LAYERS = Path("/layers/x")
PACKAGES = {
    "six": "1.16.0 registry=https://index.example/simple aaaa",
    "idna": "3.9 registry=https://index.example/simple bbbb",
}
VALUES = {
    "scheme": "1",
    "python": "3.13.4",
    "target": "linux amd64 gnu debian 13",
    "venv": "/layers/x/venv",
    "build_environment": "",
    "packages": packages_text(PACKAGES),
}
KEY = VenvKey(**{field.name: VALUES.get(field.name, "auto") for field in fields(VenvKey)})


def test_equal_keys_have_no_differences() -> None:
    assert differences(asdict(KEY), KEY) == []


@pytest.mark.parametrize("field", [field.name for field in fields(VenvKey)])
def test_each_field_makes_a_difference(field: str) -> None:
    other = replace(KEY, **{field: packages_text({"six": PACKAGES["six"]}) if field == "packages" else "other"})
    assert differences(asdict(KEY), other) != []


@pytest.mark.parametrize("field", [field.name for field in fields(VenvKey)])
def test_a_field_that_was_not_stored_makes_a_difference(field: str) -> None:
    stored = asdict(KEY)
    del stored[field]
    new = replace(KEY, build_environment="0123") if field == "build_environment" else KEY
    assert differences(stored, new) != []


@pytest.mark.parametrize("text", ["{", "[]", "1", ""])
def test_packages_that_cannot_be_read_make_a_difference(text: str) -> None:
    assert differences({**asdict(KEY), "packages": text}, KEY) == ["idna 3.9 added", "six 1.16.0 added"]


@pytest.mark.parametrize(
    ("packages", "lines"),
    [
        ({**PACKAGES, "six": "1.17.0 registry=https://index.example/simple cccc"}, ["six 1.16.0 → 1.17.0"]),
        ({**PACKAGES, "six": "1.16.0 registry=https://other.example aaaa"}, ["six 1.16.0 → 1.16.0 (source changed)"]),
        (
            {**PACKAGES, "six": "1.16.0 registry=https://index.example/simple cccc"},
            ["six 1.16.0 → 1.16.0 (files changed)"],
        ),
        ({**PACKAGES, "httpx": "0.28 registry=x dddd"}, ["httpx 0.28 added"]),
        ({"six": PACKAGES["six"]}, ["idna 3.9 removed"]),
        ({}, ["idna 3.9 removed", "six 1.16.0 removed"]),
    ],
)
def test_packages_are_compared_by_name(packages: dict[str, str], lines: list[str]) -> None:
    assert differences(asdict(KEY), replace(KEY, packages=packages_text(packages))) == lines


def test_a_package_that_is_built_with_other_packages_is_told_apart_from_one_with_other_files() -> None:
    identity = "1.16.0 registry=https://index.example/simple aaaa"
    stored = {**asdict(KEY), "packages": packages_text({"six": f"{identity} 1111"})}
    built = replace(KEY, packages=packages_text({"six": f"{identity} 2222"}))
    assert differences(stored, built) == ["six 1.16.0 → 1.16.0 (built with other packages)"]
    other = replace(KEY, packages=packages_text({"six": f"{identity.replace('aaaa', 'bbbb')} 2222"}))
    assert differences(stored, other) == ["six 1.16.0 → 1.16.0 (files changed)"]


@pytest.mark.parametrize(("count", "named"), [(12, 12), (13, 13), (14, 12)])
def test_one_more_than_a_dozen_is_named_as_well(count: int, named: int) -> None:
    many = {f"p{number:02}": "1 registry=x a" for number in range(count)}
    lines = differences(asdict(replace(KEY, packages="{}")), replace(KEY, packages=packages_text(many)))
    assert len([line for line in lines if line.endswith(" added")]) == named


def test_of_many_changed_packages_a_dozen_is_named() -> None:
    many = {f"p{number:02}": "1 registry=x a" for number in range(30)}
    lines = differences(asdict(replace(KEY, packages="{}")), replace(KEY, packages=packages_text(many)))
    assert lines[0] == "p00 1 added"
    assert lines[-1] == "and 18 more packages"
    assert len(lines) == 13


def test_a_changed_interpreter_is_shown_with_both_versions() -> None:
    assert differences(asdict(KEY), replace(KEY, python="3.13.5")) == ["python: 3.13.4 → 3.13.5"]
    assert differences({**asdict(KEY), "python": None}, KEY) == ["python: unknown → 3.13.4"]


def test_variables_for_build_backends_are_not_printed() -> None:
    assert differences(asdict(KEY), replace(KEY, build_environment="0123")) == ["build environment changed"]
    old, new = ({"CC": "01", "LD": "02"}, {"LD": "03", "CFLAGS": "04"})
    stored = {**asdict(KEY), "build_environment": json.dumps(old)}
    assert differences(stored, replace(KEY, build_environment=json.dumps(new))) == [
        "build backends: LD changed",
        "build backends: CFLAGS is now set",
        "build backends: CC is no longer set",
    ]


@pytest.mark.parametrize("text", ['{"six": 5}', '{"six": {"a": 1}}', '{"six": ""}', '{"six": "1.16.0"}'])
def test_identities_of_another_shape_make_a_difference(text: str) -> None:
    lines = differences({**asdict(KEY), "packages": text}, KEY)
    assert any(line.startswith("six ") for line in lines)
    assert differences({**asdict(KEY), "packages": None}, replace(KEY, packages="{}")) == ["packages changed"]


def test_the_order_of_packages_does_not_matter() -> None:
    assert packages_text(dict(reversed(PACKAGES.items()))) == packages_text(PACKAGES)


def test_the_layer_is_for_launch_and_on_request_for_build() -> None:
    assert types(build=False) == LayerTypes(launch=True)
    assert types(build=True) == LayerTypes(launch=True, build=True)


def test_the_environment_is_found_at_build_and_at_launch(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for variable in environment(tmp_path / "venv"):
        files |= variable.files()
    assert files == {
        "env/VIRTUAL_ENV.override": f"{tmp_path}/venv",
        "env.build/UV_PROJECT_ENVIRONMENT.override": f"{tmp_path}/venv",
        "env.build/UV_PYTHON.override": f"{tmp_path}/venv/bin/python",
    }


DECIDES = {
    "scheme": {"snapshot"},
    "python": {"snapshot", "bundles", "wheels"},
    "target": {"snapshot", "bundles", "wheels"},
    "venv": {"snapshot", "bundles"},
    "build_environment": {"snapshot", "bundles", "wheels"},
    "heavy_packages": set[str](),
    "packages": set[str](),
}
"""What a field decides besides the environment. Who adds one has to think of each of these."""
GROUP = Bundle(layer="packages-six", packages=(Package(name="six", directories=("six",), size=1),))


@pytest.mark.parametrize("field", [field.name for field in fields(VenvKey)])
def test_a_field_decides_what_is_written_here(field: str) -> None:
    other = replace(KEY, **{field: "other"})
    decided = {
        "snapshot": not compatible(asdict(KEY), other),
        "bundles": packages.key(GROUP, KEY, PACKAGES, LAYERS) != packages.key(GROUP, other, PACKAGES, LAYERS),
        "wheels": for_wheels(KEY) != for_wheels(other),
    }
    assert {use for use, differs in decided.items() if differs} == DECIDES[field]


def test_an_identity_decides_the_layer_of_its_own_package_only() -> None:
    changed = {**PACKAGES, "six": "2 registry=x"}
    assert packages.key(GROUP, KEY, PACKAGES, LAYERS) != packages.key(GROUP, KEY, changed, LAYERS)
    changed = {**PACKAGES, "idna": "2 registry=x"}
    assert packages.key(GROUP, KEY, PACKAGES, LAYERS) == packages.key(GROUP, KEY, changed, LAYERS)

"""Variables that have no effect are named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from uv_buildpack import package_data
from uv_buildpack.configuration import PROJECT_DIR, SETTINGS
from uv_buildpack.ignored_variables import warn

if TYPE_CHECKING:
    from collections.abc import Mapping


def warnings(environment: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    with capture_logs() as events:
        warn(environment)
    assert all(event["kind"] == "warning" for event in events)
    return [(event["event"], event["advice"]) for event in events]


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("BP_UV_GROUP", ["Did you mean BP_UV_GROUPS?"]),
        ("BP_PYTHON_VERSIONS", ["Did you mean BP_PYTHON_VERSION?"]),
        ("BP_LOG_LEVLE", ["Did you mean BP_LOG_LEVEL?"]),
        ("BP_UV_PROJECTDIR", ["Did you mean BP_UV_PROJECT_DIR?"]),
        ("BP_UV_QQQQQQQQQQQQQQQQQQQQ", []),
    ],
)
def test_an_unknown_variable_is_a_warning_with_the_nearest_name(variable: str, nearest: list[str]) -> None:
    assert warnings({variable: "1"}) == [
        (f"{variable} is not a variable of this buildpack and has no effect.", nearest)
    ]


def test_known_variables_and_those_of_others_are_no_warnings() -> None:
    known = {setting.variable: "1" for setting in SETTINGS if setting.variable} | {PROJECT_DIR: "."}
    assert warnings({**known, "BP_MAVEN_VERSION": "3", "PATH": "/bin"}) == []


def test_a_variable_that_chooses_what_uv_installs_is_a_warning_that_names_ours() -> None:
    assert warnings({"UV_DEV": "1", "UV_PYTHON": "3.9"}) == [
        ("UV_DEV has no effect on the build.", ["Use BP_UV_GROUPS=dev to install the group."]),
        ("UV_PYTHON has no effect on the build.", ["Use BP_PYTHON_VERSION."]),
    ]


def test_what_reaches_uv_is_no_warning() -> None:
    passing = ["UV_INDEX_CORP_PASSWORD", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NO_BUILD"]
    assert warnings({**dict.fromkeys(passing, "1"), "UV_PROJECT_ENVIRONMENT": ".venv"}) == []


def test_whatever_else_uv_knows_is_named() -> None:
    (said,) = warnings({"UV_TOOL_DIR": "1", "UV_STACK_SIZE": "1"})
    assert said[0] == "UV_STACK_SIZE, UV_TOOL_DIR: no effect on the build."


def test_what_nobody_knows_is_named_with_the_nearest_name_of_uv() -> None:
    version = json.loads(package_data.read("uv.json"))["version"]
    assert warnings({"UV_DEFAULT_INDX": "1"}) == [
        (f"UV_DEFAULT_INDX is not a variable of uv {version} and has no effect.", ["Did you mean UV_DEFAULT_INDEX?"])
    ]


def test_pips_variables_for_indexes_are_named_with_the_way_that_works() -> None:
    (said,) = warnings({"PIP_INDEX_URL": "https://index.example/simple"})
    assert "[[tool.uv.index]]" in said[1][0]

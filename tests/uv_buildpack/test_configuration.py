"""Settings: where they come from, what they may be, and what is said about the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from uv_buildpack.configuration import (
    SETTINGS,
    Configuration,
    announce,
    gather,
    nearest,
    of_log,
)
from uv_buildpack.errors import Problem, ProjectEnvironmentOutside, SettingInvalid, UnknownKey
from uv_buildpack.installed.heavy import HeavySetting

if TYPE_CHECKING:
    from collections.abc import Mapping

APP_DIR = Path("/workspace")


def read(environment: Mapping[str, str] | None = None, table: Mapping[str, Any] | None = None) -> Configuration:
    configuration, wrong = gather(environment or {}, table or {}, APP_DIR)
    assert wrong == []
    return configuration


def problems(environment: Mapping[str, str] | None = None, table: Mapping[str, Any] | None = None) -> list[Problem]:
    return gather(environment or {}, table or {}, APP_DIR)[1]


# field, variable, its text, the value of it; key, its value in the file, the value of it
CASES: list[tuple[str, str | None, str, object, str | None, object, object]] = [
    ("members", "BP_UV_PACKAGE", "api, Web_App", ("api", "web-app"), "package", "worker", ("worker",)),
    ("groups", "BP_UV_GROUPS", "docs,,docs", ("docs",), "groups", ["test", "lint"], ("test", "lint")),
    ("extras", "BP_UV_EXTRAS", "*", ("*",), "extras", ["Big_One"], ("big-one",)),
    ("no_editable", "BP_UV_NO_EDITABLE", "yes", True, "no-editable", True, True),
    ("script", "BP_UV_SCRIPT", " jobs/report.py ", "jobs/report.py", None, None, None),
    ("environment_link", "BP_UV_ENVIRONMENT_LINK", " .venv ", ".venv", "environment-link", "a/venv", "a/venv"),
    ("snapshots", "BP_UV_SNAPSHOTS", "Always", "always", None, None, None),
    (
        "heavy_packages",
        "BP_UV_HEAVY_PACKAGES",
        "50MB",
        HeavySetting(least=50_000_000),
        "heavy-packages",
        ["torch"],
        HeavySetting(names=frozenset({"torch"})),
    ),
    ("uv_version", "BP_UV_VERSION", ">=0.12,<0.14", ">=0.12,<0.14", None, None, None),
    ("offline", "BP_UV_OFFLINE", "true", True, None, None, None),
    ("find_links", "BP_UV_FIND_LINKS", "vendor, /volume,,vendor", ("vendor", "/volume"), None, None, None),
    ("python_version", "BP_PYTHON_VERSION", "3.13", "3.13", None, None, None),
    ("python_mirror", "BP_PYTHON_MIRROR", "file:///mirror", "file:///mirror", None, None, None),
    ("python_catalogue", "BP_PYTHON_CATALOGUE", "builds.json", "builds.json", None, None, None),
    ("collectstatic", "BP_DJANGO_COLLECTSTATIC", "Off", "false", "collectstatic", True, "true"),
    ("execution_environment", "CNB_EXEC_ENV", " test ", "test", None, None, None),
    ("log_format", "BP_LOG_FORMAT", "JSON", "json", None, None, None),
    ("log_level", "BP_LOG_LEVEL", "debug", "debug", None, None, None),
    ("processes", None, "", None, "processes", {"web": "serve"}, {"web": "serve"}),
    ("default_process", None, "", None, "default-process", "worker", "worker"),
]
NAMES = [case[0] for case in CASES]


def test_each_setting_has_a_case() -> None:
    assert {setting.field for setting in SETTINGS} == set(NAMES)


DECIDING = {
    "members",
    "groups",
    "extras",
    "no_editable",
    "script",
    "heavy_packages",
    "uv_version",
    "python_version",
    "python_mirror",
    "python_catalogue",
    "execution_environment",
}


def test_what_decides_what_is_installed_is_known_of_each_setting() -> None:
    assert set(Configuration().deciding()) == DECIDING


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, ("text", "info")),
        ({"BP_LOG_FORMAT": "JSON", "BP_LOG_LEVEL": " Debug "}, ("json", "debug")),
        ({"BP_LOG_FORMAT": "yaml", "BP_LOG_LEVEL": "loud"}, ("text", "info")),
        ({"BP_LOG_FORMAT": "", "BP_LOG_LEVEL": ""}, ("text", "info")),
    ],
)
def test_the_log_is_configured_by_the_same_reading(environment: dict[str, str], found: tuple[str, str]) -> None:
    assert of_log(environment) == found


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_setting_has_a_default_that_needs_no_origin(case: tuple[Any, ...]) -> None:
    configuration = read()
    assert getattr(configuration, case[0]) == getattr(Configuration(), case[0])
    assert configuration.origins == {}


@pytest.mark.parametrize("case", [case for case in CASES if case[1]], ids=[case[0] for case in CASES if case[1]])
def test_a_setting_is_read_from_its_variable(case: tuple[Any, ...]) -> None:
    field, variable, text, value = case[:4]
    configuration = read({variable: text})
    assert getattr(configuration, field) == value
    assert configuration.origins == {field: variable}


@pytest.mark.parametrize("case", [case for case in CASES if case[4]], ids=[case[0] for case in CASES if case[4]])
def test_a_setting_is_read_from_its_key(case: tuple[Any, ...]) -> None:
    field, _, _, _, key, raw, value = case
    configuration = read({}, {key: raw})
    assert getattr(configuration, field) == value
    assert configuration.origins == {field: f"{key} in [tool.uv-buildpack]"}


@pytest.mark.parametrize("case", [case for case in CASES if case[1] and case[4]], ids=lambda case: case[0])
def test_the_environment_beats_the_file(case: tuple[Any, ...]) -> None:
    field, variable, text, value, key, raw, _ = case
    configuration = read({variable: text}, {key: raw})
    assert getattr(configuration, field) == value
    assert configuration.origins[field] == variable


def test_an_empty_variable_is_not_set() -> None:
    assert read({"BP_UV_GROUPS": " "}, {"groups": ["docs"]}).groups == ("docs",)


def test_an_empty_list_is_no_names() -> None:
    assert read({}, {"groups": []}).groups == ()


def test_uvs_own_variable_for_a_mirror_is_read() -> None:
    configuration = read({"UV_PYTHON_INSTALL_MIRROR": "https://mirror.example"})
    assert configuration.python_mirror == "https://mirror.example"
    assert configuration.origins == {"python_mirror": "UV_PYTHON_INSTALL_MIRROR"}


@pytest.mark.parametrize(
    "address", ["http://mirror.example", "ftp://mirror.example", "/mirror", "file://host/x", "http://[", "https:"]
)
@pytest.mark.parametrize("variable", ["BP_PYTHON_MIRROR", "UV_PYTHON_INSTALL_MIRROR"])
def test_a_mirror_that_nothing_is_fetched_from_is_said_at_once(variable: str, address: str) -> None:
    (problem,) = problems({variable: address})
    assert variable in str(problem)


def test_what_is_valid_is_given_with_what_is_not() -> None:
    configuration, wrong = gather({"BP_UV_GROUPS": "docs", "BP_UV_NO_EDITABLE": "ja"}, {}, APP_DIR)
    assert configuration.groups == ("docs",)
    assert [type(problem) for problem in wrong] == [SettingInvalid]


def test_the_buildpacks_variable_for_a_mirror_beats_uvs() -> None:
    configuration = read({"UV_PYTHON_INSTALL_MIRROR": "https://b.example", "BP_PYTHON_MIRROR": "https://a.example"})
    assert configuration.python_mirror == "https://a.example"
    assert configuration.origins == {"python_mirror": "BP_PYTHON_MIRROR"}


@pytest.mark.parametrize(
    ("text", "value"),
    [(text, text in {"true", "1", "yes", "on"}) for text in ("true", "1", "yes", "on", "false", "0", "no", "off")],
)
def test_a_boolean_has_eight_spellings(text: str, value: bool) -> None:  # noqa: FBT001 (a parametrized value)
    assert read({"BP_UV_NO_EDITABLE": text}).no_editable is value
    assert read({"BP_UV_NO_EDITABLE": text.upper()}).no_editable is value


@pytest.mark.parametrize(
    ("variable", "text", "accepted"),
    [
        ("BP_UV_NO_EDITABLE", "ja", "one of true, false, 1, 0, yes, no, on, off"),
        ("BP_UV_GROUPS", "a,b c", "names, separated by commas; 'b c' is not a name"),
        ("BP_UV_ENVIRONMENT_LINK", "/venv", "a path inside the app directory, such as .venv"),
        ("BP_UV_ENVIRONMENT_LINK", "../venv", "a path inside the app directory, such as .venv"),
        ("BP_UV_ENVIRONMENT_LINK", ".", "a path inside the app directory, such as .venv"),
        ("BP_LOG_FORMAT", "xml", "one of text, json"),
        ("BP_LOG_LEVEL", "trace", "one of info, debug"),
    ],
)
def test_a_variable_that_cannot_be_what_it_is_is_an_error(variable: str, text: str, accepted: str) -> None:
    (problem,) = problems({variable: text})
    assert isinstance(problem, SettingInvalid)
    assert problem.what == f"{variable} cannot be {text!r}."
    assert problem.advice == (f"It takes {accepted}.",)


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("no-editable", 1, "one of true, false, 1, 0, yes, no, on, off"),
        ("groups", [1], "names, separated by commas (an array of strings in pyproject.toml)"),
        ("groups", {}, "names, separated by commas (an array of strings in pyproject.toml)"),
        ("processes", "web", "a table of process types and commands"),
        ("default-process", "", "a non-empty string"),
        ("environment-link", 1, "a non-empty string"),
    ],
)
def test_a_key_that_cannot_be_what_it_is_is_an_error(key: str, value: object, accepted: str) -> None:
    (problem,) = problems({}, {key: value})
    assert isinstance(problem, SettingInvalid)
    assert problem.what == f"{key} in [tool.uv-buildpack] cannot be {value!r}."
    assert problem.advice == (f"It takes {accepted}.",)


def test_the_name_that_is_nearest_is_proposed_and_no_other() -> None:
    assert nearest("BP_UV_EXTRA", ["BP_UV_EXTRAS", "BP_UV_EXTRACT", "BP_UV_GROUPS"]) == ["Did you mean BP_UV_EXTRAS?"]
    assert nearest("nonsense", ["BP_UV_EXTRAS"]) == []


def test_an_unknown_key_is_an_error_with_the_nearest_name() -> None:
    (problem,) = problems({}, {"group": ["docs"]})
    assert isinstance(problem, UnknownKey)
    assert problem.what == "'group' is not a key of [tool.uv-buildpack]."
    assert problem.advice[0] == "Did you mean groups?"


def test_an_unknown_key_without_a_near_name_has_no_proposal() -> None:
    (problem,) = problems({}, {"zzz": 1})
    assert isinstance(problem, UnknownKey)
    assert problem.advice == ("Remove or correct the key in pyproject.toml.",)


def test_all_problems_are_said_at_once() -> None:
    found = problems(
        {"BP_UV_NO_EDITABLE": "ja", "BP_LOG_LEVEL": "x", "UV_PROJECT_ENVIRONMENT": "/opt/venv"}, {"nonsense": 1}
    )
    assert [type(problem) for problem in found] == [
        SettingInvalid,
        SettingInvalid,
        ProjectEnvironmentOutside,
        UnknownKey,
    ]


@pytest.mark.parametrize(
    ("wanted", "link"),
    [
        (".venv", ".venv"),
        ("/workspace/.venv", ".venv"),
        ("a/../b/venv", "b/venv"),
        ("/workspace/a/../venv", "venv"),
        ("../workspace/.venv", ".venv"),
    ],
)
def test_uvs_project_environment_inside_the_app_becomes_the_link(wanted: str, link: str) -> None:
    configuration = read({"UV_PROJECT_ENVIRONMENT": wanted})
    assert configuration.environment_link == link
    assert configuration.origins == {"environment_link": "UV_PROJECT_ENVIRONMENT"}


@pytest.mark.parametrize("wanted", ["/opt/venv", "..", "../venv", ".", "/workspace", "../../../../venv", "/"])
def test_uvs_project_environment_elsewhere_is_an_error(wanted: str) -> None:
    (problem,) = problems({"UV_PROJECT_ENVIRONMENT": wanted})
    assert isinstance(problem, ProjectEnvironmentOutside)
    assert problem.what == f"UV_PROJECT_ENVIRONMENT={wanted} is outside the app directory."


def test_uvs_project_environment_elsewhere_is_an_error_beside_a_link_as_well() -> None:
    (problem,) = problems({"UV_PROJECT_ENVIRONMENT": "/opt/venv", "BP_UV_ENVIRONMENT_LINK": ".venv"})
    assert isinstance(problem, ProjectEnvironmentOutside)


def test_the_buildpacks_variable_for_the_link_beats_uvs() -> None:
    configuration = read({"UV_PROJECT_ENVIRONMENT": "a", "BP_UV_ENVIRONMENT_LINK": "b"})
    assert configuration.environment_link == "b"
    assert configuration.origins == {"environment_link": "BP_UV_ENVIRONMENT_LINK"}


def test_what_differs_from_the_defaults_is_announced_with_its_origin() -> None:
    with capture_logs() as events:
        announce(read({"BP_UV_GROUPS": "docs,test"}, {"no-editable": True, "processes": {"web": "serve"}}))
    assert [event["event"] for event in events] == [
        "groups: docs, test (BP_UV_GROUPS)",
        "no editable: True (no-editable in [tool.uv-buildpack])",
        "processes: web (processes in [tool.uv-buildpack])",
    ]


def test_a_link_may_have_the_longest_name_that_a_file_system_takes() -> None:
    longest = f"a/{'é' * 127}x"
    assert read({"BP_UV_ENVIRONMENT_LINK": longest}, {}).environment_link == longest
    (problem,) = problems({"BP_UV_ENVIRONMENT_LINK": f"{longest}x"})
    assert isinstance(problem, SettingInvalid)

"""`docs/configuration.md` has what the code accepts, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cnb import toml
from uv_buildpack.configuration import PROJECT_DIR, SETTINGS, Configuration, gather
from uv_buildpack.ignored_variables import IGNORED
from uv_buildpack.uv.bindings import CONFIG_FILE, NETRC
from uv_buildpack.uv.running import _INDEX_VARIABLES, BUILD_VARIABLES, NETWORK_VARIABLES

TEXT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return the text below a heading, up to the next one of the same or a higher level."""
    match = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,3}} |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert match is not None, title
    return match[2]


def names(text: str) -> set[str]:
    """Return the names of variables in a text, with a sample for what a pattern leaves open."""
    found = re.findall(r"`([A-Z_*<>]+)`", text)
    return {name.replace("<NAME>", "OWN").replace("*", "X") for name in found}


ENTRIES = [re.findall(r"`([^`]+)`", line) for line in re.findall(r"^### (`.*)$", TEXT, re.MULTILINE)]


def test_each_setting_has_one_entry_with_its_variables_and_its_key() -> None:
    expected: dict[str, list[str]] = {"project_dir": [PROJECT_DIR]}
    for setting in SETTINGS:
        expected.setdefault(setting.field, []).extend(name for name in (setting.variable, setting.key) if name)
    assert sorted(ENTRIES) == sorted(expected.values())


@pytest.mark.parametrize("names_of_entry", ENTRIES, ids=lambda entry: entry[0])
def test_an_entry_names_the_default(names_of_entry: list[str]) -> None:
    title = ", ".join(f"`{name}`" for name in names_of_entry)
    assert "Default: " in section(title).replace("\n", " ")


def test_the_example_is_a_valid_configuration(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    configuration, wrong = gather({}, toml.loads(example)["tool"]["uv-buildpack"], tmp_path)
    assert wrong == []
    assert configuration != Configuration()


def test_the_variables_without_effect_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*) \|$", section("Variables without effect"), re.MULTILINE)
    assert dict(rows) == IGNORED
    assert [name for name, _ in rows] == sorted(IGNORED)


@pytest.mark.parametrize(
    ("title", "pattern"),
    [
        ("How packages are reached", NETWORK_VARIABLES),
        ("How packages are built", BUILD_VARIABLES),
        ("Where build requirements come from", _INDEX_VARIABLES),
    ],
)
def test_the_variables_that_pass_are_those_of_the_code(title: str, pattern: re.Pattern[str]) -> None:
    documented = names(section(title))
    assert {name for name in documented if not pattern.fullmatch(name)} == set()
    # Each alternative of the pattern stands in the documentation.
    flat = pattern.pattern.replace("(?i:", "").replace("no_proxy|all_proxy)", "no_proxy|all_proxy")
    alternatives = re.split(r"\|(?![^(]*\))", flat)
    unnamed = [part for part in alternatives if not any(re.fullmatch(part, name, re.IGNORECASE) for name in documented)]
    assert unnamed == []


def test_the_files_of_a_binding_are_those_of_the_code() -> None:
    files = re.findall(r"^\| `([a-z.]+)` \|", section("Bindings"), re.MULTILINE)
    assert files == [CONFIG_FILE, NETRC]

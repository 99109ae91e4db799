"""The documentation: links lead somewhere, and what is named exists."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cnb.context
import cnb.detection
import cnb.launch
import cnb.layer
import cnb.plan
import cnb.result
import cnb.run
from cnb import toml
from cnb_platform.cli import _parser
from uv_buildpack import configuration
from uv_buildpack.layers import packages, processes, python, uv, venv_project
from uv_buildpack.layers.venv import key as venv_key
from uv_buildpack.layers.venv import layer as venv
from uv_buildpack.processes.inference.queues import QUEUES
from uv_buildpack.processes.inference.servers import SERVERS
from uv_buildpack.processes.inference.starters import BOTS, DJANGO, MCP, WEB
from uv_buildpack.snapshots import file_format

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
SOURCES = sorted(path for path in ROOT.glob("src/**/*.py") if path.stem != "errors")
DOCS = [page for page in PAGES if page.parent in {ROOT, ROOT / "docs"}]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_SDK = (cnb.context, cnb.detection, cnb.launch, cnb.layer, cnb.plan, cnb.result, cnb.run)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """Return the page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, language: str) -> list[str]:
    return [code for name, code in _FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of headings; it numbers those that repeat."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    plain = Counter(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return {f"{name}-{number}" if number else name for name, count in plain.items() for number in range(count)}


def broken_links(page: Path) -> Iterator[str]:
    for link in _LINK.findall(prose(page)):
        place, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Return the long options of a parser and of its commands."""
    found: set[str] = set()
    for action in parser._actions:
        found.update(name for name in action.option_strings if name.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            found.update(*(options(command) for command in action.choices.values()))
    return found - {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_and_anchors_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_scripts_that_are_named_exist_and_can_be_started(page: Path) -> None:
    named = set(re.findall(r"(?<![\w/.])(?:scripts|bin)/[a-z][a-z-]*\b(?![/.])", page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not os.access(ROOT / name, os.X_OK)] == []


def test_files_that_comments_and_docstrings_name_exist() -> None:
    """A reader of the repository has to be able to go there."""
    rooms = "|".join(path.name for path in (ROOT / "src/uv_buildpack").iterdir() if (path / "__init__.py").is_file())
    file = re.compile(
        rf"(?<![\w/.])(?:docs|scripts|integration|tests|{rooms}|data)/[\w/-]+(?:\.(?:py|md|sh|json))?(?!\.?[\w/])"
    )
    named = {
        (shown(path), name)
        for path in SOURCES
        for name in file.findall(path.read_text(encoding="utf-8"))
        if "__" not in name
    }
    assert len(named) >= 12
    places = (ROOT, ROOT / "src/uv_buildpack")
    assert [(path, name) for path, name in sorted(named) if not any((place / name).exists() for place in places)] == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_examples_of_toml_and_json_can_be_read(page: Path) -> None:
    assert all(isinstance(toml.loads(code), dict) for code in blocks(page, "toml"))
    assert all(isinstance(json.loads(code), dict) for code in blocks(page, "json"))


def test_the_readme_names_the_command_that_ci_runs() -> None:
    last = (ROOT / ".ci/run").read_text(encoding="utf-8").strip().splitlines()[-1]
    assert last == "scripts/test"
    assert f"`{last}`" in prose(ROOT / "README.md")


@pytest.mark.parametrize("page", [page for page in DOCS if page.name != "errors.md"], ids=shown)
def test_settings_that_are_named_exist(page: Path) -> None:
    known = {setting.variable for setting in configuration.SETTINGS} | {configuration.PROJECT_DIR}
    assert set(re.findall(r"\bBP_(?:UV|PYTHON|LOG|DJANGO)_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("page", DOCS, ids=shown)
def test_keys_of_the_table_that_examples_use_exist(page: Path) -> None:
    known = {setting.key for setting in configuration.SETTINGS}
    for code in blocks(page, "toml"):
        assert toml.loads(code).get("tool", {}).get("uv-buildpack", {}).keys() <= known


def log_shapes(log: str) -> list[str]:
    """Return the lines of a log without what differs between projects: numbers, names, and the start commands."""
    without_commands = re.sub(r"(?<=^Processes\n).*?\n(?=\n|\Z)", "", log, flags=re.MULTILINE | re.DOTALL)
    lines = re.sub(r"\d+(\.\d+)*", "N", without_commands).splitlines()
    names = [
        (r"for \w+:", "for NAME:"),
        (r"\+ \S+==N", "+ NAME==N"),
        (r"^  \S+ +(launch|cache|build) +", r"  NAME \1 "),
    ]
    for pattern, name in names:
        lines = [re.sub(pattern, name, line) for line in lines]
    return [" ".join(line.split()) for line in lines]


@pytest.mark.parametrize(("number", "golden"), [(0, "first.txt"), (1, "second.txt")])
def test_the_readme_shows_logs_as_builds_write_them(number: int, golden: str) -> None:
    real = log_shapes((ROOT / "tests/uv_buildpack/golden" / golden).read_text(encoding="utf-8"))
    shown = log_shapes(blocks(ROOT / "README.md", "text")[number])
    assert [line for line in shown if line not in real and line != "..."] == []


def test_the_readme_lists_every_layer() -> None:
    section = prose(ROOT / "README.md").partition("## What is in the image")[2].partition("\n## ")[0]
    modules = (processes, python, uv, venv_key, venv_project, file_format)
    names = {f"{packages.PREFIX}<name>", *(module.NAME for module in modules)}
    assert set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == names


def test_what_is_in_the_image_is_what_is_for_launch() -> None:
    section = prose(ROOT / "README.md").partition("## What is in the image")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([^`]+)` \| (yes|no) \|", section, re.MULTILINE))
    launch = {
        processes.NAME: processes.TYPES.launch,
        python.NAME: python.types(build=False).launch,
        uv.NAME: uv.TYPES.launch,
        venv_key.NAME: venv.types(build=False).launch,
        venv_project.NAME: venv_project.types(build=False).launch,
        file_format.NAME: file_format.TYPES.launch,
        f"{packages.PREFIX}<name>": packages.types(build=False).launch,
    }
    assert rows == {name: "yes" if wanted else "no" for name, wanted in launch.items()}


def test_the_options_of_the_embedded_platform_are_those_of_its_page() -> None:
    page = ROOT / "docs/embedded-platform.md"
    assert set(re.findall(r"--[a-z][a-z-]+", page.read_text(encoding="utf-8"))) - {"--verbose"} == options(_parser())


@pytest.mark.parametrize("script", ["python-archive", "package", "refresh-releases"])
def test_options_of_scripts_that_examples_use_exist(script: str) -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in [ROOT / "scripts" / script, *(ROOT / "scripts/buildpackage").glob("*.py")]
    )
    lines = chain.from_iterable(code.replace("\\\n", "").splitlines() for page in DOCS for code in examples(page))
    used = {word for line in lines if f"scripts/{script} " in line for word in re.findall(r" (--[a-z-]+)", line)}
    assert [option for option in sorted(used) if f'"{option}"' not in sources] == []


def examples(page: Path) -> list[str]:
    """Return what a reader would type."""
    return [*blocks(page, "sh"), *blocks(page, "console")]


def test_names_in_the_examples_of_the_sdk_exist() -> None:
    known = set().union(*(vars(module) for module in _SDK))
    names = {
        node.id
        for code in blocks(ROOT / "docs/sdk.md", "python")
        for node in ast.walk(ast.parse(f"def example():\n{re.sub('^', ' ', code, flags=re.MULTILINE)}"))
        if isinstance(node, ast.Name)
    }
    assert {name for name in names if name[0].isupper()} <= known
    table = prose(ROOT / "docs/sdk.md").partition("| in `BuildContext` | |")[2].partition("\n\n")[0]
    fields = chain.from_iterable(re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[2:])
    assert set(fields) == set(cnb.context.BuildContext.__dataclass_fields__)


def test_frameworks_and_servers_are_all_named() -> None:
    text = prose(ROOT / "docs/processes.md")
    assert [one.name for one in (*WEB, *MCP, DJANGO, *BOTS) if one.name not in text] == []
    assert [names for names, _ in QUEUES if names[0] not in text.lower()] == []
    assert [name for server in SERVERS for name in server.distributions if name not in text.lower()] == []

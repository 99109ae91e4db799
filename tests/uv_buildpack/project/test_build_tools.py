"""What packages are built with, where the app directory has it or settings choose it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import LOCK, PYPROJECT, plant

from uv_buildpack.project import build_tools
from uv_buildpack.project.files import read_project, read_pyproject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILES = {
    "pyproject.toml": f"""{PYPROJECT}
[tool.uv]
find-links = ["my wheels"]
[tool.uv.workspace]
members = ["members/*"]
[tool.uv.sources]
helper = {{ workspace = true }}
archive = [{{ path = "archives/archive-1.0.tar.gz", marker = "sys_platform == 'linux'" }}]
[tool.uv.extra-build-dependencies]
needy = ["archive", {{ requirement = "helper>=1", match-runtime = false }}]
[[tool.uv.index]]
name = "flat"
url = "file:///nowhere/else"
[[tool.uv.index]]
name = "own"
url = "flat%20index"
format = "flat"
""",
    "uv.lock": LOCK,
    "my wheels/tool-1.0-py3-none-any.whl": "one",
    "flat%20index/tool-2.0-py3-none-any.whl": "one",
    "archives/archive-1.0.tar.gz": "one",
    "members/helper/pyproject.toml": """
        [project]
        name = "Helper"
        version = "1.0"
        dependencies = ["deep"]
        [tool.uv.sources]
        deep = { path = "../../libraries/deep" }
        """,
    "members/helper/helper.py": "x = 1\n",
    "libraries/deep/setup.py": "",
    "libraries/deep/deep.py": "x = 1\n",
    "package/pyproject.toml": """
        [project]
        name = "package"
        [build-system]
        requires = ["hatchling", "plugin[fast]>=1"]
        [tool.uv.sources]
        plugin = { path = "../plugin" }
        unused = { path = "../unused" }
        """,
    "plugin/plugin.py": "x = 1\n",
    "unused/unused.py": "x = 1\n",
    "README.md": "one",
}


def digests(
    root: Path, change: Mapping[str, str] | None = None, variables: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return what counts for all packages, and for `package`."""
    plant(root, {**FILES, **(change or {})})
    project = read_project(root, ".")
    package = read_pyproject(root, root / "package" / "pyproject.toml")
    return build_tools.of_all(project, variables or {}, [root / "given"]), build_tools.of_package(project, package)


@pytest.mark.parametrize(
    "name",
    [
        "my wheels/tool-1.0-py3-none-any.whl",
        "my wheels/tool-1.1-py3-none-any.whl",
        "flat%20index/tool-2.0-py3-none-any.whl",
        "given/tool-1.0-py3-none-any.whl",
        "archives/archive-1.0.tar.gz",
        "members/helper/helper.py",
        "libraries/deep/deep.py",
    ],
)
def test_files_of_build_requirements_count_for_all_packages(tmp_path: Path, name: str) -> None:
    before = digests(tmp_path)
    after = digests(tmp_path, {name: "two"})
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_sources_of_a_package_count_for_it_alone(tmp_path: Path) -> None:
    before = digests(tmp_path)
    after = digests(tmp_path, {"plugin/plugin.py": "x = 2\n"})
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize("name", ["README.md", "unused/unused.py", "package/package.py"])
def test_other_files_do_not_count(tmp_path: Path, name: str) -> None:
    assert digests(tmp_path, {name: "two"}) == digests(tmp_path)


@pytest.mark.parametrize(
    ("variables", "others"),
    [
        ({"UV_DEFAULT_INDEX": "https://one.example"}, {"UV_DEFAULT_INDEX": "https://two.example"}),
        ({"UV_INDEX_URL": "https://one.example"}, {}),
        ({"UV_FIND_LINKS": "more,unused"}, {"UV_FIND_LINKS": "more"}),
    ],
)
def test_variables_that_choose_count(tmp_path: Path, variables: dict[str, str], others: dict[str, str]) -> None:
    assert digests(tmp_path, variables=variables) != digests(tmp_path, variables=others)


def test_credentials_do_not_count(tmp_path: Path) -> None:
    first, second = (
        digests(tmp_path, variables={"UV_INDEX_URL": f"https://user:{word}@one.example"}) for word in ("a-b", "c-d")
    )
    assert first == second


def test_files_in_directories_of_variables_count(tmp_path: Path) -> None:
    before = digests(tmp_path, {"more/tool-1.0-py3-none-any.whl": "one"}, {"UV_FIND_LINKS": "more"})
    assert digests(tmp_path, {"more/tool-1.0-py3-none-any.whl": "two"}, {"UV_FIND_LINKS": "more"}) != before


def test_settings_that_choose_count(tmp_path: Path) -> None:
    before = digests(tmp_path)
    settings = {"uv.toml": 'exclude-newer = "2024-01-01"\nfind-links = ["my wheels"]\n'}
    assert digests(tmp_path, settings)[0] != before[0]


def test_without_any_of_it_nothing_counts(tmp_path: Path) -> None:
    plant(tmp_path, {"pyproject.toml": PYPROJECT, "uv.lock": LOCK})
    project = read_project(tmp_path, ".")
    assert build_tools.of_all(project, {"UV_OFFLINE": "1"}, []) == ""
    assert build_tools.of_package(project, project.pyproject) == ""
    assert build_tools.of_package(project, None) == ""


@pytest.mark.parametrize(
    "settings",
    [
        'find-links = "wheels"',
        "find-links = [1]",
        "index = 1",
        "sources = 1",
        "sources = { six = 1 }",
        "sources = { six = { path = 1 } }",
        "extra-build-dependencies = 1",
        "extra-build-dependencies = { a = 1 }",
        'extra-build-dependencies = { a = ["=", { requirement = 1 }] }',
        'find-links = ["\\u0000", "../outside", "nowhere"]',
    ],
)
def test_what_has_another_shape_is_left_to_uv(tmp_path: Path, settings: str) -> None:
    plant(tmp_path / "outside", {"tool-1.0-py3-none-any.whl": ""})
    plant(tmp_path / "app", {"pyproject.toml": f"{PYPROJECT}\n[tool.uv]\n{settings}\n", "uv.lock": LOCK})
    assert len(build_tools.of_all(read_project(tmp_path / "app", "."), {}, [])) in {0, 16}


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ('requires = ["uv_build>=0.9,<0.14"]', False),
        ("requires = []", False),
        ('requires = ["hatchling"]', True),
        ('requires = ["uv-build", "tool"]', True),
        ('build-backend = "setuptools.build_meta"', True),
    ],
)
def test_what_is_built_with_uv_alone_needs_nothing(tmp_path: Path, system: str, *, expected: bool) -> None:
    plant(tmp_path, {"pyproject.toml": f"[build-system]\n{system}\n"})
    assert build_tools.needed(read_pyproject(tmp_path, tmp_path / "pyproject.toml")) == expected
    assert build_tools.needed(None)

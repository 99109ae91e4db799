"""A later buildpack that asks for the environment at build finds it, and can work with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.package_index import wheel
from integration.workbench import BASE, Workbench, layer_states

if TYPE_CHECKING:
    from pathlib import Path

    from integration.package_index import PackageIndex

GROUP = '[dependency-groups]\nmore = ["gamma"]\n'
BUILD = """#!/bin/sh
set -eu
echo "python=$(command -v python) uv=$(command -v uv)"
echo "environment=$UV_PROJECT_ENVIRONMENT virtual=$VIRTUAL_ENV interpreter=$UV_PYTHON downloads=$UV_PYTHON_DOWNLOADS"
echo "bytecode=$PYTHONDONTWRITEBYTECODE"
python -c 'import alpha; print("plain", alpha.version)'
export UV_CACHE_DIR="$CNB_LAYERS_DIR/cache"
uv run --no-sync --offline python -c 'import alpha, sys; print("run", alpha.version, sys.prefix)'
echo "list: $(uv pip list --offline --quiet | tr -s ' ' ':' | tail -n +3 | tr '\\n' ',')"
if [ -n "${ADD_BY_PIP:-}" ]; then
    uv pip install --quiet --offline --no-index --find-links "$CNB_BUILDPACK_DIR" gamma
    python -c 'import gamma; print("pip", gamma.version)'
fi
if [ -n "${ADD_GROUP:-}" ]; then uv sync --quiet --frozen --no-default-groups --group "$ADD_GROUP"; fi
"""
DETECT = """#!/bin/sh
cat >"$CNB_BUILD_PLAN_PATH" <<END
requires = [
    { name = "venv", metadata = { build = true } },
    { name = "python", metadata = { build = true, version = "${WANTED:->=3.9}" } },
    { name = "uv", metadata = { build = true } },
]
END
"""


@pytest.fixture(scope="module")
def later(public: Path) -> Path:
    """The other buildpack."""
    directory = public / "later-buildpack"
    (directory / "bin").mkdir(parents=True, exist_ok=True)
    for name, text in {"detect": DETECT, "build": BUILD}.items():
        (directory / "bin" / name).write_text(text)
        (directory / "bin" / name).chmod(0o755)
    (directory / "gamma-1.0-py3-none-any.whl").write_bytes(wheel("gamma", "1.0"))
    (directory / "buildpack.toml").write_text(
        'api = "0.10"\n[buildpack]\nid = "tests/later"\nversion = "1.0.0"\n[[targets]]\nos = "linux"\n'
    )
    return directory


@pytest.fixture
def used(app: App, index: PackageIndex) -> App:
    """An app with one dependency."""
    app.write({"pyproject.toml": project("used", ("alpha==1.1",), index=index.address, more=GROUP), "main.py": ""})
    app.lock()
    return app


@pytest.mark.in_containers
def test_it_finds_the_environment_and_its_tools(bench: Workbench, used: App, image: str, later: Path) -> None:
    result = bench.build(used, image, later=[later], env={"ADD_BY_PIP": "yes"})
    said = dict(line.split("=", 1) for line in result.log.split() if "=" in line)
    assert said["python"].endswith("/venv/bin/python")
    assert said["uv"].endswith("/uv/bin/uv")
    assert said["environment"] == said["virtual"]
    assert said["environment"].endswith("/venv")
    assert said["interpreter"] == f"{said['environment']}/bin/python"
    assert said["downloads"] == "never"
    assert said["bytecode"] == "1"
    assert "plain 1.1" in result.log
    assert f"run 1.1 {said['environment']}" in result.log
    assert "list: alpha:1.1," in result.log
    assert "pip 1.0" in result.log


def test_what_was_on_disk_for_others_is_not_trusted_by_the_next_build(
    bench: Workbench, used: App, image: str, later: Path
) -> None:
    found = "import importlib.util as u; print([n for n in ('alpha', 'gamma') if u.find_spec(n)])"
    bench.build(used, image, later=[later], previous=BASE, env={"ADD_GROUP": "more"})
    assert bench.run(image, "python", "-c", found) == "['alpha', 'gamma']\n"
    second = bench.build(used, image, later=[later])
    assert layer_states(second)["venv"] == "added"
    assert bench.run(image, "python", "-c", found) == "['alpha']\n"
    third = bench.build(used, image)
    assert bench.run(image, "python", "-c", found) == "['alpha']\n"
    assert layer_states(third)["venv"] in {"added", "reused"}


def test_its_request_for_python_counts_before_requires_python(
    bench: Workbench, used: App, image: str, later: Path, versions: list[str]
) -> None:
    oldest = versions[:2][-1]
    result = bench.build(used, image, later=[later], env={"WANTED": oldest})
    assert f"Python {oldest}" in result.log
    assert "the build plan" in result.log

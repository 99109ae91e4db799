"""Local packages that take their version from git.

Platforms often leave `.git` out, and then builds of such packages fail or, worse, make a version 0.0.0.
The variables of setuptools-scm: https://setuptools-scm.readthedocs.io/en/latest/overrides/
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from uv_buildpack.project.files import Pyproject

# Build requirement → the variable that gives the version instead; {} is the package's name.
# https://github.com/ofek/hatch-vcs, https://backend.pdm-project.org/metadata/#dynamic-project-version,
# https://github.com/mtkennerly/poetry-dynamic-versioning, https://github.com/ninoseki/uv-dynamic-versioning
_VARIABLES = {
    "hatch-vcs": "SETUPTOOLS_SCM_PRETEND_VERSION",
    "pdm-backend": "PDM_BUILD_SCM_VERSION",
    "poetry-dynamic-versioning": "POETRY_DYNAMIC_VERSIONING_BYPASS",
    "setuptools-scm": "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{}",
    "uv-dynamic-versioning": "UV_DYNAMIC_VERSIONING_BYPASS",
}
_EVIDENCE = (".git", ".git_archival.txt", ".hg", "PKG-INFO")


def unknown_versions(pyprojects: Mapping[str, Pyproject], app_dir: Path, environment: Mapping[str, str]) -> list[str]:
    """Return lines: the packages (name → file) whose version cannot be determined, and the variable that sets it."""
    return [line for name, pyproject in pyprojects.items() for line in _lines(name, pyproject, app_dir, environment)]


def _lines(name: str, pyproject: Pyproject, app_dir: Path, environment: Mapping[str, str]) -> Iterator[str]:
    tool = _tool(pyproject)
    if tool is None or _is_given(tool, environment):
        return
    variable = _VARIABLES[tool].format(re.sub(r"\W", "_", name).upper())
    advice = f"Set {variable} to a version, such as 1.2.3."
    evidence = _evidence(pyproject.directory, app_dir)
    if evidence is None:
        yield f"{name} takes its version from git ({tool}), and .git is not in the app directory. {advice}"
    elif evidence.name == ".git" and shutil.which("git", path=environment.get("PATH")) is None:
        yield f"{name} takes its version from git ({tool}), and the build image has no git. {advice}"


def _tool(pyproject: Pyproject) -> str | None:
    if pyproject.project and "version" not in pyproject.project.get("dynamic", ()):
        return None
    required = set(_required(pyproject))
    if "pdm-backend" in required and pyproject.table("tool", "pdm", "version").get("source") != "scm":
        required.remove("pdm-backend")
    return next((tool for tool in _VARIABLES if tool in required), None)


def _required(pyproject: Pyproject) -> Iterator[str]:
    for text in pyproject.table("build-system").get("requires", ()):
        try:
            yield canonicalize_name(Requirement(str(text)).name)
        except InvalidRequirement:
            continue  # uv says so


def _is_given(tool: str, environment: Mapping[str, str]) -> bool:
    # Those of setuptools-scm and hatch-vcs have forms for one package, and more prefixes than one.
    pretends = "PRETEND" in _VARIABLES[tool] and any("_PRETEND_VERSION" in name for name in environment)
    return pretends or _VARIABLES[tool] in environment


def _evidence(directory: Path, app_dir: Path) -> Path | None:
    places = [place for place in (directory, *directory.parents) if place.is_relative_to(app_dir)]
    return next((place / name for place in places for name in _EVIDENCE if (place / name).exists()), None)

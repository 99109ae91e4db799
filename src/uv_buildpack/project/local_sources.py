"""What a local package is made from: the digest that its key holds.

An editable package of a backend that only reads the tree depends on what goes into its metadata; everything else on
every file of its directory, and on the app around it where its build may read that.
Settings of backends: https://hatch.pypa.io/latest/config/build/ and https://backend.pdm-project.org/build_config/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from uv_buildpack.project import build_reach, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from uv_buildpack.project.files import Pyproject
    from uv_buildpack.project.local_packages import LocalPackage

# Backends that only read the tree, and that put nothing but metadata into an editable installation.
_STATIC_BACKENDS = frozenset(
    {"uv_build", "flit_core.buildapi", "hatchling.build", "pdm.backend", "poetry.core.masonry.api"}
)
# What backends take for licence files unless the project says which; https://peps.python.org/pep-0639/ leaves it open.
_LICENCES = ("LICEN[CS]E*", "LICENSES/**/*", "COPYING*", "NOTICE*", "AUTHORS*")
_CODE = frozenset({"hooks", "dev-mode-exact", "run-setuptools", "custom-hook", "script", "generate-setup-file"})
# Settings of the same backends that put copies of files into an editable installation as well (tried with each).
_COPIES = frozenset({"force-include", "shared-data", "shared-scripts", "extra-metadata", "sbom-files", "wheel-data"})


def is_static(pyproject: Pyproject | None) -> bool:
    """Return whether an editable installation depends on nothing but the files that the metadata names."""
    if pyproject is None:
        return False
    system = pyproject.table("build-system")
    backend = system.get("build-backend")
    settings = [pyproject.table("tool", tool).get("build", {}) for tool in ("hatch", "pdm", "poetry")]
    return (
        backend in _STATIC_BACKENDS
        and "backend-path" not in system
        and "project" in pyproject.document
        and not pyproject.project.get("dynamic")
        and not any(_runs_code(table) for table in settings)
        and not _copies_files(pyproject)
        # Settings of the backends that are not in pyproject.toml.
        and not any((pyproject.directory / name).exists() for name in ("pdm_build.py", "hatch.toml"))
    )


def _copies_files(pyproject: Pyproject) -> bool:
    """Return whether a backend other than hatchling and pdm (see `_COPIES`) copies files beside the package."""
    scripts = pyproject.table("tool", "poetry", "scripts").values()
    return bool(
        pyproject.table("tool", "flit").get("external-data")
        or pyproject.table("tool", "uv", "build-backend").get("data")
        or any(isinstance(script, dict) for script in scripts)
    )


def _runs_code(settings: object) -> bool:
    """Return whether settings name code to run, files to copy, or single files to install; `hooks` may be nested."""
    if not isinstance(settings, dict):
        return True
    return bool((_CODE | _COPIES) & set(settings)) or any(
        _runs_code(table) for table in settings.values() if isinstance(table, dict)
    )


def digest(package: LocalPackage, place: Path, pyproject: Pyproject | None, app_dir: Path, *, seen: bool) -> str:
    """Return the digest of what a package at `place` is made from. Raises `OSError`.

    One that is `seen` counts with its code: another package is built where it can be imported.
    """
    if place.is_file():
        return tree.file_digest(place)
    if package.editable and pyproject is not None and is_static(pyproject) and not seen:
        settings = json.dumps(build_reach.build_settings(pyproject), sort_keys=True, default=str)
        return tree.digest_of(place, _metadata_files(place, pyproject), [*_layout(place), f"settings {settings}"])
    return tree.digest(app_dir if build_reach.leads_out(place, pyproject) else place)


def _metadata_files(place: Path, pyproject: Pyproject) -> list[Path]:
    """Return the files whose contents go into the metadata of a static package, besides `pyproject.toml`."""
    project = pyproject.project
    readme = project.get("readme")
    named = readme.get("file") if isinstance(readme, dict) else readme
    licence = project.get("license")
    names = [named, licence.get("file") if isinstance(licence, dict) else None]
    patterns = project.get("license-files", _LICENCES)
    files = [*(place / name for name in names if isinstance(name, str)), *_globbed(place, patterns)]
    return sorted({path for path in files if path.is_file()} - {pyproject.path})


def _globbed(place: Path, patterns: object) -> Iterator[Path]:
    """Return what patterns match; hatchling's older form is a table of `paths` and `globs`."""
    for value in patterns.values() if isinstance(patterns, dict) else (patterns,):
        for pattern in value if isinstance(value, (list, tuple)) else ():
            # Backends refuse absolute and empty patterns in their own words.
            if isinstance(pattern, str) and pattern and not pattern.startswith("/"):
                yield from place.glob(pattern)


def _layout(place: Path) -> list[str]:
    """Return the names that decide what an editable installation points to: the top level, and that of `src`."""
    return sorted(
        path.relative_to(place).as_posix()
        for parent in (place, place / "src")
        if parent.is_dir()
        for path in parent.iterdir()
        if (path / "__init__.py").is_file() or path.suffix in {".py", ".pyi"}
    )

"""The commands by which uv installs from a script's lock and from a `pylock.toml`; `test_running` has a project's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from uv_buildpack.uv.installing import FromPylock, FromScript, LocalPackages

VENV, APP = Path("/layers/venv"), Path("/workspace")


def test_a_script_is_synced_into_the_active_environment_without_its_local_packages() -> None:
    assert FromScript("app.py", ["core", "api"]).third_party(VENV) == [
        *("sync", "--script", "app.py", "--active", "--frozen"),
        *("--no-install-package", "core", "--no-install-package", "api", "--no-compile-bytecode"),
    ]


def test_local_packages_of_a_script_are_added_by_name() -> None:
    installing = FromScript("app.py", ["core", "api"])
    adds = ["sync", "--script", "app.py", "--active", "--frozen", "--inexact", "--no-compile-bytecode"]
    core = LocalPackages(names=["core"], others=["api"])
    assert installing.local(VENV, APP, core) == [*adds, "--only-install-package", "core"]
    copied = replace(core, copied=True, complete=True)
    assert installing.local(VENV, APP, copied) == [*adds, "--no-install-package", "api", "--no-editable"]


def test_a_pylock_is_installed_by_parts_into_the_environment_that_is_named() -> None:
    asked: list[object] = []

    def local(directory: Path, packages: LocalPackages) -> Path:
        asked.append((directory, packages))
        return Path("/scratch/pylock.local.toml")

    core = LocalPackages(names=["core"], copied=True)
    installing = FromPylock(lambda: Path("/scratch/pylock.packages.toml"), local)
    preview = ("--preview-features", "pylock", "--python", "/layers/venv")
    assert installing.third_party(VENV) == [
        *("pip", "sync", *preview, "--no-compile-bytecode", "--allow-empty-requirements"),
        "/scratch/pylock.packages.toml",
    ]
    assert installing.local(VENV, APP, core) == [
        *("pip", "install", *preview, "--no-deps", "--no-compile-bytecode"),
        *("--requirements", "/scratch/pylock.local.toml"),
    ]
    assert asked == [(APP, core)]

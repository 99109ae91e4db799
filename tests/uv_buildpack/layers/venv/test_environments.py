"""Environments in whole builds: what is odd in packages, and what is said of it."""

from __future__ import annotations

import csv
import json
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

import pytest
import structlog
from tests.uv_buildpack.trees import plant
from tests.uv_buildpack.workshop import PACKAGES, Workshop, app

from uv_buildpack.errors import WrongInterpreter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def publish(workshop: Workshop, name: str, files: dict[str, str]) -> None:
    """Put version 1.0 of a package into the warehouse."""
    plant(workshop.root / "warehouse", {f"{name}-1.0.json": json.dumps(files)})


def test_a_module_that_does_not_compile_has_no_bytecode_and_is_no_error(workshop: Workshop) -> None:
    publish(workshop, "odd", {"odd/__init__.py": "", "odd/template.py": "class {{ name }}:\n"})
    text = workshop.build(app({"odd": "1.0"}), level="debug")
    assert "odd/template.py: SyntaxError" in text
    assert "venv: created" in text


def test_of_a_file_that_two_packages_have_the_last_by_name_is_installed(workshop: Workshop) -> None:
    publish(workshop, "zeta", {"NOTES": "of zeta", "zeta.py": ""})
    publish(workshop, "alpha", {"NOTES": "of alpha", "alpha.py": ""})
    text = workshop.build(app({"alpha": "1.0", "zeta": "1.0"}))
    assert "    NOTES: alpha, zeta differ, that of zeta is installed\n" in text


def test_a_file_that_was_overwritten_is_installed_again(workshop: Workshop) -> None:
    publish(workshop, "zeta", {"NOTES": "of zeta", "zeta.py": ""})
    publish(workshop, "alpha", {"NOTES": "of alpha", "alpha.py": ""})
    workshop.build(app({"zeta": "1.0"}))
    text = workshop.build(app({"alpha": "1.0", "zeta": "1.0"}))
    assert "--reinstall-package zeta" in text


def test_a_package_that_cannot_have_a_layer_of_its_own_is_named_with_the_reason(workshop: Workshop) -> None:
    workshop.variables["BP_UV_HEAVY_PACKAGES"] = "six, gone"
    text = workshop.build(app(PACKAGES))
    assert "warning: BP_UV_HEAVY_PACKAGES: gone is not installed." in text
    assert "warning: BP_UV_HEAVY_PACKAGES: six stays in the environment: it has no directory of its own." in text


def test_what_uv_leaves_out_is_reported(workshop: Workshop) -> None:
    files = app({"click": "8.5.1"})
    publish(workshop, "more", {"more.py": ""})
    extra = '[[package]]\nname = "more"\nversion = "1.0"\nsource = { registry = "https://index.example/simple" }\n'
    text = workshop.build({**files, "uv.lock": f"{files['uv.lock']}\n{extra}"})
    assert "warning: uv and the buildpack read the lock differently: more was installed as well." in text


def test_an_environment_of_another_interpreter_ends_the_build(workshop: Workshop) -> None:
    publish(workshop, "sneaky", {"../../../pyvenv.cfg": "home = /usr/bin\n"})
    with pytest.raises(WrongInterpreter):
        workshop.build(app({"sneaky": "1.0"}))


def test_when_an_archive_was_written_is_forgotten(workshop: Workshop) -> None:
    text = json.dumps({"timestamp": {"secs_since_epoch": 7}, "commit": None})
    publish(workshop, "near", {"near.py": "", "near-1.0.dist-info/uv_cache.json": text})
    workshop.build(app({"near": "1.0"}))
    first = workshop.image["venv"]
    workshop.forget_image()
    workshop.forget_cache()
    publish(workshop, "near", {"near.py": "", "near-1.0.dist-info/uv_cache.json": text.replace("7", "8")})
    workshop.build(app({"near": "1.0"}))
    assert workshop.image["venv"] == first


def test_another_uv_is_installed_only_where_something_runs_it(workshop: Workshop) -> None:
    workshop.variables["BP_UV_VERSION"] = "==0.9.99"
    first = workshop.build(app(PACKAGES))
    assert "uv ==0.9.99 (BP_UV_VERSION), from PyPI" in first
    assert [call.split()[0] for call in workshop.calls] == ["pip", "lock", "venv", "sync"]
    second = workshop.build(app(PACKAGES))
    assert "uv ==0.9.99 (BP_UV_VERSION) is not installed: nothing needs it" in second
    assert workshop.calls == []


def test_what_is_installed_is_read_once_until_uv_changes_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[str] = []

    def reader(file: IO[str]) -> Any:  # noqa: ANN401 (its type has no name)
        records.append(file.name)
        return csv.reader(file)

    monkeypatch.setattr("uv_buildpack.installed.distributions.csv", SimpleNamespace(reader=reader))
    workshop.variables["BP_UV_HEAVY_PACKAGES"] = "heavy, gone"
    workshop.build(app(PACKAGES))
    assert len(records) == len(set(records)) == len(PACKAGES)
    records.clear()
    # Before uv changes what the snapshot has, and after that.
    assert "starting from the snapshot" in workshop.build(app({**PACKAGES, "click": "8.3.3"}))
    assert len(records) == 2 * len(PACKAGES)


@pytest.mark.parametrize("settings", ["no-build-isolation = true", 'no-build-isolation-package = ["six"]'])
def test_what_is_built_in_the_environment_is_installed_after_everything_else(workshop: Workshop, settings: str) -> None:
    files = app(PACKAGES)
    settings = f'[tool.uv]\n{settings}\nno-binary-package = ["six"]\n'
    workshop.build({**files, "pyproject.toml": f"{files['pyproject.toml']}\n{settings}"})
    syncs = [call for call in workshop.calls if call.startswith("sync")]
    assert [("--no-install-package six" in call) for call in syncs] == [True, False]

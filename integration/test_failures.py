"""Builds that fail: each cause has its own error, all that files can tell comes at once, and nothing bad is kept."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.machine import EMBEDDED
from integration.package_index import sdist, wheel
from integration.workbench import BASE, Workbench, commands, diff_ids, errors, layer_states

from cnb_platform.platform_embedded import Embedded
from trial.prerequisites import REPOSITORY

if TYPE_CHECKING:
    from integration.package_index import PackageIndex


@pytest.fixture
def plain(app: App, index: PackageIndex) -> App:
    """An app that can be built."""
    app.write({"pyproject.toml": project("plain", ("alpha==1.0",), index=index.address), "main.py": ""})
    app.lock()
    return app


def test_a_lock_that_does_not_fit_is_told_by_package_before_anything_is_done(
    bench: Workbench, plain: App, image: str
) -> None:
    plain.edit("pyproject.toml", "'alpha==1.0'", "'alpha==1.0', 'gamma'")
    log = bench.failing(plain, image, previous=BASE)
    assert errors(log) == ["uv.lock does not fit pyproject.toml."]
    assert "gamma" in log
    assert commands(log) == []


def test_a_difference_that_only_uv_can_see_is_told_by_package(
    bench: Workbench, plain: App, image: str, index: PackageIndex
) -> None:
    index.add_wheel("conditional", "1.0")
    plain.edit("pyproject.toml", "'alpha==1.0'", "'alpha==1.0', \"conditional ; sys_platform == 'win32'\"")
    plain.lock()
    plain.edit("pyproject.toml", "sys_platform == 'win32'", "sys_platform == 'linux'")
    log = bench.failing(plain, image, previous=BASE)
    assert errors(log) == ["uv.lock does not fit pyproject.toml."]
    assert "conditional" in log


def test_a_file_that_is_not_the_locked_one_is_an_error_of_its_own(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    index.add_wheel("tampered", "1.0")
    app.write({"pyproject.toml": project("victim", ("tampered",), index=index.address), "main.py": ""})
    app.lock()
    good = index.projects["tampered"]["tampered-1.0-py3-none-any.whl"]
    index.tamper("tampered-1.0-py3-none-any.whl", wheel("tampered", "1.0", {"tampered/__init__.py": "evil = True\n"}))
    log = bench.failing(app, image, previous=BASE)
    assert errors(log) == [f"uv sync: a file differs from the one in uv.lock (the index tests ({index.address}))."]
    index.tamper("tampered-1.0-py3-none-any.whl", good)
    bench.build(app, image, previous=BASE)
    assert bench.run(image, "python", "-c", "import tampered; print(tampered.version)") == "1.0\n"


def test_a_file_that_is_gone_is_an_error_of_its_own(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    index.add_wheel("vanished", "1.0")
    app.write({"pyproject.toml": project("left", ("vanished",), index=index.address), "main.py": ""})
    app.lock()
    del index.site.documents["/files/vanished-1.0-py3-none-any.whl"]
    assert errors(bench.failing(app, image, previous=BASE)) == [
        f"uv sync: a file that uv.lock names is not on its server (the index tests ({index.address}), 404)."
    ]


def test_an_index_that_cannot_be_reached_is_an_error_of_its_own(bench: Workbench, plain: App, image: str) -> None:
    lock = (plain.directory / "uv.lock").read_text()
    for name in ("uv.lock", "pyproject.toml"):
        text = (plain.directory / name).read_text()
        address = lock.partition('registry = "')[2].partition("/simple")[0]
        (plain.directory / name).write_text(text.replace(address, "http://127.0.0.1:9"))
    log = bench.failing(plain, image, previous=BASE, env={"UV_HTTP_RETRIES": "0"})
    assert errors(log) == ["uv sync: the index tests (http://127.0.0.1:9/simple/) could not be reached (127.0.0.1:9)."]


def test_a_package_that_cannot_be_built_is_an_error_of_its_own(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    index.add("crooked-1.0.tar.gz", sdist("crooked", "1.0", before="raise SystemExit('no flux capacitor')"))
    app.write({"pyproject.toml": project("builder", ("crooked",), index=index.address), "main.py": ""})
    app.lock()
    log = bench.failing(app, image, previous=BASE)
    assert errors(log) == ["uv sync: a package could not be built from source."]
    assert "no flux capacitor" in log


def test_everything_wrong_in_files_and_settings_is_said_at_once(bench: Workbench, plain: App, image: str) -> None:
    plain.write({".python-version": "pypy@3.10\n", "Procfile": "no colon here\n"})
    plain.edit("pyproject.toml", "'alpha==1.0'", "'alpha==1.0', 'gamma'")
    wrong = {"BP_UV_NO_EDITABLE": "perhaps", "BP_UV_GROUPS": "nobody", "BP_UV_PACKAGE": "stranger"}
    log = bench.failing(plain, image, previous=BASE, env=wrong)
    assert commands(log) == []
    assert "unpacking" not in log
    said = "\n".join(errors(log))
    for word in ("pypy", "Procfile", "BP_UV_NO_EDITABLE", "uv.lock does not fit"):
        assert word in said


def test_a_failed_build_leaves_the_previous_image_and_spoils_nothing(
    bench: Workbench, plain: App, image: str, index: PackageIndex
) -> None:
    first = bench.build(plain, image, previous=BASE)
    index.add("crooked-2.0.tar.gz", sdist("crooked", "2.0", before="raise SystemExit('no flux capacitor')"))
    plain.edit("pyproject.toml", "'alpha==1.0'", "'alpha==1.1', 'crooked==2.0'")
    plain.lock()
    bench.failing(plain, image)
    assert bench.run(image, "python", "-c", "import alpha; print(alpha.version)") == "1.0\n"
    plain.edit("pyproject.toml", "'alpha==1.1', 'crooked==2.0'", "'alpha==1.0'")
    plain.lock()
    again = bench.build(plain, image)
    assert again.digest == first.digest


@pytest.mark.platforms(EMBEDDED)
def test_a_killed_build_leaves_nothing_that_the_next_one_takes_for_good(
    bench: Workbench, plain: App, image: str
) -> None:
    first = bench.build(plain, image, previous=BASE)
    plain.edit("pyproject.toml", "alpha==1.0", "alpha==1.1")
    plain.lock()
    assert isinstance(bench.platform, Embedded)
    root = bench.platform.root
    command = [str(REPOSITORY / "scripts/cnb-platform"), "build", str(plain.directory)]
    command += ["--buildpack", str(bench.buildpack), "--image", str(root / "images" / image)]
    command += ["--cache", str(root / "caches" / image), "--layers", str(root / "layers")]
    command += ["--app-dir", str(root / "workspace")]
    command += [word for name, value in bench.variables.items() for word in ("--env", f"{name}={value}")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        seen = ""
        while "$ uv sync" not in seen:  # then it is in the middle of its work
            line = process.stdout.readline()
            assert line, seen
            seen += line
        # The platform and, in process groups of their own, what it has started.
        started = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        for group in (process.pid, *(int(child) for child in started)):
            os.killpg(group, signal.SIGKILL)
    lock = os.open(root / "layers", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # until they are gone
    os.close(lock)
    second = bench.build(plain, image)
    clean = bench.build(plain, f"{image}-clean", previous=BASE)
    assert bench.run(image, "python", "-c", "import alpha; print(alpha.version)") == "1.1\n"
    assert diff_ids(second) == diff_ids(clean)
    assert diff_ids(second) != diff_ids(first)
    assert layer_states(second)["venv"] == "added"

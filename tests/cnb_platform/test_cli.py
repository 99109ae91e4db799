"""The command line, as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.cnb_platform.test_launch import base_image, process
from tests.cnb_platform.test_restore import contribute
from tests.cnb_platform.toys import Workshop, buildpack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PYTHONPATH = os.pathsep.join(sys.path)  # wherever this interpreter finds what the platform imports


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "cnb_platform", *map(str, words)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": PYTHONPATH, **(extra or {})}


def platform(*words: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), env=environment(env), capture_output=True, text=True, check=False)


def build_words(workshop: Workshop, *toys: Path) -> list[str | Path]:
    words: list[str | Path] = ["build", workshop.app, "--image", workshop.layout, "--layers", workshop.layers]
    words += ["--app-dir", workshop.root / "workspace", "--run-image", base_image(workshop.root)]
    words += ["--uid", str(os.getuid()), "--gid", str(os.getgid())]
    return words + [word for toy in toys for word in ("--buildpack", toy)]


SERVE = process("sh", "-c", 'echo "$1 $WISH"', "sh", more="default = true")


def test_build_inspect_and_launch(workshop: Workshop) -> None:
    report = workshop.root / "report.json"
    toy = buildpack(workshop.root, contribute("venv", "ftf") + SERVE + '\necho "${SECRET-unset} $GIVEN"', about=
                    'sbom-formats = ["application/vnd.cyclonedx+json"]')  # fmt: skip
    words = [*build_words(workshop, toy), "--report", report, "--env", "GIVEN", "--env", "NOT_THERE"]
    built = platform(*words, env={"SECRET": "s", "GIVEN": "given"})
    assert built.returncode == 0, built
    assert "unset given\n" in built.stdout
    assert "===> EXPORTING" in built.stdout
    document = json.loads(report.read_text())
    assert list(document["seconds"]) == ["detect", "restore", "build", "export"]
    assert document["bytes"]["added"] > 0 == document["bytes"]["reused"]
    assert document["layers"][0]["name"] == "toy/one:venv"

    shown = platform("inspect", workshop.layout)
    assert "Layer: 'venv', Created by buildpack: toy/one@1.2.3" in shown.stdout
    assert "  web (default): sh -c echo" in shown.stdout
    as_json = json.loads(platform("inspect", workshop.layout, "--json").stdout)
    assert as_json["digest"] == document["digest"]
    assert [layer["diffID"] for layer in as_json["layers"]] == [layer["diffID"] for layer in document["layers"]]

    launched = platform("launch", workshop.layout, "--env", "WISH=cake", "--", "--flag")
    assert (launched.returncode, launched.stdout) == (0, "--flag cake\n")


def test_the_exit_code_is_that_of_the_phase(workshop: Workshop) -> None:
    failed = platform(*build_words(workshop, buildpack(workshop.root, "exit 1")))
    assert failed.returncode == 51
    assert failed.stderr == "ERROR: bin/build of toy/one@1.2.3 exited with 1\n"
    assert platform(*build_words(workshop, buildpack(workshop.root, detect="exit 100"))).returncode == 20
    assert platform("inspect", workshop.root).returncode == 32
    assert platform("launch", workshop.root).returncode == 82


def test_a_name_that_is_no_variable_is_refused(workshop: Workshop) -> None:
    for option in ("=1", "a/b=1"):
        refused = platform(*build_words(workshop, buildpack(workshop.root)), "--env", option)
        assert refused.returncode == 2
        assert "is no name of a variable" in refused.stderr


def test_the_creation_time_can_be_given(workshop: Workshop) -> None:
    words = build_words(workshop, buildpack(workshop.root))
    assert platform(*words, env={"SOURCE_DATE_EPOCH": "86400"}).returncode == 0
    assert workshop.image().config["created"] == "1970-01-02T00:00:00Z"
    assert platform(*words, env={"SOURCE_DATE_EPOCH": "today"}).returncode == 2


def wait_for(path: Path) -> None:
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.01)
    pytest.fail(f"{path} did not appear")


def test_a_stopped_launch_stops_the_process_and_cleans_up(workshop: Workshop) -> None:
    ready = workshop.app / "ready"
    body = f"""trap "echo stopped; exit 0" TERM; touch "{workshop.root}/ready"; while :; do sleep 0.05; done"""
    ready = workshop.root / "ready"
    toy = buildpack(workshop.root, process("sh", "-c", body, more="default = true"))
    assert platform(*build_words(workshop, toy)).returncode == 0
    with subprocess.Popen(command("launch", workshop.layout), env=environment(), stdout=subprocess.PIPE) as launched:
        wait_for(ready)
        launched.terminate()
        output, _ = launched.communicate(timeout=20)
    assert output == b"stopped\n"
    assert launched.returncode == 128 + signal.SIGTERM
    assert not workshop.layers.exists() or not list(workshop.layers.iterdir())


def test_a_stopped_build_leaves_the_previous_image_and_no_temporary_files(workshop: Workshop) -> None:
    assert platform(*build_words(workshop, buildpack(workshop.root))).returncode == 0
    before = workshop.image().digest
    slow = buildpack(workshop.root, f'touch "{workshop.root}/ready"; exec sleep 30')
    temporary = workshop.root / "tmp"
    temporary.mkdir()
    argv = command(*build_words(workshop, slow))
    with subprocess.Popen(argv, env=environment({"TMPDIR": str(temporary)}), stdout=subprocess.DEVNULL) as building:
        wait_for(workshop.root / "ready")
        building.terminate()
        assert building.wait(timeout=20) == 128 + signal.SIGTERM
    assert workshop.image().digest == before
    assert not list(temporary.iterdir())

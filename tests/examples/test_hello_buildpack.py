"""Another buildpack made with `cnb` works, from detection to a reused layer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli
import tomli_w

import cnb
from cnb import toml
from cnb_platform.console import Log
from cnb_platform.embedded import build_image
from cnb_platform.request import Request
from cnb_platform.tar import Owner

HELLO = Path(__file__).parents[2] / "examples" / "hello-buildpack"


def run(phase: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run a phase as a lifecycle does, with this interpreter as python3."""
    environment = {
        "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
        "CNB_BUILDPACK_DIR": str(HELLO),
        "CNB_PLATFORM_DIR": str(root / "platform"),
        "CNB_BUILD_PLAN_PATH": str(root / "build-plan.toml"),
        "CNB_LAYERS_DIR": str(root / "layers"),
        "CNB_BP_PLAN_PATH": str(root / "plan.toml"),
    }
    command = [str(HELLO / "bin" / phase)]
    return subprocess.run(
        command, cwd=root / "app", env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("app", "platform", "layers", "bin"):
        (tmp_path / name).mkdir()
    # Not a link: an interpreter of a virtual environment finds its packages from where it lies.
    python3 = tmp_path / "bin" / "python3"
    python3.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python3.chmod(0o755)
    (tmp_path / "app" / "greeting.txt").write_text("Good morning\n")
    (tmp_path / "plan.toml").write_text('[[entries]]\nname = "hello"\n')
    return tmp_path


def test_detection_passes_with_a_plan(root: Path) -> None:
    assert run("detect", root).returncode == 0
    assert toml.load(root / "build-plan.toml") == {"provides": [{"name": "hello"}], "requires": [{"name": "hello"}]}


def test_detection_of_another_application_says_why_not(root: Path) -> None:
    (root / "app" / "greeting.txt").unlink()
    result = run("detect", root)
    assert (result.returncode, result.stdout) == (100, "hello: there is no greeting.txt\n")


def test_a_build_leaves_a_layer_and_a_process(root: Path) -> None:
    result = run("build", root)
    assert (result.returncode, result.stdout) == (0, "hello: rebuilt\n")
    layer = root / "layers" / "hello"
    assert (layer / "env.launch" / "GREETING.default").read_text() == "Good morning"
    assert toml.load(root / "layers" / "launch.toml")["processes"] == [
        {"type": "hello", "command": ["hello"], "args": ["world"], "default": True}
    ]
    program = [str(layer / "bin" / "hello"), "all"]
    output = subprocess.run(program, env={"GREETING": "Good morning"}, capture_output=True, text=True, check=True)
    assert output.stdout == "Good morning, all\n"


def test_the_same_greeting_is_reused_without_a_directory(root: Path) -> None:
    run("build", root)
    shutil.rmtree(root / "layers" / "hello")  # a launch layer's contents are not restored
    result = run("build", root)
    assert (result.returncode, result.stdout) == (0, "hello: reused\n")
    assert not (root / "layers" / "hello").exists()
    (root / "app" / "greeting.txt").write_text("Good evening\n")
    assert run("build", root).stdout == "hello: rebuilt\n"


def test_it_stands_alone_on_a_platform(root: Path) -> None:
    request = Request(
        app=root / "app",
        buildpacks=(standing_alone(root / "hello"),),
        image=root / "image",
        layers_dir=root / "built-layers",
        app_dir=root / "workspace",
        owner=Owner(os.getuid(), os.getgid()),
    )
    caller = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}"}
    logs = [Log(), Log()]
    for log in logs:
        build_image(request, caller, log)
    assert "hello: rebuilt" in logs[0].text()
    assert "hello: reused" in logs[1].text()
    assert "Reusing layer 'example/hello:hello'" in logs[1].text()


def standing_alone(directory: Path) -> Path:
    """Return the buildpack with what it needs beside it, as its README tells."""
    shutil.copytree(HELLO, directory)
    for package in (cnb, tomli, tomli_w):
        source = Path(str(package.__file__)).parent
        # Compiled modules belong to one version of Python; the sources beside them do for any.
        shutil.copytree(
            source, directory / "vendor" / source.name, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    return directory

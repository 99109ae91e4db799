"""`bin/detect` and `bin/build`: which interpreter they start, and what they say when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cnb.detection import DetectContext
from cnb.run import EXIT_NOT_DETECTED, NotDetected
from uv_buildpack.detect import detect

REPOSITORY = Path(__file__).resolve().parents[2]
SHELLS = [shell for shell in ("dash", "bash", "busybox", "sh") if shutil.which(shell)]


@pytest.fixture
def buildpack(tmp_path: Path) -> Path:
    """A buildpack directory with nothing but its scripts, under a path with spaces."""
    root = tmp_path / "a directory" / "with spaces"
    shutil.copytree(REPOSITORY / "bin", root / "bin")
    return root


def run(buildpack: Path, phase: str, *arguments: str, path: str = "/nowhere") -> subprocess.CompletedProcess[str]:
    (buildpack.parent / "pyproject.toml").touch()
    argv = ["/bin/sh", str(buildpack / "bin" / phase), *arguments]
    return subprocess.run(argv, env={"PATH": path}, cwd=buildpack.parent, capture_output=True, text=True, check=False)


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize("phase", ["detect", "build"])
def test_the_carried_interpreter_gets_the_phase_and_all_arguments(buildpack: Path, phase: str) -> None:
    write_program(buildpack / "runtime/bin/python3", '#!/bin/sh\nprintf "<%s>" "$@"\nexit 100\n')
    done = run(buildpack, phase, "one two", "", "$x")
    code = buildpack / "bin/../runtime/lib/uv_buildpack.zip"
    assert done.stdout == f"<-I><-S><-B><-X><utf8><{code}><{phase}><one two><><$x>"
    assert done.returncode == 100


def test_a_read_only_buildpack_directory_is_enough(buildpack: Path) -> None:
    write_program(buildpack / "runtime/bin/python3", "#!/bin/sh\nexit 0\n")
    for path in [buildpack, *buildpack.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    before = sorted(buildpack.rglob("*"))
    assert run(buildpack, "detect").returncode == 0
    assert sorted(buildpack.rglob("*")) == before


def test_an_interpreter_for_another_machine_is_named(buildpack: Path) -> None:
    write_program(buildpack / "runtime/bin/python3", "\x7fELF of another machine")
    done = run(buildpack, "build")
    assert done.returncode not in {0, 100}
    assert "the interpreter that this buildpack carries does not start" in done.stderr


def test_a_package_without_interpreter_says_how_to_get_one(buildpack: Path) -> None:
    done = run(buildpack, "detect")
    assert (done.returncode, done.stdout) == (2, "")
    assert "carries no interpreter" in done.stderr
    assert "scripts/package" in done.stderr


def test_a_source_checkout_without_python_says_what_is_missing(buildpack: Path) -> None:
    write_program(buildpack / "src/__main__.py", "")
    done = run(buildpack, "detect")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no python3 on PATH" in done.stderr


def test_a_source_checkout_takes_the_python_on_the_path(buildpack: Path, tmp_path: Path) -> None:
    write_program(buildpack / "src/__main__.py", "import sys; print(sys.argv[1:], sys.flags.isolated); sys.exit(7)")
    (tmp_path / "on the path").mkdir()
    (tmp_path / "on the path" / "python3").symlink_to(sys.executable)
    done = run(buildpack, "build", "a b", path=str(tmp_path / "on the path"))
    assert done.stdout == "['build', 'a b'] 1\n"
    assert done.returncode == 7


def test_a_source_checkout_names_the_missing_module(buildpack: Path) -> None:
    shutil.copy(REPOSITORY / "src/__main__.py", buildpack / "src.py")
    write_program(buildpack / "src/__main__.py", (buildpack / "src.py").read_text())
    write_program(buildpack / "src/uv_buildpack/__main__.py", "import structlog_is_not_here\n")
    write_program(buildpack / "src/uv_buildpack/__init__.py", "")
    done = run(buildpack, "build", path=os.path.dirname(sys.executable))  # noqa: PTH120 (the link, not its target)
    assert done.returncode == 2
    assert "has no module structlog_is_not_here" in done.stderr
    assert "requirements/vendor.txt" in done.stderr


def test_an_old_python_is_told_which_one_is_needed() -> None:
    program = (
        "import runpy, sys; sys.version_info = (3, 8, 1, 'final', 0)\n"
        f"runpy.run_path({str(REPOSITORY / 'src')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Python 3.8; the buildpack needs 3.11 or newer" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_any_posix_shell_runs_the_scripts(buildpack: Path, tmp_path: Path, shell: str) -> None:
    write_program(buildpack / "runtime/bin/python3", "#!/bin/sh\nexit 3\n")
    (tmp_path / "pyproject.toml").touch()
    argv = [*([shell, "sh"] if shell == "busybox" else [shell]), str(buildpack / "bin/detect")]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_an_application_without_pyproject_is_refused_without_an_interpreter(buildpack: Path, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    done = subprocess.run([buildpack / "bin/detect"], cwd=app, env={}, capture_output=True, text=True, check=False)
    context = DetectContext(
        app_dir=app, platform_dir=tmp_path, plan_path=tmp_path / "plan", environment={}, buildpack_dir=buildpack
    )
    assert done.returncode == EXIT_NOT_DETECTED
    assert detect(context) == NotDetected(done.stdout.strip())


@pytest.mark.parametrize("name", ["pylock.toml", "app.py.lock", "platform/env/BP_UV_SCRIPT"])
def test_other_applications_are_looked_at_by_the_interpreter(buildpack: Path, tmp_path: Path, name: str) -> None:
    write_program(buildpack / "runtime/bin/python3", "#!/bin/sh\nexit 3\n")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    environment = {"CNB_PLATFORM_DIR": str(tmp_path / "platform")}
    done = subprocess.run([buildpack / "bin/detect"], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 3


def test_a_project_directory_is_looked_at_by_the_interpreter(buildpack: Path, tmp_path: Path) -> None:
    write_program(buildpack / "runtime/bin/python3", "#!/bin/sh\nexit 3\n")
    write_program(tmp_path / "platform/env/BP_UV_PROJECT_DIR", "backend")
    (tmp_path / "app").mkdir()
    by_variable = [str(buildpack / "bin/detect"), "/nowhere", "/nowhere"]
    by_file = [str(buildpack / "bin/detect"), str(tmp_path / "platform"), "/nowhere"]
    for argv, environment in ((by_variable, {"BP_UV_PROJECT_DIR": "backend"}), (by_file, {})):
        assert subprocess.run(argv, cwd=tmp_path / "app", env=environment, check=False).returncode == 3

"""`scripts/try`: what a visitor is told, and what is left behind."""

from __future__ import annotations

import errno
import sys
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from base_image import layouts
from trial import causes, cli
from trial.platforms import DockerThings, Job, Serving, choose_platform
from trial.prerequisites import Interpreters
from trial.progress import CommandFailed, Progress, quietly
from trial.visit import NoAnswer, _ask, _has_no_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ANSWERS = '[ "$1" = version ]'
NO_UIDMAP = 'echo "E: cannot find newuidmap" >&2; exit 25'
OFFLINE = "error: Request failed\n  Caused by: dns error: failed to lookup address information"


def visited(monkeypatch: pytest.MonkeyPatch, outcome: BaseException | None) -> tuple[int, Path]:
    """Run the command line with a visit that ends like this; return the exit code and its directory."""
    seen: list[Path] = []

    def visit(_app: Path, scratch: Path) -> None:
        (scratch / "image").mkdir()
        seen.append(scratch)
        if outcome:
            raise outcome

    monkeypatch.setattr(cli, "visit", visit)
    monkeypatch.setattr(sys, "argv", ["try"])
    return cli.main(), seen[0]


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        (None, 0, ""),
        (NoAnswer("nothing answered"), 1, "try: nothing answered"),
        (CommandFailed(("uv", "lock"), 2, OFFLINE), 1, "A package index or registry cannot be reached"),
        (CommandFailed(("docker", "load"), 1, "write: no space left on device"), 1, "The disk is full"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "The disk is full"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=["worked", "no answer", "no network", "no disk for docker", "no disk", "ctrl-c"],
)
def test_however_it_ends_nothing_is_left_and_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: BaseException | None,
    code: int,
    words: str,
) -> None:
    result, scratch = visited(monkeypatch, outcome)
    assert result == code
    assert not scratch.exists()
    assert words in capsys.readouterr().err


def test_a_signal_ends_it_like_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as left:
        visited(monkeypatch, SystemExit(143))
    assert left.value.code == 143
    with pytest.raises(SystemExit) as left:
        cli._leave(15, None)
    assert left.value.code == 143


def test_a_directory_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["try", "/no/such/app"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "/no/such/app is not a directory" in capsys.readouterr().err


def test_too_little_disk_is_said_before_anything_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    causes.check_disk(tmp_path)
    monkeypatch.setattr(causes, "_NEEDED", 10**18)
    with pytest.raises(causes.NotEnoughDisk, match="of free disk, and"):
        causes.check_disk(tmp_path)


def test_other_failures_have_no_advice() -> None:
    assert causes.likely_cause("SyntaxError: invalid syntax") == ""


def test_output_of_a_silent_command_is_kept_for_its_failure() -> None:
    quietly("sh", "-c", "echo working")
    with pytest.raises(CommandFailed, match="failed with exit code 3") as failed:
        quietly("sh", "-c", "echo the reason >&2; exit 3")
    assert failed.value.output == "the reason"


def test_each_step_has_its_duration(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    with progress.step("First"):
        pass
    with progress.step("Second"):
        pass
    assert "=== 2. Second" in capsys.readouterr().out
    assert [line.split()[0] for line in progress.table().splitlines()] == ["First", "Second"]


def test_an_application_that_ends_is_not_waited_for() -> None:
    serving = Serving("http://127.0.0.1:9/", lambda: False, lambda: "ModuleNotFoundError: shop")
    with pytest.raises(NoAnswer, match="ended instead of serving:\nModuleNotFoundError: shop"):
        _ask(serving)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": ""}, True),
        ({"pyproject.toml": "", "uv.lock": ""}, False),
        ({"pylock.toml": ""}, False),
        ({"app.py": "", "app.py.lock": ""}, False),
    ],
)
def test_only_a_project_without_lock_is_locked(tmp_path: Path, files: dict[str, str], *, expected: bool) -> None:
    assert _has_no_lock(plant(tmp_path, files)) is expected


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A PATH of fake programs, each a line of sh; what they are called with is in `calls`."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")

    def add(name: str, line: str) -> None:
        plant(tmp_path, {f"bin/{name}": f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n{line}\n'})
        (tmp_path / "bin" / name).chmod(0o755)

    return add


def test_images_that_were_there_before_stay(tmp_path: Path, programs: Callable[[str, str], None]) -> None:
    programs("docker", '[ "$4" != new:1 ] && [ "$3" != new:1 ]')
    left = DockerThings()
    left.will_make("old:1")
    left.will_make("new:1")
    left.volumes.append("cache")
    left.remove()
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert calls[2:] == ["docker image rm --force new:1", "docker volume rm --force cache"]


@pytest.mark.parametrize(
    ("docker", "mmdebstrap", "lifecycle", "platform", "reason"),
    [
        ("exit 1", "", False, "on this machine", "containers: no Docker engine answers"),
        (ANSWERS, NO_UIDMAP, True, "on this machine", "(package uidmap): cannot find newuidmap"),
        (ANSWERS, "", False, "in Docker containers", "the builder heroku/builder:24 cannot be pulled"),
    ],
    ids=["no docker", "base images cannot be made by this user", "no builder"],
)
def test_the_next_best_platform_is_used_and_the_reason_given(  # noqa: PLR0913 (what there is, and what is said)
    tmp_path: Path,
    programs: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    docker: str,
    mmdebstrap: str,
    lifecycle: bool,
    platform: str,
    reason: str,
) -> None:
    monkeypatch.setattr(layouts, "CACHE", tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.delenv("CNB_LIFECYCLE_DIR", raising=False)
    if lifecycle:
        monkeypatch.setenv("CNB_LIFECYCLE_DIR", str(tmp_path))
    programs("pack", "echo no builder")
    programs("docker", docker)
    programs("mmdebstrap", mmdebstrap)
    with choose_platform(cli_job(tmp_path)) as chosen:
        assert chosen.name == f"the embedded platform, {platform}"
    assert reason in capsys.readouterr().out


def cli_job(root: Path) -> Job:
    return Job(root / "app", root / "buildpack", Interpreters(), root)

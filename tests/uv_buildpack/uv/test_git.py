"""How git gets its credentials."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.errors import SettingInvalid
from uv_buildpack.uv import git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NETRC = "machine git.example login deploy password p@ss/word\ndefault login x password y\n"


def made(root: Path, files: Mapping[str, str], environment: Mapping[str, str] | None = None) -> dict[str, str]:
    plant(root / "binding", files)
    entries = {name: root / "binding" / name for name in files}
    return git.variables(environment or {}, entries, entries.get("netrc"), root / "scratch" / "git")


def test_without_anything_git_is_left_alone(tmp_path: Path) -> None:
    assert made(tmp_path, {"README": "nothing"}) == {}
    assert not (tmp_path / "scratch").exists()


def test_netrc_and_credentials_become_a_store_that_only_the_build_may_read(tmp_path: Path) -> None:
    variables = made(tmp_path, {"netrc": NETRC, "git-credentials": "https://token@other.example\n\n"})
    store = tmp_path / "scratch/git/git-credentials"
    assert variables == {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": f"store --file={store}",
    }
    assert store.read_text().splitlines() == [
        "https://deploy:p%40ss%2Fword@git.example",
        "https://token@other.example",
    ]
    assert store.stat().st_mode & 0o777 == 0o600
    assert store.parent.stat().st_mode & 0o777 == 0o700


def test_what_the_user_configures_stays(tmp_path: Path) -> None:
    variables = made(tmp_path, {"netrc": NETRC}, {"GIT_CONFIG_COUNT": "2", "GIT_SSH_COMMAND": "own"})
    assert variables["GIT_CONFIG_COUNT"] == "3"
    assert variables["GIT_CONFIG_KEY_2"] == "credential.helper"


@pytest.mark.parametrize("name", git.KEYS)
def test_a_key_is_copied_to_where_ssh_accepts_it(tmp_path: Path, name: str) -> None:
    variables = made(tmp_path, {name: "-----BEGIN KEY-----\nx\n-----END KEY-----", "known_hosts": "git.example x"})
    command = variables["GIT_SSH_COMMAND"]
    key = tmp_path / "scratch/git/ssh-key"
    assert command.startswith(f"ssh -i {key} -o IdentitiesOnly=yes")
    assert "StrictHostKeyChecking=yes" in command
    assert command.endswith(f"UserKnownHostsFile={tmp_path}/binding/known_hosts")
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().endswith("-----END KEY-----\n")


def test_the_users_own_way_to_start_ssh_counts(tmp_path: Path) -> None:
    assert made(tmp_path, {"id_rsa": "key"}, {"GIT_SSH_COMMAND": "own"}) == {}


def test_a_netrc_that_cannot_be_read_is_an_error_without_its_contents(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid) as raised:
        made(tmp_path, {"netrc": "machine git.example login x passwort hunter2\n"})
    assert "hunter2" not in f"{raised.value.what} {raised.value.facts} {raised.value.advice}"


@pytest.mark.parametrize("program", [shutil.which("git")] if shutil.which("git") else [])
def test_git_itself_finds_the_password(tmp_path: Path, program: str) -> None:
    variables = made(tmp_path, {"netrc": NETRC})
    done = subprocess.run(
        [program, "credential", "fill"],
        input="protocol=https\nhost=git.example\n\n",
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "password=p@ss/word" in done.stdout

"""How git gets its credentials."""

from __future__ import annotations

import shlex
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


def test_netrc_and_credentials_become_helpers_that_only_the_build_may_read(tmp_path: Path) -> None:
    variables = made(tmp_path, {"netrc": NETRC, "git-credentials": "https://token@other.example\n\n"})
    assert variables["GIT_CONFIG_COUNT"] == "3"
    assert {variables[f"GIT_CONFIG_KEY_{number}"] for number in range(3)} == {"credential.helper"}
    directory = tmp_path / "scratch/git"
    assert (directory / "git-credentials").read_text() == "https://token@other.example\n"
    assert (directory / "netrc").read_text().startswith("https://deploy:p%40ss%2Fword@git.example\n")
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_what_the_user_configures_stays(tmp_path: Path) -> None:
    variables = made(tmp_path, {"netrc": NETRC}, {"GIT_CONFIG_COUNT": "2", "GIT_SSH_COMMAND": "own"})
    # One for the host, one for all others.
    assert variables["GIT_CONFIG_COUNT"] == "4"
    assert variables["GIT_CONFIG_KEY_2"] == variables["GIT_CONFIG_KEY_3"] == "credential.helper"


@pytest.mark.parametrize("name", git.KEYS)
def test_a_key_is_copied_to_where_ssh_accepts_it(tmp_path: Path, name: str) -> None:
    variables = made(tmp_path, {name: "-----BEGIN KEY-----\nx\n-----END KEY-----", "known_hosts": "git.example x"})
    command = variables["GIT_SSH_COMMAND"]
    key = tmp_path / "scratch/git/ssh-key"
    assert f" -i {key} -o IdentitiesOnly=yes" in command
    assert "StrictHostKeyChecking=yes" in command
    assert shlex.split(command)[-1] == f'UserKnownHostsFile="{tmp_path}/binding/known_hosts"'
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().endswith("-----END KEY-----\n")


def test_known_hosts_alone_serve_a_key_of_an_agent(tmp_path: Path) -> None:
    command = made(tmp_path, {"known_hosts": "git.example x"})["GIT_SSH_COMMAND"]
    assert "UserKnownHostsFile" in command
    assert " -i " not in command


def test_the_users_own_way_to_start_ssh_counts(tmp_path: Path) -> None:
    assert made(tmp_path, {"id_rsa": "key"}, {"GIT_SSH_COMMAND": "own"}) == {}


def test_a_netrc_that_cannot_be_read_is_an_error_without_its_contents(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid) as raised:
        made(tmp_path, {"netrc": "machine git.example login x passwort hunter2\n"})
    assert "hunter2" not in f"{raised.value.what} {raised.value.facts} {raised.value.advice}"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("protocol=https\nhost=git.example", "deploy:p@ss/word"),
        ("protocol=https\nhost=git.example:8443", "deploy:p@ss/word"),
        ("protocol=http\nhost=git.example:8080", "deploy:p@ss/word"),
        ("protocol=https\nhost=other.example", "x:y"),
        ("protocol=https\nhost=bound.example:8443", "bound:word"),
        # That is what the key of the rewriting said, for what is below it and nothing else.
        ("protocol=https\nhost=git.example\npath=team/repository", "rewritten:wo/rd"),
    ],
)
def test_git_itself_finds_the_password(tmp_path: Path, asked: str, expected: str) -> None:
    rewriting = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "url.https://rewritten:wo%2Frd@git.example/team/.insteadOf",
        "GIT_CONFIG_VALUE_0": "git@git.example:team/",
    }
    files = {"netrc": NETRC, "git-credentials": "https://bound:word@bound.example:8443\n"}
    answer = filled(tmp_path, {**rewriting, **made(tmp_path, files, rewriting)}, asked)
    assert f"{answer['username']}:{answer['password']}" == expected


def filled(home: Path, variables: Mapping[str, str], asked: str) -> dict[str, str]:
    done = subprocess.run(
        ["git", "credential", "fill"],
        input=f"{asked}\n\n",
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "GIT_TERMINAL_PROMPT": "0", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("word", ["insteadOf", "pushInsteadOf", "insteadof"])
def test_a_password_in_a_rewriting_is_not_in_the_address_that_git_gives_its_helper_program(
    tmp_path: Path, word: str
) -> None:
    environment = {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_99999999999999999999": "not.counted",
        "GIT_CONFIG_KEY_0": f"url.https://user:p%40ss@git.example:8443/team/.{word}",
        "GIT_CONFIG_VALUE_0": "https://git.example/team/",
        "GIT_CONFIG_KEY_1": f"url.https://git@git.example/other/.{word}",
        "GIT_CONFIG_VALUE_1": "https://git.example/other/",
    }
    variables = made(tmp_path, {}, environment)
    assert variables["GIT_CONFIG_KEY_0"] == f"url.https://git.example:8443/team/.{word}"
    assert "GIT_CONFIG_KEY_1" not in variables
    assert variables["GIT_CONFIG_KEY_2"] == "credential.https://git.example:8443/team.helper"
    assert "p%40ss" not in str(variables)

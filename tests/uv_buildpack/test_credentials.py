"""What must not be printed: found in variables and bindings."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from cnb.bindings import read_bindings
from uv_buildpack import credentials

if TYPE_CHECKING:
    from pathlib import Path

WORD = "sw0rdfish-5502"
BASIC = base64.b64encode(f"deploy-7301:{WORD}".encode()).decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UV_INDEX_CORP_PASSWORD", WORD),
        ("UV_INDEX_CORP_USERNAME", WORD),
        ("CARGO_REGISTRY_TOKEN", WORD),
        ("CARGO_REGISTRIES_X_CREDENTIAL_PROVIDER", WORD),
        ("HATCH_INDEX_AUTH", WORD),
        ("AWS_SECRET_ACCESS_KEY", WORD),
        ("API_KEY", WORD),
        ("github_token", WORD),
        ("GITHUB_PAT", WORD),
        ("TOKEN2", WORD),
        ("UV_INDEX_URL", f"https://user:{WORD}@index.example/simple"),
        ("UV_DEFAULT_INDEX", f"corp=https://{WORD}@index.example/simple"),
        ("HTTPS_PROXY", f"http://someone:{WORD}@proxy.example:3128"),
        ("BP_PYTHON_MIRROR", f"https://user:{WORD}@mirror.example"),
        ("GIT_CONFIG_KEY_0", f"url.https://user:{WORD}@git.example/.insteadOf"),
        ("GIT_CONFIG_VALUE_0", f"Authorization: Bearer {WORD}"),
        ("GIT_CONFIG_VALUE_1", f"authorization: basic {BASIC}"),
        ("GIT_CONFIG_PARAMETERS", f"'http.extraHeader'='Authorization: {WORD}'"),
    ],
)
def test_secret_variables_are_known_by_name_or_by_what_they_hold(name: str, value: str) -> None:
    assert WORD in set(credentials.of_variables({name: value}))


def test_an_encoded_password_is_known_as_it_is_too() -> None:
    found = set(credentials.of_variables({"UV_INDEX_URL": "https://some%40one:p%40ss%2Fword@index.example/"}))
    assert {"some@one", "p%40ss%2Fword", "p@ss/word"} <= found


def test_a_header_is_known_with_the_names_in_it() -> None:
    found = set(credentials.of_variables({"GIT_CONFIG_VALUE_0": f"AUTHORIZATION: Basic {BASIC}"}))
    assert found == {BASIC, "deploy-7301", WORD}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/bin"),
        ("SSH_AUTH_SOCK", "/run/agent.sock"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("GIT_CONFIG_KEY_0", "http.extraHeader"),
        ("BP_PYTHON_VERSION", "3.13"),
        ("UV_INDEX_CORP_USERNAME", "__token__"),
        ("UV_DEFAULT_INDEX", "https://index.example/simple"),
        ("MONKEY", "banana"),
    ],
)
def test_what_is_no_secret_is_not_masked(name: str, value: str) -> None:
    assert set(credentials.of_variables({name: value})) == set()


@pytest.mark.parametrize("place", ["NETRC", "HOME"])
def test_the_netrc_that_uv_reads_is_read(tmp_path: Path, place: str) -> None:
    plant(tmp_path, {".netrc": f'machine x login deploy-7301\n  password {WORD} account "of two words"\n'})
    value = tmp_path / ".netrc" if place == "NETRC" else tmp_path
    assert set(credentials.of_variables({place: str(value)})) == {"deploy-7301", WORD, "of two words"}


def test_bindings_are_read_by_the_names_of_their_entries(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "index/type": "uv",
            "index/UV_INDEX_CORP_PASSWORD": f"{WORD}\n",
            "index/UV_INDEX_CORP_USERNAME": "deploy-7301",
            "index/UV_INDEX_URL": "https://build-7301:of-the-index@index.example/",
            "index/netrc": "machine x login netrc-login password netrc-word",
            "index/uv.toml": '[[index]]\nurl = "https://toml-user:toml-word@index.example/simple"\n',
            "database/type": "postgresql",
            "database/host": "db.example",
            "database/password": "of-the-database",
        },
    )
    found = set(credentials.of_bindings(read_bindings(tmp_path)))
    secrets = {"deploy-7301", WORD, "build-7301", "of-the-index", "netrc-login", "netrc-word", "toml-user", "toml-word"}
    assert found == {*secrets, "of-the-database"}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "netrc")
    assert set(credentials.of_variables({"NETRC": str(tmp_path / "netrc"), "HOME": "/none\0"})) == set()

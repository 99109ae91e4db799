"""What bindings give to uv."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from cnb.bindings import read_bindings
from uv_buildpack import log
from uv_buildpack.uv import bindings
from uv_buildpack.uv.running import Bound

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_secrets", [])


def read(root: Path, files: dict[str, str]) -> Bound:
    (root / "scratch").mkdir()
    found = read_bindings(plant(root / "bindings", files))
    return bindings.read(found, bindings.network({}, found), root / "scratch")


def test_without_bindings_there_is_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, {}) == Bound()


def test_variables_with_credentials_are_read_and_become_secret(tmp_path: Path) -> None:
    bound = read(
        tmp_path,
        {
            "own/type": "uv",
            "own/UV_INDEX_OWN_USERNAME": "someone\n",
            "own/UV_INDEX_OWN_PASSWORD": "hunter2\n",
            "own/UV_HTTP_TIMEOUT": "60",
        },
    )
    assert bound.variables == {
        "UV_INDEX_OWN_USERNAME": "someone",
        "UV_INDEX_OWN_PASSWORD": "hunter2",
        "UV_HTTP_TIMEOUT": "60",
    }
    assert log.masked("someone:hunter2 60") == "****:**** 60"


def test_files_that_are_no_variables_for_the_network_are_passed_over(tmp_path: Path) -> None:
    bound = read(tmp_path, {"own/type": "uv", "own/UV_FROZEN": "1", "own/LD_PRELOAD": "x", "own/README": "hello"})
    assert bound == Bound()


def test_a_binding_of_another_type_is_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, {"own/type": "pip", "own/UV_INDEX_OWN_PASSWORD": "hunter2"}) == Bound()


def test_netrc_stays_where_it_is_and_its_passwords_become_secret(tmp_path: Path) -> None:
    bound = read(tmp_path, {"own/type": "uv", "own/netrc": "machine index.example login someone password hunter2\n"})
    assert bound.netrc == tmp_path / "bindings" / "own" / "netrc"
    assert log.masked("hunter2") == "****"


def test_configuration_is_copied_to_where_uv_finds_a_users(tmp_path: Path) -> None:
    bound = read(tmp_path, {"own/type": "uv", "own/uv.toml": "offline = true\n"})
    assert bound.config_file == tmp_path / "scratch" / "config" / "uv" / "uv.toml"
    assert bound.config_file.read_text() == "offline = true\n"
    assert bound.config_file.stat().st_mode & 0o777 == 0o600


def test_of_several_bindings_the_last_by_name_counts(tmp_path: Path) -> None:
    bound = read(
        tmp_path,
        {
            "b/type": "uv",
            "b/UV_INDEX_OWN_PASSWORD": "from-b",
            "a/type": "uv",
            "a/UV_INDEX_OWN_PASSWORD": "from-a",
            "a/UV_INDEX_OWN_USERNAME": "name-a",
        },
    )
    assert bound.variables == {"UV_INDEX_OWN_USERNAME": "name-a", "UV_INDEX_OWN_PASSWORD": "from-b"}

"""The program that makes an image trust the certificates of bindings, run by sh."""

from __future__ import annotations

import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.downloads.certificates import system_bundle
from uv_buildpack.layers import python

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAMES = {
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
}


def pem(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----"


BINDING = {"company/type": "ca-certificates", "company/one.pem": pem("one"), "company/two.crt": f"{pem('two')}\n"}


def start(root: Path, files: Mapping[str, str], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run the program as the launcher does, and return the variables that it sets; it must end well and say nothing."""
    plant(root / "bindings", files)
    (root / "writable").mkdir(exist_ok=True)
    program = root / "ca-certificates"
    program.write_bytes(python.programs()["ca-certificates"])
    # PATH is empty: the image may have no other program than sh.
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec 3>{root}/written; exec /bin/sh "$0"', program],
        env={
            "PATH": "",
            "SERVICE_BINDING_ROOT": str(root / "bindings"),
            "TMPDIR": str(root / "writable"),
            **(environment or {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return tomllib.loads((root / "written").read_text())


def test_without_such_a_binding_nothing_is_set(tmp_path: Path) -> None:
    assert start(tmp_path, {"other/type": "uv", "other/x.pem": pem("x"), "none/x.pem": pem("y")}) == {}
    assert list((tmp_path / "writable").iterdir()) == []


def test_all_certificates_are_in_one_file_with_those_of_the_system(tmp_path: Path) -> None:
    files = {
        **BINDING,
        "old/metadata/kind": "CA-Certificates\n",
        "old/secret/three.pem": pem("three"),
        "company/README": "-",
    }
    variables = start(tmp_path, files)
    assert set(variables) == NAMES
    (bundle,) = set(variables.values())
    system = system_bundle()
    expected = "".join(f"{pem(name)}\n" for name in ("one", "two", "three"))
    content = (tmp_path / "writable/ca-certificates-1.pem").read_text()
    assert bundle == f"{tmp_path}/writable/ca-certificates-1.pem"
    assert content.startswith(expected)
    assert content.removeprefix(expected).rstrip() == (system.read_text().rstrip() if system else "")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_the_user_has_set_stays(tmp_path: Path, name: str) -> None:
    assert set(start(tmp_path, BINDING, {name: "/own.pem"})) == NAMES - {name}


def test_a_second_start_finds_the_file_of_the_first(tmp_path: Path) -> None:
    assert start(tmp_path, BINDING) == start(tmp_path, BINDING)
    assert [path.name for path in (tmp_path / "writable").iterdir()] == ["ca-certificates-1.pem"]


def test_a_file_of_somebody_else_is_not_written_over(tmp_path: Path) -> None:
    plant(tmp_path, {"writable/ca-certificates-1.pem": "other", "elsewhere": "precious"})
    (tmp_path / "writable/ca-certificates-2.pem").symlink_to(tmp_path / "elsewhere")
    variables = start(tmp_path, BINDING)
    assert variables["SSL_CERT_FILE"] == f"{tmp_path}/writable/ca-certificates-3.pem"
    assert (tmp_path / "elsewhere").read_text() == "precious"


def test_where_one_directory_takes_no_file_another_does(tmp_path: Path) -> None:
    variables = start(tmp_path, BINDING, {"TMPDIR": str(tmp_path / "none")})
    assert variables["SSL_CERT_FILE"].startswith(("/tmp/ca-certificates-", "/dev/shm/ca-certificates-"))  # noqa: S108

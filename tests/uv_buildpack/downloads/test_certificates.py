"""What is trusted: certificates of bindings, of variables, and of the system."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import certifi
import pytest
from tests.uv_buildpack.trees import plant

from cnb.bindings import read_bindings
from uv_buildpack.downloads import certificates
from uv_buildpack.downloads.certificates import blocks, bundle, check, of_bindings
from uv_buildpack.downloads.download import trusted
from uv_buildpack.downloads.network import Network
from uv_buildpack.errors import CertificateInvalid, SettingInvalid

if TYPE_CHECKING:
    from pathlib import Path


def pem(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n"


def test_all_bindings_of_the_type_count_in_the_order_of_their_names(tmp_path: Path) -> None:
    files = {"b/type": "ca-certificates", "b/one.pem": pem("b1"), "a/type": "CA-Certificates", "a/z.crt": pem("az")}
    files |= {"a/a.pem": pem("aa"), "a/notes.txt": "", "c/type": "uv", "c/other.pem": pem("c")}
    found = of_bindings(read_bindings(plant(tmp_path, files)))
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a/a.pem", "a/z.crt", "b/one.pem"]
    check(found)


@pytest.mark.parametrize("content", ["", "-----BEGIN PUBLIC KEY-----", pem("x")[:-10], pem("x") + pem("y")[:-10]])
def test_what_is_no_certificate_is_named_with_its_binding(tmp_path: Path, content: str) -> None:
    plant(tmp_path, {"corporate/ca.pem": content})
    with pytest.raises(CertificateInvalid, match=r"corporate/ca\.pem"):
        check([tmp_path / "corporate/ca.pem"])


def test_those_of_bindings_are_added_to_those_of_the_variables(tmp_path: Path) -> None:
    plant(tmp_path, {"own.pem": pem("own"), "more/a.pem": pem("dir"), "more/README": "none", "bound.pem": pem("bound")})
    environment = {"SSL_CERT_FILE": str(tmp_path / "own.pem"), "SSL_CERT_DIR": f"{tmp_path}/none:{tmp_path}/more"}
    content = bundle(environment, [tmp_path / "bound.pem", tmp_path / "own.pem"])
    assert content.decode() == pem("own") + pem("dir") + pem("bound")


def test_without_variables_those_of_the_system_are_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, {"system.pem": pem("system"), "own.pem": pem("own"), "bound.pem": pem("bound")})
    monkeypatch.setattr(certificates, "_TRUSTED", (f"{tmp_path}/none.pem", f"{tmp_path}/system.pem"))
    assert bundle({}, [tmp_path / "bound.pem"]).decode() == pem("system") + pem("bound")
    assert bundle({"SSL_CERT_FILE": f"{tmp_path}/own.pem"}, []).decode() == pem("own")


def test_downloads_trust_exactly_what_is_chosen(tmp_path: Path) -> None:
    own, bound = blocks(certifi.contents().encode()).split("\n-----BEGIN")[:2]
    plant(tmp_path, {"own.pem": own, "bound.pem": f"-----BEGIN{bound}"})
    chosen = Network(variables={"SSL_CERT_FILE": f"{tmp_path}/own.pem"}, authorities=(tmp_path / "bound.pem",))
    expected = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    expected.load_verify_locations(cadata=f"{own}\n-----BEGIN{bound}")
    assert trusted(chosen).get_ca_certs() == expected.get_ca_certs()
    assert len(trusted(Network()).get_ca_certs()) > len(expected.get_ca_certs())


def test_a_client_certificate_is_shown_and_so_has_to_be_one(tmp_path: Path) -> None:
    plant(tmp_path, {"client.pem": pem("not a certificate")})
    with pytest.raises(SettingInvalid, match="SSL_CLIENT_CERT"):
        trusted(Network(variables={"SSL_CLIENT_CERT": f"{tmp_path}/client.pem"}))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="SSL_CERT_FILE"):
        bundle({"SSL_CERT_FILE": str(tmp_path / "none.pem")}, [])


def test_comments_between_certificates_may_be_in_any_encoding() -> None:
    content = b"# Autorit\xe9\n" + pem("a").encode() + b"# \xc5\x81\n" + pem("b").encode()
    assert blocks(content) == f"{pem('a')}{pem('b')}".strip()

"""A real private index behind TLS of an own authority: how its credentials are given, what fails, and the container."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from integration.application import App, project
from integration.package_index import wheel
from integration.private_index import (
    PASSWORD,
    USER,
    Authority,
    PrivateIndex,
    fronting,
    serving,
)
from integration.test_secrets import assert_nowhere
from integration.workbench import BASE, Workbench, errors, warnings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from integration.package_index import PackageIndex

CREDENTIALS = {"UV_INDEX_CORP_MAIN_USERNAME": USER, "UV_INDEX_CORP_MAIN_PASSWORD": PASSWORD}
# Not what this machine has set for its own network.
SYSTEM = {"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}
ASK = "import secretive, alpha; print(secretive.version, alpha.version)"
# What every client of OpenSSL in Python does; the variables are for requests, httpx and others.
FETCH = """
import json, os, sys, urllib.request
names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
print(json.dumps([urllib.request.urlopen(sys.argv[1]).status, *(os.environ[name] for name in names)]))
"""


@pytest.fixture(scope="module")
def private(public: Path, servers: Path, authority: Authority, index: PackageIndex) -> Iterator[PrivateIndex]:
    """pypiserver with one private package; for others it sends to the public index, which is another host."""
    with serving(servers, authority, public / "private", index.address) as private:
        private.add("secretive-1.0-py3-none-any.whl", wheel("secretive", "1.0"))
        yield private


@pytest.fixture
def discreet(app: App, private: PrivateIndex, authority: Authority) -> App:
    """An app with a dependency that is private and one that is passed through."""
    text = project("discreet", ("secretive", "alpha==1.1"), index=private.address)
    app.write({"pyproject.toml": text.replace('"tests"', '"corp-main"'), "main.py": ""})
    app.lock(variables={**CREDENTIALS, "SSL_CERT_FILE": str(authority.certificate)})
    return app


@dataclass(frozen=True, slots=True)
class Given:
    """How a build gets the credentials."""

    env: Mapping[str, str] = field(default_factory=dict)
    bindings: tuple[Path, ...] = ()


@pytest.fixture(params=["variables", "binding", "netrc", "netrc in a binding"])
def given(request: pytest.FixtureRequest, public: Path, tmp_path: Path) -> Given:
    """Each way to give the credentials."""
    bound = tmp_path / "bindings" / "credentials"
    bound.mkdir(parents=True)
    (bound / "type").write_text("uv")
    if request.param == "variables":
        return Given(CREDENTIALS)
    if request.param == "binding":
        for name, value in CREDENTIALS.items():
            (bound / name).write_text(value)
        return Given(bindings=(bound,))
    # Where the build user may read it.
    netrc = (public if request.param == "netrc" else bound) / "netrc"
    netrc.write_text(f"machine 127.0.0.1\nlogin {USER}\npassword {PASSWORD}\n")
    return Given({"NETRC": str(netrc)}) if request.param == "netrc" else Given(bindings=(bound,))


def test_a_private_package_and_one_that_is_passed_through_are_installed(
    bench: Workbench, discreet: App, company: Path, given: Given, image: str
) -> None:
    env = {"BP_LOG_LEVEL": "debug", **SYSTEM, **given.env}
    result = bench.build(discreet, image, previous=BASE, bindings=[company, *given.bindings], env=env)
    assert bench.run(image, "python", "-c", ASK) == "1.0 1.1\n"
    assert_nowhere(bench, image, result.log)


def test_without_credentials_the_error_names_the_index_and_the_variables(
    bench: Workbench, discreet: App, private: PrivateIndex, company: Path, image: str
) -> None:
    env = {**SYSTEM, "UV_KEYRING_PROVIDER": "subprocess"}
    log = bench.failing(discreet, image, previous=BASE, bindings=[company], env=env)
    assert errors(log) == [f"uv sync: the index corp-main ({private.address}) refused access (401)."]
    assert "Set UV_INDEX_CORP_MAIN_USERNAME and UV_INDEX_CORP_MAIN_PASSWORD" in log
    assert "UV_KEYRING_PROVIDER has no effect on the build." in warnings(log)


def test_without_the_authority_the_certificate_is_not_trusted(
    bench: Workbench, discreet: App, private: PrivateIndex, image: str
) -> None:
    log = bench.failing(discreet, image, previous=BASE, env={**CREDENTIALS, **SYSTEM})
    host = private.address.partition("://")[2].partition("/")[0]
    expected = f"uv sync: the certificate of {host} is not trusted (the index corp-main ({private.address}))."
    assert errors(log) == [expected]
    assert "binding of type ca-certificates" in log


@pytest.fixture
def trusting(app: App, index: PackageIndex) -> App:
    """An app that asks nobody yet."""
    app.write({"pyproject.toml": project("trusting", ("alpha",), index=index.address), "main.py": ""})
    app.lock()
    return app


@pytest.fixture
def front(index: PackageIndex, authority: Authority) -> Iterator[str]:
    """The address of a server with a certificate of the authority."""
    with fronting(urlsplit(index.address).port or 0, authority, []) as address:
        yield f"{address}/simple/alpha/"


def test_the_container_trusts_the_certificates_of_its_bindings(
    bench: Workbench, trusting: App, front: str, company: Path, image: str
) -> None:
    bench.build(trusting, image, previous=BASE)
    trusted = {"SERVICE_BINDING_ROOT": str(company.parent)}
    status, *names = json.loads(bench.run(image, "python", "-c", FETCH, front, env=trusted))
    assert status == 200
    assert names[0] == names[1]
    own = {**trusted, "SSL_CERT_FILE": str(company / "company.pem")}
    assert json.loads(bench.run(image, "python", "-c", FETCH, front, env=own))[1] == own["SSL_CERT_FILE"]

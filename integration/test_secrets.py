"""Credentials reach the index that needs them, and nothing else: not the image, its labels, its SBOM or the log."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.package_index import PackageIndex
from integration.website import Website, serving
from integration.workbench import BASE, Workbench, errors

from cnb_platform import oci

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, PASSWORD = "deploy-user-7301", "pass-word-5502-sw0rdfish"
CREDENTIALS = {"UV_INDEX_TESTS_USERNAME": USER, "UV_INDEX_TESTS_PASSWORD": PASSWORD}


@pytest.fixture(scope="module")
def private() -> Iterator[PackageIndex]:
    """An index that shows nothing without a password."""
    with serving(Website(login=f"{USER}:{PASSWORD}")) as site:
        index = PackageIndex(site)
        index.add_wheel("secretive", "1.0")
        yield index


@pytest.fixture
def discreet(app: App, private: PackageIndex) -> App:
    """An app whose dependency is in the private index."""
    app.write({"pyproject.toml": project("discreet", ("secretive",), index=private.address), "main.py": ""})
    app.lock(variables=CREDENTIALS)
    return app


@pytest.fixture
def binding(tmp_path: Path) -> Path:
    """A binding that gives the credentials as uv's variables."""
    directory = tmp_path / "index-credentials"
    directory.mkdir()
    for name, value in {"type": "uv", **CREDENTIALS}.items():
        (directory / name).write_text(value)
    return directory


def assert_nowhere(bench: Workbench, image: str, log: str) -> None:
    """Look for the credentials in the log, in every blob of the image, and in Docker's description of it."""
    places = {"log": log.encode()}
    layout = getattr(bench.platform, "layout", None)
    if layout is None:
        described = subprocess.run(
            ["docker", "image", "inspect", f"cnb-platform/{image}:pack"], capture_output=True, check=True
        )
        places["description"] = described.stdout
    else:
        read = oci.read(layout(image), "")
        places["configuration"] = json.dumps(read.config).encode()
        for blob in read.layers:
            with blob.open_tar() as archive:
                places[blob.diff_id] = archive.read()
    found = [place for place, content in places.items() for word in (USER, PASSWORD) if word.encode() in content]
    assert found == []


def test_credentials_from_the_environment_stay_out_of_the_image(bench: Workbench, discreet: App, image: str) -> None:
    result = bench.build(discreet, image, previous=BASE, env={**CREDENTIALS, "BP_LOG_LEVEL": "debug"})
    assert bench.run(image, "python", "-c", "import secretive; print(secretive.version)") == "1.0\n"
    assert_nowhere(bench, image, result.log)


def test_credentials_from_a_binding_stay_out_of_the_image(
    bench: Workbench, discreet: App, image: str, binding: Path
) -> None:
    result = bench.build(discreet, image, previous=BASE, bindings=[binding], env={"BP_LOG_LEVEL": "debug"})
    assert bench.run(image, "python", "-c", "import secretive; print(secretive.version)") == "1.0\n"
    assert_nowhere(bench, image, result.log)


def test_a_netrc_from_a_binding_stays_out_of_the_image(
    bench: Workbench, discreet: App, image: str, tmp_path: Path
) -> None:
    directory = tmp_path / "netrc-binding"
    directory.mkdir()
    (directory / "type").write_text("uv")
    (directory / "netrc").write_text(f"machine 127.0.0.1\nlogin {USER}\npassword {PASSWORD}\n")
    result = bench.build(discreet, image, previous=BASE, bindings=[directory])
    assert bench.run(image, "python", "-c", "import secretive; print(secretive.version)") == "1.0\n"
    assert_nowhere(bench, image, result.log)


def test_credentials_in_an_address_are_masked_where_uv_prints_it(bench: Workbench, app: App, image: str) -> None:
    address = f"http://{USER}:{PASSWORD}@127.0.0.1:9/simple/"
    app.write({"pyproject.toml": project("talkative", (), index=address), "main.py": ""})
    app.lock()
    app.edit("pyproject.toml", "dependencies = []", 'dependencies = ["secretive"]')
    log = bench.failing(app, image, previous=BASE)
    assert USER not in log
    assert PASSWORD not in log


def test_refused_credentials_are_an_error_of_their_own(
    bench: Workbench, discreet: App, private: PackageIndex, image: str
) -> None:
    log = bench.failing(discreet, image, previous=BASE, env={**CREDENTIALS, "UV_INDEX_TESTS_PASSWORD": "wrong-12345"})
    assert errors(log) == [f"uv sync: the index tests ({private.address}) refused access (401)."]
    assert "UV_INDEX_TESTS_PASSWORD" in log
    assert "wrong-12345" not in log

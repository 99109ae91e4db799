"""Bills of materials list exactly what is installed, and nothing that must not leave the build."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cnb.layer import SBOMFormat
from uv_buildpack import sbom
from uv_buildpack.installed.distributions import read
from uv_buildpack.project.lockfile import Lock, read_lock
from uv_buildpack.sbom.component import package_url, without_credentials

if TYPE_CHECKING:
    from pathlib import Path

LOCK = """
version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "shop"
version = "1.0"
source = { editable = "." }
dependencies = [{ name = "web", extra = ["fast"] }, { name = "from-git" }, { name = "from-url" }]

[[package]]
name = "web"
version = "2.0"
source = { registry = "https://reader:secret@index.example/simple?token=secret" }
dependencies = [{ name = "loop" }]
sdist = { url = "https://index.example/web-2.0.tar.gz", hash = "sha256:5d", size = 1 }
wheels = [
    { url = "https://index.example/web-2.0-cp313-cp313-manylinux_2_28_x86_64.whl", hash = "sha256:aa", size = 1 },
    { url = "https://index.example/web-2.0-cp313-cp313-manylinux_2_28_aarch64.whl", hash = "sha256:bb", size = 1 },
]

[[package]]
name = "loop"
version = "3.0"
source = { registry = "https://index.example/simple" }
sdist = { url = "https://index.example/loop-3.0.tar.gz", hash = "sha256:cc", size = 1 }
wheels = [{ url = "https://index.example/loop-3.0-cp313-cp313-win_amd64.whl", hash = "sha256:dd", size = 1 }]

[[package]]
name = "from-git"
version = "0.1"
source = { git = "https://token@git.example/from-git?rev=main#0123abcd" }

[[package]]
name = "from-url"
version = "0.2"
source = { url = "https://user:secret@files.example/from_url-0.2-py3-none-any.whl" }
wheels = [{ url = "https://files.example/from_url-0.2-py3-none-any.whl", hash = "sha256:ee" }]

[[package]]
name = "not-installed"
version = "9"
source = { registry = "https://index.example/simple" }
"""


def install(site_packages: Path, name: str, version: str, *lines: str, tag: str = "py3-none-any") -> None:
    directory = site_packages / f"{name.replace('-', '_')}-{version}.dist-info"
    directory.mkdir(parents=True)
    metadata = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines]
    (directory / "METADATA").write_text("\n".join(metadata) + "\n")
    (directory / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    path = tmp_path / "uv.lock"
    path.write_text(LOCK)
    return read_lock(path, "uv.lock")


@pytest.fixture
def site_packages(tmp_path: Path) -> Path:
    directory = tmp_path / "lib" / "python3.13" / "site-packages"
    linux = "cp313-cp313-manylinux_2_28_x86_64"
    needs = (
        "Requires-Dist: loop>=3; extra == 'fast'",
        "Requires-Dist: from-url; extra == 'slow'",
        "Requires-Dist: from-git; python_version < '3.12'",
        "Requires-Dist: not-installed",
    )
    install(directory, "web", "2.0", "License-Expression: MIT OR Apache-2.0", *needs, tag=linux)
    install(directory, "loop", "3.0", "License: BSD", tag="cp313-cp313-linux_x86_64")
    classifiers = ("Classifier: License :: OSI Approved :: MIT License", "Classifier: License :: Public Domain")
    install(directory, "from-git", "0.1", "License: " + "words " * 50, *classifiers)
    install(directory, "from-url", "0.2")
    return directory


def cyclonedx(site_packages: Path, lock: Lock, name: str = "venv") -> dict[str, Any]:
    documents = sbom.of_packages(read(site_packages), lock, name=name)
    document: dict[str, Any] = json.loads(documents[SBOMFormat.CYCLONEDX])
    return document


def component(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in document["components"] if one["name"] == name)
    return found


def test_exactly_what_is_installed_is_listed(site_packages: Path, lock: Lock) -> None:
    document = cyclonedx(site_packages, lock)
    listed = {one["name"]: one["version"] for one in document["components"]}
    assert listed == {"web": "2.0", "loop": "3.0", "from-git": "0.1", "from-url": "0.2"}
    assert all(one["bom-ref"] == one["purl"] for one in document["components"])


def test_equal_contents_give_equal_bytes(site_packages: Path, lock: Lock) -> None:
    first, second = (sbom.of_packages(read(site_packages), lock) for _ in range(2))
    assert first == second
    (site_packages / "loop-3.0.dist-info" / "METADATA").write_text("Name: loop\nVersion: 3.0.1\n")
    third = sbom.of_packages(read(site_packages), lock)
    serials = {json.loads(one[SBOMFormat.CYCLONEDX])["serialNumber"] for one in (first, third)}
    assert len(serials) == 2


def test_the_digest_is_that_of_the_installed_file(site_packages: Path, lock: Lock) -> None:
    document = cyclonedx(site_packages, lock)
    digests = {one["name"]: one["hashes"][0]["content"] for one in document["components"] if "hashes" in one}
    # loop was built from source: no wheel of it runs here. A commit has no digest.
    assert digests == {"web": "aa", "loop": "cc", "from-url": "ee"}


def test_the_graph_follows_the_environment_and_the_extras_asked_for(site_packages: Path, lock: Lock) -> None:
    document = cyclonedx(site_packages, lock)
    graph = {one["ref"].partition("?")[0]: one["dependsOn"] for one in document["dependencies"]}
    assert graph["pkg:pypi/web@2.0"] == ["pkg:pypi/loop@3.0"]
    assert [purl.partition("?")[0] for purl in graph["layer:venv"]] == [
        "pkg:pypi/from-git@0.1",
        "pkg:pypi/from-url@0.2",
        "pkg:pypi/web@2.0",
    ]


def test_origins_are_named_without_credentials(site_packages: Path, lock: Lock) -> None:
    document = cyclonedx(site_packages, lock)
    assert component(document, "from-git")["purl"] == (
        "pkg:pypi/from-git@0.1?vcs_url=git%2Bhttps://git.example/from-git%400123abcd"
    )
    assert component(document, "from-url")["purl"] == (
        "pkg:pypi/from-url@0.2?download_url=https://files.example/from_url-0.2-py3-none-any.whl"
    )
    assert component(document, "web")["externalReferences"] == [
        {"type": "distribution", "url": "https://index.example/simple"}
    ]
    for content in sbom.of_packages(read(site_packages), lock).values():
        assert b"secret" not in content
        assert b"token" not in content


def test_a_local_package_is_not_looked_for_in_an_index(tmp_path: Path, lock: Lock) -> None:
    directory = tmp_path / "project" / "python3.13" / "site-packages"
    install(directory, "shop", "1.0", "Requires-Dist: web")
    document = cyclonedx(directory, lock, name="venv-project")
    assert [one["purl"] for one in document["components"]] == ["pkg:generic/shop@1.0"]
    assert document["metadata"]["component"]["name"] == "venv-project"


def test_licences_are_expressions_where_they_can_be(site_packages: Path, lock: Lock) -> None:
    document = cyclonedx(site_packages, lock)
    assert component(document, "web")["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert component(document, "loop")["licenses"] == [{"license": {"name": "BSD"}}]
    names = [one["license"]["name"] for one in component(document, "from-git")["licenses"]]
    assert names == ["MIT License", "Public Domain"]
    assert "licenses" not in component(document, "from-url")


def test_the_three_formats_say_the_same(site_packages: Path, lock: Lock) -> None:
    documents = {kind: json.loads(content) for kind, content in sbom.of_packages(read(site_packages), lock).items()}
    purls = [one["purl"] for one in documents[SBOMFormat.CYCLONEDX]["components"]]
    assert [one["purl"] for one in documents[SBOMFormat.SYFT]["artifacts"]] == purls
    packages = documents[SBOMFormat.SPDX]["packages"]
    assert [one["externalRefs"][0]["referenceLocator"] for one in packages] == purls
    assert packages[-1]["licenseDeclared"] == "MIT OR Apache-2.0"
    assert packages[-1]["checksums"] == [{"algorithm": "SHA256", "checksumValue": "aa"}]
    relations = [one["relationshipType"] for one in documents[SBOMFormat.SPDX]["relationships"]]
    assert relations == ["DESCRIBES"] * 4 + ["DEPENDS_ON"]
    assert len(documents[SBOMFormat.SYFT]["artifactRelationships"]) == 1


def test_the_interpreter_is_described_with_its_archive() -> None:
    documents = sbom.of_python("3.13.4", url="https://mirror.example/20250604/cpython-3.13.4%2B1.tar.gz", sha256="ab")
    (python,) = json.loads(documents[SBOMFormat.CYCLONEDX])["components"]
    assert python["cpe"] == "cpe:2.3:a:python:python:3.13.4:*:*:*:*:*:*:*"
    assert python["hashes"] == [{"alg": "SHA-256", "content": "ab"}]
    assert python["purl"] == (
        "pkg:generic/cpython@3.13.4?checksum=sha256:ab"
        "&download_url=https://mirror.example/20250604/cpython-3.13.4%252B1.tar.gz"
    )


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://user:pw@host.example:8443/simple/", "https://host.example:8443/simple/"),
        ("ssh://git@host.example/repo?rev=a#b", "ssh://host.example/repo"),
        ("https://host.example/simple?token=x", "https://host.example/simple"),
    ],
)
def test_an_address_keeps_no_credentials(address: str, clean: str) -> None:
    assert without_credentials(address) == clean


def test_a_package_url_is_canonical() -> None:
    assert package_url("pypi", "torch", "2.9.1+cpu") == "pkg:pypi/torch@2.9.1%2Bcpu"
    assert package_url("generic", "a", "1", {"b": "x y", "a": ""}) == "pkg:generic/a@1?b=x%20y"

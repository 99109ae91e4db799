"""What becomes of a release of python-build-standalone: what is left out, what is moved, what is compiled."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.interpreter.standalone import Release, write

from uv_buildpack.downloads.archive import extract
from uv_buildpack.interpreter import relocation
from uv_buildpack.interpreter.installation import compile_stdlib

if TYPE_CHECKING:
    from pathlib import Path

RELEASES = [
    Release(version="3.11.18"),
    Release(version="3.13.18", freethreaded=True),
    Release(version="3.14.10", libc="musl"),
    Release(version="3.15.2", arch="aarch64"),
    Release(version="3.15.2", freethreaded=True, libc="musl"),
]


@pytest.fixture(params=RELEASES, ids=lambda release: release.path.partition("/")[2].partition("-install")[0])
def release(request: pytest.FixtureRequest) -> Release:
    found: Release = request.param
    return found


@pytest.fixture
def layer(release: Release, tmp_path: Path) -> Path:
    """The release, unpacked as the layer unpacks it."""
    write(tmp_path / "mirror" / release.path, release.contents())
    directory = tmp_path / "layers" / "python"
    directory.mkdir(parents=True)
    extract(tmp_path / "mirror" / release.path, directory, strip_components=1, wanted=relocation.is_wanted)
    relocation.move(directory)
    return directory


def test_what_is_left_is_what_applications_and_builds_use(release: Release, layer: Path) -> None:
    library = layer / "lib" / release.name
    config = f"config-{release.minor}{release.abi}-{release.platform}"
    shared = f"libpython{release.minor}{release.abi}.so"
    documents = {path.name for path in library.glob("*.json")}
    assert {path.name for path in layer.iterdir()} == {"bin", "include", "lib"}
    links = {f"python{release.minor}", f"python{release.minor}-config"} if release.freethreaded else set()
    names = {"python", "python3", "python3-config", release.name, f"{release.name}-config"}
    assert {path.name for path in (layer / "bin").iterdir()} == names | links
    libraries = {release.name, "pkgconfig", "libpython3.so", shared, f"{shared}.1.0"}
    assert {path.name for path in (layer / "lib").iterdir()} == libraries
    variables = f"_sysconfigdata_{release.abi}_linux_{release.platform}.py"
    packages = {"json", "lib-dynload", "pydoc_data", "site-packages", "unittest", config}
    packages |= {"lib2to3"} if release.number < (3, 13) else set()
    assert {path.name for path in library.iterdir()} == {"LICENSE.txt", "os.py", variables, *packages, *documents}
    assert {path.name for path in (library / config).iterdir()} == {"Makefile", "python-config.py"}
    crypt = {path.name for path in (library / "lib-dynload").glob("_crypt.*")} if release.number < (3, 13) else set()
    assert {path.name for path in (library / "lib-dynload").iterdir()} == {".empty", *crypt}
    assert {path.name for path in (library / "site-packages").iterdir()} == {"README.txt"}
    assert len(documents) == (2 if release.number >= (3, 14) else 0)


def test_no_link_leads_nowhere(layer: Path) -> None:
    assert [path for path in layer.rglob("*") if path.is_symlink() and not path.exists()] == []


def test_nothing_names_the_place_or_the_tools_of_the_build(layer: Path) -> None:
    texts = {path: path.read_bytes() for path in layer.rglob("*") if path.is_file()}
    left = [path for path, text in texts.items() if b"/tools/" in text]
    left += [path for path, text in texts.items() if b"/install" in text.replace(b"/usr/bin/install", b"")]
    assert left == []


def test_extensions_are_built_with_this_place_and_this_machines_compiler(release: Release, layer: Path) -> None:
    (described,) = layer.glob("lib/python*/_sysconfigdata_*.py")
    documents = [relocation.read_variables(described)]
    documents += [json.loads(path.read_text()) for path in layer.glob("lib/python*/_sysconfig_vars_*.json")]
    for variables in documents:
        assert variables["LIBDIR"] == f"{layer}/lib"
        assert variables["INCLUDEPY"] == f"{layer}/include/{release.name}"
        assert (variables["CC"], variables["LDSHARED"]) == ("cc -pthread", "cc -pthread -shared")
        assert (variables["AR"], variables["CXX"]) == ("ar", "c++ -pthread")
        assert variables["INSTALL"] == "/usr/bin/install -c"
        assert variables.get("CPPFLAGS", "-I.") == "-I."


def test_relative_paths_in_the_build_details_stay(release: Release, layer: Path) -> None:
    found = [json.loads(path.read_text())["base_prefix"] for path in layer.glob("lib/python*/build-details.json")]
    assert found == (["../.."] if release.number >= (3, 14) else [])


def test_the_standard_library_is_compiled(tmp_path: Path) -> None:
    """With a release of this Python's version, whose interpreter is this one."""
    release = Release(version=".".join(str(part) for part in sys.version_info[:3]))
    interpreter = f'#!/bin/sh\nexec {sys.executable} "$@"\n'.encode()
    archive = tmp_path / "mirror" / release.path
    write(archive, release.contents() | {f"bin/{release.name}": interpreter})
    layer = tmp_path / "python"
    layer.mkdir()
    extract(archive, layer, strip_components=1, wanted=relocation.is_wanted)
    compile_stdlib(release.build(hashlib.sha256(archive.read_bytes()).hexdigest()), layer)
    sources = {path.name for path in layer.rglob("*.py") if "config-" not in str(path)}
    compiled = {f"{path.name.partition('.')[0]}.py": path.read_bytes()[4] for path in layer.rglob("*.pyc")}
    assert compiled == dict.fromkeys(sources | {"python-config.py"}, 1)

"""`scripts/package`, step by step, on values and small files; integration tests make real packages."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

from buildpackage import cnb_file, elf, wheels
from buildpackage.archive import write_zip
from buildpackage.bytecode import CannotCompile, Compiler
from buildpackage.runtime import NotAnInterpreter, find_installation
from buildpackage.runtimes import carried
from uv_buildpack.interpreter.catalogue import CPythonBuild

REPOSITORY = Path(__file__).resolve().parents[2]
UNCHECKED_HASH = 1
DOCUMENT: dict[str, Any] = {
    "api": "0.10",
    "buildpack": {
        "id": "lab/sh",
        "version": "0.0.1",
        "name": "A & B",
        "homepage": "",
        "keywords": ["lab"],
        "sbom-formats": ["application/vnd.cyclonedx+json"],
        "licenses": [{"type": "MIT", "uri": "https://example.com"}],
    },
    "targets": [{"os": "linux", "arch": "amd64"}, {"os": "linux", "arch": "arm64"}],
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    root = tmp_path / "buildpack"
    (root / "bin").mkdir(parents=True)
    (root / "bin/detect").write_text("#!/bin/sh\n")
    (root / "bin/detect").chmod(0o755)
    (root / "buildpack.toml").write_text("api = '0.10'\n")
    return root


def test_a_stripped_program_still_runs(tmp_path: Path) -> None:
    program = Path(shutil.which("true") or "/bin/true").resolve()
    smaller = tmp_path / "true"
    smaller.write_bytes(elf.stripped(program.read_bytes()))
    smaller.chmod(0o755)
    assert smaller.stat().st_size <= program.stat().st_size
    assert subprocess.run([smaller], check=False).returncode == 0


def test_the_libraries_that_a_program_needs_are_read_from_it() -> None:
    assert any(name.startswith("libc.") for name in elf.needed(Path(shutil.which("env") or "").resolve()))


def test_bytecode_is_never_compared_with_its_source(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("x = {'a', 'b', 'c'}\n")
    compiler = Compiler(Path(sys.executable))
    [(name, pyc)] = compiler.compiled({"package/module.py": tmp_path / "module.py"}).items()
    assert name == "package/module.pyc"
    assert pyc[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(pyc[4:8], "little") == UNCHECKED_HASH


def test_equal_sources_give_equal_bytecode() -> None:
    sources = {path.name: path for path in sorted((REPOSITORY / "src/cnb").glob("*.py"))}
    compiler = Compiler(Path(sys.executable))
    assert compiler.compiled(sources) == compiler.compiled(dict(reversed(sources.items())))


def test_a_source_that_does_not_compile_is_an_error_with_the_compilers_words(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def\n")
    with pytest.raises(CannotCompile, match="SyntaxError"):
        Compiler(Path(sys.executable)).compiled({"broken.py": tmp_path / "broken.py"})


def test_equal_contents_give_equal_zip_archives_that_python_imports(tmp_path: Path) -> None:
    write_zip(tmp_path / "one.zip", {"claim.py": b"text = 'ok'", "a": b""})
    write_zip(tmp_path / "two.zip", {"a": b"", "claim.py": b"text = 'ok'"})
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'one.zip')!r}); import claim; print(claim.text)"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout == b"ok\n"


def test_the_carried_interpreter_is_of_the_newest_minor_that_is_tested_and_has_a_bug_fix_release() -> None:
    def build(version: str, **other: str) -> CPythonBuild:
        facts = {"date": "20260101", "arch": "x86_64", "libc": "gnu", "variant": "default", "path": "", "sha256": ""}
        return CPythonBuild(version=version, **{**facts, **other})

    released = [build("3.13.9"), build("3.13.10"), build("3.14.1"), build("3.15.0rc2"), build("3.15.0")]
    assert carried(released, "x86_64").version == "3.14.1"
    elsewhere = [build("3.15.2", arch="aarch64"), build("3.15.3", libc="musl"), build("3.15.4", variant="freethreaded")]
    assert carried([*released, *elsewhere], "x86_64").version == "3.14.1"
    assert carried([*released, build("3.15.1"), build("3.99.1")], "x86_64").version == "3.15.1"


def test_an_archive_without_an_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAnInterpreter):
        find_installation(tmp_path)


def test_every_requirement_is_pinned_and_names_no_address() -> None:
    paths = sorted((REPOSITORY / "requirements").glob("*.txt"))
    assert paths
    for path in paths:
        assert wheels.read_requirements(path)
        assert "://" not in path.read_text(encoding="utf-8")


def test_every_requirement_that_is_installed_has_hashes() -> None:
    for name in ("dev", "vendor", "benchmarks"):
        requirements = wheels.read_requirements(REPOSITORY / "requirements" / f"{name}.txt")
        assert all(requirement.hashes for requirement in requirements)


def test_what_the_project_depends_on_is_what_the_package_carries() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    names = {line.partition(">")[0] for line in project["project"]["dependencies"]}
    carried = {requirement.name for requirement in wheels.read_requirements(REPOSITORY / "requirements/vendor.txt")}
    assert names <= carried


def test_a_requirement_reads_as_pip_wants_it() -> None:
    digest = f"sha256:{'0' * 64}"
    assert str(wheels.Requirement("a", "1.0", (digest,))) == f"a==1.0 --hash={digest}"


def test_a_package_is_a_tar_of_an_image_layout_as_pack_writes_it(directory: Path, tmp_path: Path) -> None:
    layer = cnb_file.layer(directory, DOCUMENT)
    cnb_file.write_package(tmp_path / "x.cnb", layer, DOCUMENT, "arm64")
    with tarfile.open(tmp_path / "x.cnb") as archive:
        members = archive.getmembers()
        names = [member.name for member in members]
        contents = {member.name: opened.read() for member in members if (opened := archive.extractfile(member))}
    assert names[:2] == ["/blobs", "/blobs/sha256"]
    assert names[2:5] == sorted(names[2:5])
    assert names[5:] == ["/index.json", "/oci-layout"]
    assert {(member.mode, member.uid, member.gid, member.mtime) for member in members} == {(0o755, 0, 0, 315532801)}
    for name in names[2:5]:
        assert name.endswith(hashlib.sha256(contents[name]).hexdigest())
    assert contents["/oci-layout"] == b'{\n    "imageLayoutVersion": "1.0.0"\n}'
    assert contents["/index.json"].startswith(b'{\n   "schemaVersion": 2,')


def test_the_labels_are_those_that_pack_reads(directory: Path) -> None:
    layer = cnb_file.layer(directory, DOCUMENT)
    labels = cnb_file.labels(layer, DOCUMENT)
    assert labels["io.buildpacks.buildpackage.metadata"] == (
        '{"id":"lab/sh","name":"A \\u0026 B","version":"0.0.1","keywords":["lab"],'
        '"licenses":[{"Type":"MIT","URI":"https://example.com"}],"stacks":[{"id":"*"}]}'
    )
    assert labels["io.buildpacks.buildpack.layers"] == (
        '{"lab/sh":{"0.0.1":{"api":"0.10","targets":[{"os":"linux","arch":"amd64"},{"os":"linux","arch":"arm64"}],'
        f'"layerDiffID":"{layer.diff_id}","name":"A \\u0026 B"}}}}}}'
    )
    assert json.loads(labels["io.buildpacks.buildpack.layers"])


def test_the_layer_holds_the_directory_under_id_and_version(directory: Path, tmp_path: Path) -> None:
    layer = cnb_file.layer(directory, DOCUMENT)
    (tmp_path / "layer.tar.gz").write_bytes(layer.blob)
    with tarfile.open(tmp_path / "layer.tar.gz") as archive:
        modes = {member.name: member.mode for member in archive}
    home = "/cnb/buildpacks/lab_sh"
    assert modes == {
        home: 0o755,
        f"{home}/0.0.1": 0o755,
        f"{home}/0.0.1/bin": 0o755,
        f"{home}/0.0.1/bin/detect": 0o755,
        f"{home}/0.0.1/buildpack.toml": 0o644,
    }


def test_the_package_carries_the_uv_that_development_uses() -> None:
    pinned = json.loads((REPOSITORY / "src/uv_buildpack/data/uv.json").read_text(encoding="utf-8"))
    requirements = wheels.read_requirements(REPOSITORY / "requirements/dev.txt")
    assert {one.version for one in requirements if one.name == "uv"} == {pinned["version"]}

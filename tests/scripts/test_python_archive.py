"""`scripts/python-archive`: what it takes from an interpreter, and what it makes of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from cpython_archive.binaries import relocate_binaries
from cpython_archive.copying import copy_installation
from cpython_archive.installation import Installation, describe
from cpython_archive.packing import add_to_catalogue, write_archive
from cpython_archive.texts import neutral, remove_distribution_layout
from uv_buildpack.downloads.network import Network
from uv_buildpack.interpreter.catalogue import load

OWN = Installation(
    version="3.13.4",
    minor="3.13",
    date="20260101",
    arch="x86_64",
    libc="gnu",
    freethreaded=False,
    prefix=Path("/home/me/pythons/3.13.4"),
    library=Path("/home/me/pythons/3.13.4/lib/python3.13"),
    executable=Path("/home/me/pythons/3.13.4/bin/python3.13"),
    headers=Path("/home/me/pythons/3.13.4/include/python3.13"),
    multiarch_config_header=None,
    shared_library=None,
    pkg_config=Path("/home/me/pythons/3.13.4/lib/pkgconfig"),
    build_directory="/var/build.1234/Python-3.13.4",
)
SYSTEM = replace(
    OWN, prefix=Path("/usr"), library=Path("/usr/lib/python3.13"), build_directory="/build/python3.13/shared"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/pythons/3.13.4/lib", "/install/lib"),
        (
            "-L/home/me/pythons/3.13.4/lib -Wl,-rpath,/home/me/pythons/3.13.4/lib",
            "-L/install/lib -Wl,-rpath,/install/lib",
        ),
        ("/var/build.1234/Python-3.13.4/coverage", "/build/coverage"),
        ("/usr/bin/install -c", "/usr/bin/install -c"),
    ],
)
def test_the_prefix_of_an_interpreter_of_ones_own_becomes_neutral(text: str, expected: str) -> None:
    assert neutral(text, OWN) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/usr", "/install"),
        ("/usr/bin", "/install/bin"),
        ("'--prefix=/usr' '--libdir=/usr/lib/x86_64-linux-gnu'", "'--prefix=/install' '--libdir=/install/lib'"),
        ("/usr/lib/python3.13/config-3.13-x86_64-linux-gnu", "/install/lib/python3.13/config-3.13-x86_64-linux-gnu"),
        ("/usr/include/x86_64-linux-gnu/python3.13", "/install/include/python3.13"),
        ("prefix=/usr\nlibdir=/usr/lib/x86_64-linux-gnu", "prefix=/install\nlibdir=/install/lib"),
        ("/usr/bin/install -c -m 644", "/usr/bin/install -c -m 644"),
        ("/usr/share/zoneinfo", "/usr/share/zoneinfo"),
        ("-I/usr/include/tirpc", "-I/usr/include/tirpc"),
    ],
)
def test_of_a_system_prefix_only_what_is_the_interpreters_becomes_neutral(text: str, expected: str) -> None:
    assert neutral(text, SYSTEM) == expected


def test_numbers_stay_numbers() -> None:
    assert neutral(1, OWN) == 1


def test_the_layout_of_a_distribution_is_undone(tmp_path: Path) -> None:
    text = "'a': '{base}/local/lib/python{py_version_short}/dist-packages', 'b': '{base}/lib/python3/dist-packages'"
    (tmp_path / "sysconfig.py").write_text(text, encoding="utf-8")
    remove_distribution_layout(tmp_path)
    site_packages = "{base}/lib/python{py_version_short}/site-packages"
    expected = f"'a': '{site_packages}', 'b': '{site_packages}'"
    assert (tmp_path / "sysconfig.py").read_text(encoding="utf-8") == expected


def test_equal_trees_make_equal_archives(tmp_path: Path) -> None:
    digests = []
    for name, umask in (("a", 0o022), ("b", 0o077)):
        before = os.umask(umask)
        root = tmp_path / name
        (root / "bin").mkdir(parents=True)
        (root / "bin" / "python3.13").write_text("", encoding="utf-8")
        (root / "bin" / "python3.13").chmod(0o700)
        (root / "bin" / "python").symlink_to("python3.13")
        os.umask(before)
        digests.append(write_archive(root, tmp_path / f"{name}.tar.gz"))
    assert digests[0] == digests[1]
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert [(entry.name, oct(entry.mode), entry.mtime) for entry in tar] == [
            ("python/bin", "0o755", 0),
            ("python/bin/python", "0o755", 0),
            ("python/bin/python3.13", "0o755", 0),
        ]


def test_each_call_adds_to_the_catalogue(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.json"
    add_to_catalogue(catalogue, OWN, "a" * 64)
    add_to_catalogue(catalogue, replace(OWN, version="3.12.1"), "b" * 64)
    add_to_catalogue(catalogue, replace(OWN, freethreaded=True), "c" * 64)
    add_to_catalogue(catalogue, OWN, "d" * 64)
    builds = load(str(catalogue), Network())
    assert [(build.version, build.variant, build.sha256[0]) for build in builds] == [
        ("3.12.1", "default", "b"),
        ("3.13.4", "freethreaded", "c"),
        ("3.13.4", "default", "d"),
    ]
    assert builds[1].path.endswith("x86_64-unknown-linux-gnu-freethreaded-install_only_stripped.tar.gz")


def test_an_interpreter_describes_itself() -> None:
    installation = describe(Path(sys.executable), None)
    assert installation.minor == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert installation.date.isdecimal()
    assert len(installation.date) == 8
    assert (installation.library / "os.py").is_file()


def test_another_implementation_is_refused(tmp_path: Path) -> None:
    python = tmp_path / "pypy"
    python.write_text('#!/bin/sh\necho \'{"implementation": "pypy"}\'\n', encoding="utf-8")
    python.chmod(0o755)
    with pytest.raises(SystemExit, match="not CPython"):
        describe(python, None)


def test_the_copy_holds_what_the_interpreter_needs_and_nothing_else(tmp_path: Path) -> None:
    source = describe(Path(sys.executable), None)
    copy_installation(source, tmp_path)
    library = tmp_path / "lib" / source.library.name
    names = {path.name for path in tmp_path.rglob("*")}
    assert (library / "os.py").is_file()
    assert (tmp_path / "bin/python3").readlink().name == f"python{source.minor}"
    assert not names & {"__pycache__", "test", "idlelib", "ensurepip", "dist-packages", "pip", "sitecustomize.py"}
    assert list((library / "site-packages").iterdir()) == []


def test_a_binary_finds_its_libraries_by_where_it_lies(tmp_path: Path) -> None:
    """A fake patchelf notes what is asked of it: the real one works in the integration tests."""
    source = replace(OWN, executable=Path("/bin/sh"))
    root = tmp_path / "root"
    (root / "lib/python3.13/lib-dynload").mkdir(parents=True)
    (root / "lib/libpython3.13.so.1.0").write_bytes(b"\x7fELF")
    (root / "lib/carried").mkdir()
    (root / "lib/carried/libssl.so.3").write_bytes(b"\x7fELF")
    (root / "lib/python3.13/lib-dynload/_ssl.so").write_bytes(
        b"\x7fELF" + b"/home/me/pythons/3.13.4/lib\0" + b"3.13.4\0"
    )
    noted = tmp_path / "noted"
    patchelf = tmp_path / "patchelf"
    patchelf.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        '--print-needed) case "$2" in *_ssl.so) echo libssl.so.3; echo libpython3.13.so.1.0; echo libc.so.6;; esac;;\n'
        "--print-rpath) ;;\n"
        f'*) echo "$@" >> "{noted}";;\n'
        "esac\n",
        encoding="utf-8",
    )
    patchelf.chmod(0o755)
    relocate_binaries(source, root, patchelf=str(patchelf), strip=None)
    module = root / "lib/python3.13/lib-dynload/_ssl.so"
    assert noted.read_text(encoding="utf-8").split()[:3] == [
        "--set-rpath",
        "$ORIGIN/../..:$ORIGIN/../../carried",
        str(module),
    ]
    assert module.read_bytes() == b"\x7fELF/install/////////3.13.4/lib\0" + b"3.13.4\0"


def test_the_script_says_what_it_takes() -> None:
    script = Path(__file__).parents[2] / "scripts" / "python-archive"
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True)
    assert "--python PATH" in done.stdout

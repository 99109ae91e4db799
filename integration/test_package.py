"""The package as it is shipped: its size, its bytes, and how quickly it starts."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trial.prerequisites import Interpreters, package
from uv_buildpack.downloads.network import Network
from uv_buildpack.interpreter.catalogue import load

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1_000_000


def cnb_file(buildpack: Path) -> Path:
    """Return the buildpackage file that was written together with a directory."""
    return buildpack.parents[2] / f"uv-buildpack-linux-{buildpack.name}.cnb"


def described(buildpack: Path) -> dict[str, Any]:
    """Return what a package says of itself."""
    return tomllib.loads((buildpack / "buildpack.toml").read_text(encoding="utf-8"))


def detect_environment(buildpack: Path, scratch: Path) -> dict[str, str]:
    """Return what a platform sets for bin/detect."""
    (scratch / "platform").mkdir(exist_ok=True)
    return {
        "PATH": "/usr/bin:/bin",
        "CNB_BUILDPACK_DIR": str(buildpack),
        "CNB_PLATFORM_DIR": str(scratch / "platform"),
        "CNB_BUILD_PLAN_PATH": str(scratch / "plan.toml"),
        "CNB_TARGET_OS": "linux",
        "CNB_TARGET_ARCH": buildpack.name,
    }


def test_the_package_is_small_and_has_few_files(buildpack: Path, measured: Callable[[str], None]) -> None:
    files = [path for path in buildpack.rglob("*") if path.is_file()]
    size = cnb_file(buildpack).stat().st_size
    measured(f"package: {len(files)} files, {size / MEGABYTE:.1f} MB compressed")
    assert len(files) <= 200
    assert size <= 45 * MEGABYTE


def test_packaging_again_gives_the_same_bytes(buildpack: Path, interpreters: Interpreters, tmp_path: Path) -> None:
    again = package(interpreters, tmp_path / "elsewhere")
    assert cnb_file(again).read_bytes() == cnb_file(buildpack).read_bytes()


def test_the_package_holds_nothing_of_the_platform_and_no_links(buildpack: Path) -> None:
    names = [path.relative_to(buildpack).as_posix() for path in buildpack.rglob("*")]
    assert not [name for name in names if "cnb_platform" in name or (buildpack / name).is_symlink()]


def test_the_package_names_no_path_of_the_machine_it_was_made_on(buildpack: Path) -> None:
    home = str(Path(__file__).resolve().parents[1]).encode()
    assert not [path for path in buildpack.rglob("*") if path.is_file() and home in path.read_bytes()]


def test_the_file_holds_the_directory(buildpack: Path) -> None:
    with tarfile.open(cnb_file(buildpack)) as package_file:
        layer = max(package_file.getmembers(), key=lambda member: member.size)
        opened = package_file.extractfile(layer)
        assert opened is not None
        with tarfile.open(fileobj=opened, mode="r:gz") as archive:
            prefix = f"/cnb/buildpacks/uv-buildpack_python/{described(buildpack)['buildpack']['version']}/"
            names = {member.name.removeprefix(prefix) for member in archive if member.isfile()}
    assert names == {path.relative_to(buildpack).as_posix() for path in buildpack.rglob("*") if path.is_file()}


def test_the_package_names_the_date_of_its_data(buildpack: Path) -> None:
    newest = max(build.date for build in load(None, Network()))
    named = described(buildpack)["metadata"]["data-of"]
    assert named.replace("-", "") == newest


def test_the_carried_interpreter_imports_everything_it_carries(buildpack: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(buildpack / 'runtime/lib/uv_buildpack.zip')!r})\n"
        "import asyncio, bz2, ctypes, decimal, email, hashlib, json, lzma, ssl, sysconfig, unicodedata, uuid, zlib\n"
        "import httpx, packaging.version, structlog, tomli, tomli_w\n"
        "import uv_buildpack.__main__, uv_buildpack.build, uv_buildpack.detect\n"
        "try:\n    from compression import zstd\nexcept ImportError:\n    from backports import zstd\n"
        "print(zstd.decompress(zstd.compress(b'ok')).decode())\n"
    )
    argv = [str(buildpack / "runtime/bin/python3"), "-I", "-S", "-B", "-W", "error", "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={})
    assert (done.stdout, done.stderr) == ("ok\n", "")


def test_the_carried_uv_accepts_the_carried_interpreter(buildpack: Path, tmp_path: Path) -> None:
    argv = [str(buildpack / "uv/uv"), "venv", "--quiet", "--no-config"]
    argv += ["--python", str(buildpack / "runtime/bin/python3"), "venv"]
    environment = {"HOME": str(tmp_path), "UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run(argv, check=True, env=environment, cwd=tmp_path)
    python = str(tmp_path / "venv/bin/python")
    done = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "venv")


def test_a_copy_under_another_path_works_read_only(buildpack: Path, tmp_path: Path) -> None:
    copy = tmp_path / "a path" / "with spaces" / buildpack.name
    shutil.copytree(buildpack, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    (tmp_path / "app").mkdir()
    hostile = {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "LC_ALL": "POSIX"}
    environment = detect_environment(copy, tmp_path) | hostile
    argv = [str(copy / "bin/detect")]
    done = subprocess.run(argv, cwd=tmp_path / "app", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 100, done.stderr

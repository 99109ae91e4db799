"""Builds that get the packages of the lock from directories, and nothing from a network."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.conftest import REPOSITORY
from integration.package_index import PackageIndex, sdist, wheel
from integration.test_secrets import CREDENTIALS, PASSWORD, USER
from integration.website import Website, serving
from integration.workbench import BASE, Workbench, diff_ids, errors, layer_states

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

VERSION = ("python", "-c", "import alpha; print(alpha.version)")
OFFLINE = {"BP_UV_OFFLINE": "true", "BP_UV_FIND_LINKS": "vendor"}


@pytest.fixture
def gone() -> Iterator[PackageIndex]:
    """An index that notes what it is asked for: a build without a network asks nothing."""
    with serving(Website()) as site:
        index = PackageIndex(site)
        for version in ("1.0", "1.1"):
            index.add_wheel("alpha", version)
        index.add_wheel("beta", "1.0")
        index.add("gamma-1.0.tar.gz", sdist("gamma", "1.0"))
        index.add_wheel("direct", "1.0")
        index.add("straight-1.0.tar.gz", sdist("straight", "1.0"))
        yield index


@pytest.fixture
def vendored(app: App, gone: PackageIndex) -> App:
    """An app that has all that its lock names in a directory, which scripts/vendor has filled."""
    files = f"{gone.site.address}/files"
    sources = f"""[tool.uv.sources]
direct = {{ url = "{files}/direct-1.0-py3-none-any.whl" }}
straight = {{ url = "{files}/straight-1.0.tar.gz" }}
"""
    text = project("vendored", ("alpha==1.0", "beta", "direct", "straight"), index=gone.address, more=sources)
    app.write({"pyproject.toml": text, "main.py": ""})
    app.lock()
    fill(app)
    return app


def fill(app: App, *options: str, variables: Mapping[str, str] | None = None) -> str:
    command = [str(REPOSITORY / "scripts/vendor"), str(app.directory), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **(variables or {})})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.in_containers
def test_without_a_network_the_lock_is_installed_cold_hot_and_changed(
    bench: Workbench, vendored: App, image: str, gone: PackageIndex
) -> None:
    online = bench.build(vendored, f"{image}-online", previous=BASE)
    gone.site.requests.clear()
    cold = bench.build(vendored, image, previous=BASE, env=OFFLINE)
    assert bench.run(image, *VERSION) == "1.0\n"
    assert diff_ids(cold)["uv-buildpack/python:venv"] == diff_ids(online)["uv-buildpack/python:venv"]
    hot = bench.build(vendored, image, env=OFFLINE)
    assert layer_states(hot)["venv"] == "reused"
    assert gone.site.requests == []
    vendored.edit("pyproject.toml", "alpha==1.0", "alpha==1.1")
    vendored.lock()
    fill(vendored)
    gone.site.requests.clear()
    bench.build(vendored, image, env=OFFLINE)
    assert bench.run(image, *VERSION) == "1.1\n"
    assert gone.site.requests == []


def test_a_pylock_is_installed_without_a_network_as_well(
    bench: Workbench, vendored: App, image: str, gone: PackageIndex
) -> None:
    vendored.uv("export", "--format", "pylock.toml", "--output-file", "pylock.toml")
    (vendored.directory / "uv.lock").unlink()
    for path in (vendored.directory / "vendor").iterdir():
        path.unlink()
    fill(vendored)
    online = bench.build(vendored, f"{image}-online", previous=BASE)
    gone.site.requests.clear()
    offline = bench.build(vendored, image, previous=BASE, env=OFFLINE)
    assert bench.run(image, *VERSION) == "1.0\n"
    assert diff_ids(offline) == diff_ids(online)
    assert gone.site.requests == []


def test_everything_that_is_missing_or_wrong_is_named_at_once(
    bench: Workbench, app: App, gone: PackageIndex, image: str
) -> None:
    lines = project("lacking", ("alpha==1.0", "beta", "gamma", "delta"), index=gone.address)
    broken = sdist("delta", "1.0").replace(b"requires = []", b"requires = []")
    gone.add("delta-1.0.tar.gz", broken)
    app.write({"pyproject.toml": lines, "main.py": ""})
    app.lock()
    fill(app)
    vendor = app.directory / "vendor"
    (vendor / "alpha-1.0-py3-none-any.whl").write_bytes(wheel("alpha", "1.0", {"alpha/__init__.py": "evil"}))
    (vendor / "beta-1.0-py3-none-any.whl").unlink()
    gone.site.requests.clear()
    log = bench.failing(app, image, previous=BASE, env=OFFLINE)
    assert errors(log) == ["BP_UV_OFFLINE: files that the build needs are not available locally (1 missing, 1 wrong)."]
    assert "beta 1.0: beta-1.0-py3-none-any.whl is missing" in log
    assert "alpha 1.0" in log
    assert gone.site.requests == []


def test_a_source_is_built_with_what_is_at_hand(bench: Workbench, app: App, gone: PackageIndex, image: str) -> None:
    app.write({"pyproject.toml": project("built", ("gamma",), index=gone.address), "main.py": ""})
    app.lock()
    fill(app)
    gone.site.requests.clear()
    bench.build(app, image, previous=BASE, env=OFFLINE)
    assert bench.run(image, "python", "-c", "import gamma; print(gamma.version)") == "1.0\n"
    assert gone.site.requests == []


def test_a_directory_alone_changes_nothing_and_files_at_hand_are_used_where_it_is_named(
    bench: Workbench, vendored: App, image: str, gone: PackageIndex
) -> None:
    (vendored.directory / "vendor" / "beta-1.0-py3-none-any.whl").unlink()
    gone.site.requests.clear()
    bench.build(vendored, image, previous=BASE)
    assert from_index(gone) == {"alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"}
    gone.site.requests.clear()
    bench.build(vendored, f"{image}-named", previous=BASE, env={"BP_UV_FIND_LINKS": "vendor"})
    assert from_index(gone) == {"beta-1.0-py3-none-any.whl"}


def from_index(index: PackageIndex) -> set[str]:
    """What was fetched, but for what has an address of its own: the check of the lock asks there, where it may."""
    return {name for name in index.downloads if not name.startswith(("direct", "straight"))}


def test_a_directory_is_filled_for_another_machine_from_a_private_index(app: App, tmp_path: Path) -> None:
    tags = [
        "cp313-cp313-manylinux_2_17_x86_64",
        "cp313-cp313-musllinux_1_2_aarch64",
        "cp313-cp313-manylinux_2_17_aarch64",
    ]
    with serving(Website(login=f"{USER}:{PASSWORD}")) as site:
        index = PackageIndex(site)
        for tag in tags:
            index.add(f"omega-1.0-{tag}.whl", wheel("omega", "1.0"))
        index.add("sigma-1.0-cp313-cp313-manylinux_2_17_aarch64.whl", wheel("sigma", "1.0"))
        index.add("sigma-1.0.tar.gz", sdist("sigma", "1.0"))
        app.write({"pyproject.toml": project("other", ("omega", "sigma"), index=index.address)})
        app.lock(variables=CREDENTIALS)
        variables = {**CREDENTIALS, **catalogue(tmp_path, "aarch64", "musl")}
        fill(app, "--target", "linux/arm64", "--libc", "musl", "--with-python", variables=variables)
    assert sorted(path.name for path in (app.directory / "vendor").iterdir()) == [
        "cpython-3.13.9-aarch64-musl.tar.gz",
        "omega-1.0-cp313-cp313-musllinux_1_2_aarch64.whl",
        "sigma-1.0.tar.gz",
    ]


def catalogue(directory: Path, arch: str, libc: str) -> dict[str, str]:
    """The variables that name a catalogue with one build of CPython, and where it is."""
    name = f"cpython-3.13.9-{arch}-{libc}.tar.gz"
    (directory / name).write_bytes(b"an interpreter")
    build = {"version": "3.13.9", "date": "20251120", "arch": arch, "libc": libc, "variant": "default", "path": name}
    build["sha256"] = hashlib.sha256(b"an interpreter").hexdigest()
    (directory / "catalogue.json").write_text(json.dumps({"builds": [build]}), encoding="utf-8")
    return {"BP_PYTHON_CATALOGUE": str(directory / "catalogue.json"), "BP_PYTHON_MIRROR": directory.as_uri()}


def test_files_may_be_in_a_binding(bench: Workbench, vendored: App, image: str, tmp_path: Path) -> None:
    binding = tmp_path / "wheels"
    (vendored.directory / "vendor").rename(binding)
    (binding / "type").write_text("wheels")
    env = {**OFFLINE, "BP_UV_FIND_LINKS": "wheels"}
    bench.build(vendored, image, previous=BASE, env=env, bindings=[binding])
    assert bench.run(image, *VERSION) == "1.0\n"

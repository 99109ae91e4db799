"""Local packages: installed by `uv sync` into a stand-in of the environment, and the app is as it was."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.fake_uv import FakeUv, fake_uv
from tests.uv_buildpack.layers.test_venv_project import BACKEND, COPY, EDITABLE, FILES, LOCK, NOT_STATIC, STATIC
from tests.uv_buildpack.trees import plant

from uv_buildpack.layers.local_install import Installation, install
from uv_buildpack.project.files import read_project
from uv_buildpack.uv.installing import FromProject

if TYPE_CHECKING:
    from uv_buildpack.project.local_packages import LocalPackage

PYTHON = Path(sys.executable)
MAKE_VENV = """
for place; do :; done
mkdir -p "$place/lib/python3.13/site-packages" "$place/bin"
echo "home = {home}" > "$place/pyvenv.cfg"
"""
DYNAMIC = {**FILES, "pyproject.toml": NOT_STATIC["setuptools"]}


def installed(
    root: Path, files: dict[str, str], packages: list[LocalPackage], answer: str, *, complete: bool = False
) -> FakeUv:
    """Install below `root / "layer"` with a uv whose `sync` runs `answer`, in which $VENV is the environment."""
    app_dir = plant(root / "app", {**files, "uv.lock": LOCK})
    (root / "layer").mkdir()
    (root / "scratch").mkdir()
    answers = {"sync*": f"VENV=$UV_PROJECT_ENVIRONMENT; {answer}", "venv*": MAKE_VENV.format(home=PYTHON.parent)}
    fake = fake_uv(root, answers)
    project = read_project(app_dir, ".")
    installation = Installation(
        uv=fake.uv,
        python=PYTHON,
        venv=root / "venv",
        project=project,
        packages=packages,
        pyprojects={"shop": project.pyproject},
        installing=FromProject(["--group", "docs"]),
        scratch=root / "scratch",
        complete=complete,
    )
    with capture_logs():
        install(installation, root / "layer")
    return fake


def syncs(fake: FakeUv) -> list[list[str]]:
    """Return the arguments of each `uv sync` after those that all have, with the directory in front."""
    first = "--no-compile-bytecode"
    calls = [call for call in fake.calls() if call.arguments[0] == "sync"]
    return [[call.directory, *call.arguments[call.arguments.index(first) + 1 :]] for call in calls]


def contents(directory: Path) -> dict[str, str]:
    return {path.relative_to(directory).as_posix(): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_a_static_package_is_installed_in_place(tmp_path: Path) -> None:
    fake = installed(tmp_path, FILES, [EDITABLE], "exit 0")
    assert syncs(fake) == [[str(tmp_path / "app"), "--only-install-package", "shop", "--group", "docs"]]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_copy_is_built_from_a_copy_of_the_app(tmp_path: Path) -> None:
    fake = installed(tmp_path, FILES, [COPY], "echo litter > litter")
    (call,) = syncs(fake)
    assert call == [
        *(str(tmp_path / "scratch" / "app"), "--only-install-package", "shop", "--group", "docs"),
        *("--no-editable", "--reinstall-package", "shop"),
    ]
    assert contents(tmp_path / "app") == {**FILES, "uv.lock": LOCK}


def test_what_uv_installs_is_moved_out_of_the_environment(tmp_path: Path) -> None:
    answer = (
        'mkdir -p "$VENV/etc/shop"; echo x=1 > "$VENV/lib/python3.13/site-packages/shop.py"; '
        'echo ini > "$VENV/etc/shop/shop.ini"; echo run > "$VENV/bin/shop"; touch "$VENV/.lock"'
    )
    installed(tmp_path, FILES, [EDITABLE], answer)
    found = {path.relative_to(tmp_path / "layer").as_posix() for path in (tmp_path / "layer").rglob("*.*")}
    assert {"etc/shop/shop.ini", "lib/python3.13/site-packages/shop.py"} < found
    assert any(path.endswith(".pyc") for path in found)
    assert ".lock" not in found
    assert (tmp_path / "layer" / "bin" / "shop").read_text() == "run\n"
    assert not (tmp_path / "venv").exists()


def environment(root: Path) -> Path:
    """Return an environment with a package in it."""
    files = {"pyvenv.cfg": f"home = {PYTHON.parent}\n", "lib/python3.13/site-packages/six.py": "six\n"}
    return plant(root / "venv", files)


def test_an_environment_that_is_there_is_not_touched(tmp_path: Path) -> None:
    before = contents(environment(tmp_path))
    answer = (
        'ls "$VENV/lib/python3.13/site-packages" > "$VENV/seen"; echo x > "$VENV/lib/python3.13/site-packages/six.py"'
    )
    installed(tmp_path, FILES, [EDITABLE], answer)
    assert contents(tmp_path / "venv") == before
    assert (tmp_path / "layer" / "seen").read_text() == ""


def test_what_is_built_without_isolation_sees_all_that_is_in_the_environment(tmp_path: Path) -> None:
    before = contents(environment(tmp_path))
    place = '"$VENV/lib/python3.13/site-packages"'
    answer = f'ls {place} > "$VENV/seen"; echo new > {place}/other; mv {place}/other {place}/six.py'
    installed(tmp_path, FILES, [EDITABLE], answer, complete=True)
    assert (tmp_path / "layer" / "seen").read_text() == "six.py\n"
    assert contents(tmp_path / "venv") == before
    assert (tmp_path / "layer" / "lib" / "python3.13" / "site-packages" / "six.py").read_text() == "new\n"


def test_beside_a_complete_environment_uv_knows_all_packages_but_installs_one_kind_at_a_time(tmp_path: Path) -> None:
    environment(tmp_path)
    other = replace(COPY, name="other")
    fake = installed(tmp_path, FILES, [EDITABLE, other], "exit 0", complete=True)
    in_place, copied = syncs(fake)
    assert in_place[1:3] == ["--no-install-package", "other"]
    assert copied[1:3] == ["--no-install-package", "shop"]


def test_the_environment_is_there_again_after_a_failure(tmp_path: Path) -> None:
    before = contents(environment(tmp_path))
    with pytest.raises(Exception, match="uv sync"):
        installed(tmp_path, FILES, [EDITABLE], "exit 1")
    assert contents(tmp_path / "venv") == before


def test_what_setuptools_leaves_in_the_tree_is_removed(tmp_path: Path) -> None:
    answer = (
        "mkdir -p src/shop.egg-info build/lib build/empty; echo x > src/shop.egg-info/PKG-INFO; echo x > build/lib/y"
    )
    fake = installed(tmp_path, DYNAMIC, [EDITABLE], answer)
    assert len(syncs(fake)) == 1
    assert contents(tmp_path / "app") == {**DYNAMIC, "uv.lock": LOCK}
    assert not (tmp_path / "app" / "build").exists()


def test_a_package_that_writes_into_its_tree_becomes_a_copy(tmp_path: Path) -> None:
    fake = installed(tmp_path, DYNAMIC, [EDITABLE], "mkdir -p target/empty; echo 'v = 1' > src/shop/_version.py")
    assert [call[0] for call in syncs(fake)] == [str(tmp_path / "app"), str(tmp_path / "scratch" / "app")]
    assert "--no-editable" in syncs(fake)[1]
    assert contents(tmp_path / "app") == {**DYNAMIC, "uv.lock": LOCK}
    assert not (tmp_path / "app" / "target").exists()


@pytest.mark.parametrize(("backend", "calls"), [("scikit_build_core.build", 2), ("setuptools.build_meta", 1)])
def test_a_directory_build_is_litter_of_setuptools_only(tmp_path: Path, backend: str, calls: int) -> None:
    files = {**DYNAMIC, "pyproject.toml": STATIC.replace(BACKEND, f'build-backend = "{backend}"')}
    answer = "mkdir -p build/cp313 && echo x > build/cp313/made.so"
    assert len(syncs(installed(tmp_path, files, [EDITABLE], answer))) == calls
    assert not (tmp_path / "app" / "build").exists()


def test_a_file_that_a_backend_changes_is_restored(tmp_path: Path) -> None:
    fake = installed(tmp_path, DYNAMIC, [EDITABLE], "echo changed > README.md")
    assert len(syncs(fake)) == 2
    assert contents(tmp_path / "app") == {**DYNAMIC, "uv.lock": LOCK}


SETUP = "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('shop._c', ['c.c'])])\n"


@pytest.mark.parametrize(
    "files",
    [
        {**DYNAMIC, "setup.py": SETUP},
        {**DYNAMIC, "pyproject.toml": DYNAMIC["pyproject.toml"] + "[[tool.setuptools.ext-modules]]\nname = 'c'\n"},
        {**DYNAMIC, "pyproject.toml": STATIC.replace(BACKEND, 'build-backend = "maturin"')},
    ],
)
def test_a_package_with_extension_modules_is_compiled_once(tmp_path: Path, files: dict[str, str]) -> None:
    (call,) = syncs(installed(tmp_path, files, [EDITABLE], "exit 0"))
    assert call[0] == str(tmp_path / "scratch" / "app")

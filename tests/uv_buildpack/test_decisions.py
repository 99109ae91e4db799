"""What is decided of packages whose builds see the environment, or each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.decisions import EVERYTHING, Candidates, Circumstances, Decisions, decide
from uv_buildpack.interpreter.catalogue import CPythonBuild
from uv_buildpack.interpreter.request import parse
from uv_buildpack.project.build_settings import Rules
from uv_buildpack.project.local_packages import LocalPackage
from uv_buildpack.project.lockfile import read_lock
from uv_buildpack.project.selection import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BUILD = CPythonBuild(
    version="3.13.4", date="20251120", arch="x86_64", libc="gnu", variant="default", path="a.tar.gz", sha256="0" * 64
)


def decided(
    sees: Mapping[str, tuple[str, ...]], dynamic: tuple[str, ...] = (), packages: dict[str, str] | None = None
) -> Decisions:
    """Return decisions for an app with the local packages `api`, `core` and `tools`."""
    return Decisions(
        python=BUILD,
        python_reason="",
        choice=Choice(members=("api",), extras=(), groups=()),
        packages=packages or {"torch": "2.9 registry=x aa", "numpy": "2.1 registry=x bb"},
        sdists={},
        local=tuple(LocalPackage(name=name, path=name, editable=True) for name in ("api", "core", "tools")),
        files=(),
        sees=sees,
        places=("api", "core", "tools"),
        dynamic=dynamic,
        locked_python="",
    )


def test_local_packages_that_see_something_are_built_in_the_environment() -> None:
    found = decided({"core": ("torch",), "api": EVERYTHING, "flash-attn": EVERYTHING})
    assert found.in_environment == ("api", "core")
    assert [name for name in ("api", "core", "tools") if found.is_unisolated(name)] == ["api"]


def test_the_lock_is_checked_in_the_environment_for_backends_that_declare_dependencies_in_it() -> None:
    sees = {"api": EVERYTHING, "core": ("torch",), "tools": EVERYTHING}
    assert decided(sees).checked_in_environment == ()
    assert decided(sees, ("api", "core")).checked_in_environment == ("api",)
    assert decided({"core": ("torch",)}, ("core", "tools")).checked_in_environment == ()


def test_a_local_package_is_seen_by_others_and_not_by_itself() -> None:
    assert not decided({"core": ("core",)}).is_seen("core")
    assert decided({"api": ("core",)}).is_seen("core")
    assert not decided({"api": ("core",)}).is_seen("tools")
    assert decided({"api": EVERYTHING}).is_seen("tools")
    assert not decided({"api": EVERYTHING}).is_seen("api")


@pytest.mark.parametrize(
    ("sees", "changed", "matters"),
    [
        ((), "torch", False),
        (("torch",), "torch", True),
        (("torch",), "numpy", False),
        (("torch", "gone"), "torch", True),
        (EVERYTHING, "numpy", True),
    ],
)
def test_a_build_depends_on_the_packages_that_it_sees(sees: tuple[str, ...], changed: str, *, matters: bool) -> None:
    seeing = {"core": sees} if sees else {}
    before = decided(seeing)
    after = decided(seeing, packages={**before.packages, changed: "3.0 registry=x cc"})
    assert (before.against("core") != after.against("core")) is matters
    assert bool(before.against("core")) is bool(sees)


LOCK = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "old" }, { name = "new" }, { name = "none" }]
"""
PACKAGE = """
[[package]]
name = "{name}"
version = "1"
source = {{ registry = "https://index.example/simple" }}
sdist = {{ url = "https://index.example/{name}-1.tar.gz", hash = "sha256:00" }}
wheels = [{{ url = "https://index.example/{name}-1-{tag}.whl", hash = "sha256:00" }}]
"""
EVERYWHERE = "py3-none-any"


@pytest.mark.parametrize(
    ("old", "new", "python", "reason"),
    [
        (EVERYWHERE, EVERYWHERE, "3.13.4", "newest for 3 (BP_PYTHON_VERSION)"),
        ("cp312-cp312-linux_x86_64", EVERYWHERE, "3.12.9", "newest for 3 (BP_PYTHON_VERSION) that has a wheel of old"),
        # Whichever is chosen, something has to be built.
        ("cp312-cp312-linux_x86_64", "cp313-cp313-linux_x86_64", "3.13.4", "newest for 3 (BP_PYTHON_VERSION)"),
    ],
)
def test_the_newest_minor_is_chosen_for_which_least_has_to_be_built(
    tmp_path: Path, old: str, new: str, python: str, reason: str
) -> None:
    tags = {"old": old, "new": new, "none": "cp39-cp39-win_amd64"}
    text = LOCK + "".join(PACKAGE.format(name=name, tag=tag) for name, tag in tags.items())
    plant(tmp_path, {"uv.lock": text})
    lock = read_lock(tmp_path / "uv.lock", "uv.lock")
    builds = (BUILD, replace(BUILD, version="3.12.9"))
    rules = Rules(source_only=lambda _: False, unisolated=lambda _: False, against={})
    circumstances = Circumstances(no_editable=False, rules=rules, dynamic=(), digest_of=lambda _: "", tools=lambda: "")
    choice = Choice(members=("app",), extras=(), groups=())
    found = decide(lock, choice, Candidates(parse("3", "BP_PYTHON_VERSION"), builds), circumstances)
    assert (found.python.version, found.python_reason) == (python, reason)
    assert found.sdists["none"] == f"no wheel fits Python {python} on x86_64, gnu"

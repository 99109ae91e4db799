"""What is kept for the next build, and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.uv_buildpack.fake_uv import fake_uv

from uv_buildpack.decisions import Decisions
from uv_buildpack.interpreter.catalogue import CPythonBuild
from uv_buildpack.project import selection
from uv_buildpack.snapshots.file_format import Memory
from uv_buildpack.snapshots.policy import Store

if TYPE_CHECKING:
    from pathlib import Path

BUILD = CPythonBuild(
    version="3.13.4", date="20251120", arch="x86_64", libc="gnu", variant="default", path="a.tar.gz", sha256="0" * 64
)
DECISIONS = Decisions(
    python=BUILD,
    python_reason="",
    choice=selection.Choice(packages=("app",), extras=(), groups=()),
    packages={"docopt": "0.6.2 registry=https://index.example 0123"},
    sdists=("docopt",),
    local=(),
    files=(),
)
KEY = {"python": "3.13.4", "target": "linux", "build_environment": ""}


def test_wheels_built_from_source_come_back_into_a_cache_that_the_lock_gate_has_used(tmp_path: Path) -> None:
    uv = fake_uv(tmp_path, {"cache*": "exit 0"}).uv
    (tmp_path / "snapshots").mkdir()

    def build(cache: Path) -> list[str]:
        store = Store(directory=tmp_path / "snapshots", policy="auto", before=Memory(keys={}, wanted={}))
        (cache / "sdists-v10").mkdir(parents=True)
        with store.built_wheels(uv, DECISIONS, KEY, cache):
            found = [path.name for path in cache.rglob("*.whl")]
            (cache / "sdists-v10").mkdir(exist_ok=True)
            (cache / "sdists-v10" / "docopt.whl").touch()
        return found

    assert build(tmp_path / "first") == []
    assert build(tmp_path / "second") == ["docopt.whl"]

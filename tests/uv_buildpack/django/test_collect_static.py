"""The program that runs in the application's environment, with a toy Django."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.uv_buildpack.django.toy_django import APP, DJANGO, SETTINGS
from tests.uv_buildpack.trees import plant

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = Path(__file__).parents[3] / "src/uv_buildpack/data/collect_static.py"


def answer(root: Path, files: Mapping[str, str], upload: str = "stay") -> dict[str, Any]:
    plant(root / "packages", DJANGO)
    app = plant(root / "app", files)
    argv: list[str | Path] = [sys.executable, "-B", PROGRAM, root / "answer.json", app, "manage.py", upload]
    environment = {"PYTHONPATH": str(root / "packages")}
    subprocess.run(argv, cwd=app, env=environment, capture_output=True, check=True)
    document: dict[str, Any] = json.loads((root / "answer.json").read_text())
    return document


def test_files_are_collected_in_an_order_that_is_no_file_systems(tmp_path: Path) -> None:
    said = answer(tmp_path, APP)
    assert (said["outcome"], said["root"], said["traceable"]) == ("collected", "collected", True)
    assert json.loads((tmp_path / "app/collected/manifest.json").read_text()) == [["a", "b"], ["a.css", "site.css"]]
    assert (tmp_path / "app/collected/site.css").read_text() == "p {}"


def test_it_tells_what_was_read(tmp_path: Path) -> None:
    settings = SETTINGS + "try:\n    open(HERE + '/.env')\nexcept OSError:\n    pass\n"
    reads = answer(tmp_path, {**APP, "shop/settings.py": settings})["reads"]
    assert {".env", "manage.py", "shop/settings.py", "shop/static/site.css"} <= set(reads)
    assert "shop/views.py" not in reads


def test_what_another_program_reads_cannot_be_told(tmp_path: Path) -> None:
    settings = SETTINGS + "import subprocess\nsubprocess.run(['true'])\n"
    assert answer(tmp_path, {**APP, "shop/settings.py": settings})["traceable"] is False


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        (SETTINGS.replace("django.contrib.staticfiles", "shop"), {"outcome": "not-enabled"}),
        (SETTINGS.replace("STATIC_ROOT", "MEDIA_ROOT"), {"outcome": "no-root"}),
        (SETTINGS.replace('HERE + "/collected"', '"/var/www"'), {"outcome": "outside", "root": "/var/www"}),
        (
            SETTINGS + "BUCKET = True\n",
            {"outcome": "elsewhere", "storage": "django.contrib.staticfiles.storage.Bucket"},
        ),
        (
            SETTINGS + "KEY = os.environ['SHOP_KEY']\n",
            {"outcome": "unimportable", "error": "KeyError: 'SHOP_KEY'", "place": "shop/settings.py:5"},
        ),
        (
            "import debug_toolbar",
            {"outcome": "unimportable", "error": "ModuleNotFoundError: No module named 'debug_toolbar'"},
        ),
        (
            SETTINGS + "BROKEN = True\n",
            {"outcome": "failed", "error": "ValueError: Missing staticfiles manifest entry"},
        ),
    ],
)
def test_each_reason_not_to_collect_is_told(tmp_path: Path, settings: str, outcome: dict[str, str]) -> None:
    said = answer(tmp_path, {**APP, "shop/settings.py": settings})
    assert {name: said[name] for name in outcome} == outcome
    assert not (tmp_path / "app/collected").exists()


def test_files_go_elsewhere_only_if_that_is_asked_for(tmp_path: Path) -> None:
    settings = SETTINGS + "BUCKET = True\nBROKEN = True\n"
    assert answer(tmp_path, {**APP, "shop/settings.py": settings}, "upload")["outcome"] == "failed"
    assert answer(tmp_path, {**APP, "shop/settings.py": settings})["outcome"] == "elsewhere"


def test_a_manage_py_that_ends_badly_is_told(tmp_path: Path) -> None:
    said = answer(tmp_path, {**APP, "manage.py": "raise SystemExit('no settings')\n"})
    assert (said["outcome"], said["error"]) == ("unimportable", "SystemExit: no settings")

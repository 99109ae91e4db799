"""Static files in whole builds: when the application's code runs, and what is there when it does not."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.django.toy_django import APP, SETTINGS
from tests.uv_buildpack.workshop import PACKAGES, Workshop, app

from uv_buildpack import package_data
from uv_buildpack.errors import (
    CollectstaticFailed,
    CollectstaticImpossible,
    DjangoSettingsNotImportable,
    InterpreterFailed,
    StaticRootInvalid,
)

if TYPE_CHECKING:
    from uv_buildpack.errors import Problem

PROGRAM = Path(package_data.__file__).with_name("data") / "collect_static.py"
FILES = {**app({**PACKAGES, "django": "5.2"}), **APP}
KEPT = "nothing that collectstatic read has changed: its result is taken from a snapshot"
COMMAND = "$ python manage.py collectstatic --no-input"


def collected(workshop: Workshop) -> dict[str, str]:
    root = workshop.root / "app/collected"
    return {path.name: path.read_text(encoding="utf-8") for path in root.iterdir()} if root.is_dir() else {}


def test_they_are_collected_into_a_slice_of_their_own(workshop: Workshop) -> None:
    text = workshop.build(FILES)
    assert COMMAND in text
    assert "  collected: 3 files, 0.0 MB, in a slice of their own\n" in text
    assert collected(workshop)["site.css"] == "p {}"
    assert workshop.slices == [("collected",)]


def test_a_build_with_nothing_changed_runs_nothing_and_has_the_same_files(workshop: Workshop) -> None:
    workshop.build(FILES)
    first = collected(workshop)
    text = workshop.build({**FILES, "shop/views.py": "edited = True\n"})
    assert KEPT in text
    assert COMMAND not in text
    assert workshop.calls == []
    assert collected(workshop) == first
    assert workshop.slices == [("collected",)]


def test_a_changed_file_is_collected_with_the_environment_of_the_cache(workshop: Workshop) -> None:
    workshop.build(FILES)
    image = workshop.image
    text = workshop.build({**FILES, "shop/static/site.css": "p { color: red }"})
    assert COMMAND in text
    assert "venv: reused" in text
    assert "taking static-environment from its snapshot" in text
    assert workshop.calls == []
    assert collected(workshop)["site.css"] == "p { color: red }"
    assert workshop.image == image


def test_without_it_in_the_cache_the_run_has_an_environment_of_its_own_which_is_kept(workshop: Workshop) -> None:
    workshop.build(FILES)
    (workshop.layers / "snapshots/static-environment.snapshot").unlink()
    text = workshop.build({**FILES, "shop/static/site.css": "p { color: red }"})
    assert "venv: reused" in text
    assert [call.split()[0] for call in workshop.calls] == ["venv", "sync"]
    assert collected(workshop)["site.css"] == "p { color: red }"
    workshop.build({**FILES, "shop/static/site.css": "p { color: blue }"})
    assert workshop.calls == []
    assert collected(workshop)["site.css"] == "p { color: blue }"


@pytest.mark.parametrize("heavy", ["django", "none"])
def test_it_has_the_packages_that_have_layers_of_their_own(workshop: Workshop, heavy: str) -> None:
    workshop.variables["BP_UV_HEAVY_PACKAGES"] = heavy
    workshop.build(FILES)
    workshop.build({**FILES, "shop/static/site.css": "p { color: red }"})
    assert workshop.calls == []
    assert collected(workshop)["site.css"] == "p { color: red }"


@pytest.mark.parametrize("change", [{"shop/static/new.css": ""}, {"shop/settings.py": SETTINGS + "DEBUG = False\n"}])
def test_a_new_file_and_a_changed_setting_are_noticed(workshop: Workshop, change: dict[str, str]) -> None:
    workshop.build(FILES)
    assert COMMAND in workshop.build({**FILES, **change})


def test_a_changed_variable_of_the_user_is_noticed(workshop: Workshop) -> None:
    workshop.build(FILES)
    workshop.variables["SHOP_BRAND"] = "blue"
    assert COMMAND in workshop.build(FILES)


def test_a_new_secret_changes_nothing_and_is_in_no_digest(workshop: Workshop) -> None:
    workshop.variables |= {"SHOP_TOKEN": "old-token", "DATABASE_URL": "postgres://shop:old-word@db.example/shop"}
    workshop.build(FILES)
    workshop.variables |= {"SHOP_TOKEN": "new-token", "DATABASE_URL": "postgres://shop:new-word@db.example/shop"}
    assert COMMAND not in workshop.build(FILES)


def test_a_changed_package_is_noticed_and_the_environment_of_the_build_is_used(workshop: Workshop) -> None:
    workshop.build(FILES)
    packages = app({**PACKAGES, "click": "8.3.3", "django": "5.2"})
    assert COMMAND in workshop.build({**FILES, **packages})


def test_local_packages_are_lent_to_the_run(workshop: Workshop) -> None:
    files = {**FILES, **app({**PACKAGES, "django": "5.2"}, packaged=True)}
    workshop.build(files)
    text = workshop.build({**files, "shop/static/site.css": "p { color: red }"})
    assert COMMAND in text
    assert "venv-project: reused" in text
    assert not (workshop.layers / "venv-project").exists()


def test_what_cannot_be_traced_is_collected_again(workshop: Workshop) -> None:
    settings = SETTINGS + "import subprocess\nsubprocess.run(['true'])\n"
    workshop.build({**FILES, "shop/settings.py": settings})
    assert COMMAND in workshop.build({**FILES, "shop/settings.py": settings})


def test_a_search_for_a_library_of_the_machine_can_be_traced(workshop: Workshop) -> None:
    settings = SETTINGS + "import ctypes.util\nctypes.util.find_library('none-of-this-name')\n"
    workshop.build({**FILES, "shop/settings.py": settings})
    assert KEPT in workshop.build({**FILES, "shop/settings.py": settings})


@pytest.mark.parametrize("event", ["subprocess.Popen", "os.posix_spawn"])
def test_each_way_to_start_a_program_is_told_from_a_search(event: str) -> None:
    """CPython 3.14 and newer tell of both where older ones tell of the first."""
    reads = runpy.run_path(str(PROGRAM))["Reads"]()
    reads(event, ("/sbin/ldconfig", ["/sbin/ldconfig", "-p"], {}))
    assert (reads.searches, reads.traceable) == (True, True)
    reads(event, ("/usr/bin/true", ["true"], {}))
    assert not reads.traceable


@pytest.mark.parametrize(
    "lack",
    [
        "import ctypes.util\nassert ctypes.util.find_library('none-of-this-name'), 'libnone not found'\n",
        "raise ImportError('libnone.so.1: cannot open shared object file')\n",
    ],
)
def test_settings_that_lack_a_library_of_the_machine_are_loaded_again(workshop: Workshop, lack: str) -> None:
    files = {**FILES, "shop/settings.py": SETTINGS + lack}
    assert "Django's settings cannot be loaded" in workshop.build(files)
    assert COMMAND in workshop.build(files)


def test_settings_that_lack_anything_else_are_not(workshop: Workshop) -> None:
    files = {**FILES, "shop/settings.py": SETTINGS + "KEY = os.environ['BUCKET_NAME']\n"}
    assert "Django's settings cannot be loaded" in workshop.build(files)
    text = workshop.build(files)
    assert KEPT in text
    assert "Django's settings cannot be loaded" in text


def test_a_snapshot_of_another_version_is_not_used(workshop: Workshop) -> None:
    workshop.build(FILES)
    snapshot = workshop.layers / "snapshots/static-files.snapshot"
    snapshot.write_bytes(snapshot.read_bytes()[:-10])
    text = workshop.build(FILES)
    assert "The snapshot static-files.snapshot cannot be used" in text
    assert COMMAND in text


def test_without_snapshots_every_build_collects(workshop: Workshop) -> None:
    workshop.variables["BP_UV_SNAPSHOTS"] = "never"
    workshop.build(FILES)
    assert COMMAND in workshop.build(FILES)


def test_what_settings_write_beside_static_files_is_removed(workshop: Workshop) -> None:
    writing = """
import pathlib
for name in ("logs", "uploads"):
    pathlib.Path(HERE, name).mkdir(exist_ok=True)
pathlib.Path(HERE, "logs/shop.log").write_text("started")
pathlib.Path(HERE, "notes.txt").write_text("changed")
"""
    text = workshop.build({**FILES, "notes.txt": "", "shop/settings.py": SETTINGS + writing})
    assert "warning: notes.txt was changed when the settings were loaded, and is in the image as it is now." in text
    names = {path.name for path in (workshop.root / "app").iterdir()}
    assert {"collected", "notes.txt"} <= names
    assert not {"logs", "uploads"} & names


def test_modes_do_not_follow_the_umask(workshop: Workshop) -> None:
    tight = os.umask(0o077)
    try:
        workshop.build(FILES)
    finally:
        os.umask(tight)
    root = workshop.root / "app/collected"
    assert root.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in root.iterdir()} == {0o644}


def test_the_secret_key_has_a_stand_in_that_settings_may_insist_on(workshop: Workshop) -> None:
    settings = SETTINGS + "SECRET_KEY = os.environ['SHOP_KEY']\nassert SECRET_KEY != os.environ.get('OTHER')\n"
    assert "collected: 3 files" in workshop.build({**FILES, "shop/settings.py": settings})


def test_the_database_has_a_stand_in_too(workshop: Workshop) -> None:
    settings = SETTINGS + "assert os.environ['DATABASE_URL'] == 'sqlite://:memory:'\n"
    assert "collected: 3 files" in workshop.build({**FILES, "shop/settings.py": settings})
    workshop.variables["DATABASE_URL"] = "postgres://db.example/shop"
    assert "AssertionError" in workshop.build({**FILES, "shop/settings.py": settings})


@pytest.mark.parametrize(
    ("change", "problem", "said"),
    [
        (
            {"shop/settings.py": SETTINGS + "KEY = os.environ['BUCKET_NAME']\n"},
            DjangoSettingsNotImportable,
            "warning: Django's settings cannot be loaded in the build. The image has no static files.",
        ),
        (
            {"shop/settings.py": SETTINGS.replace("django.contrib.staticfiles", "shop")},
            CollectstaticImpossible,
            "  not collected: django.contrib.staticfiles is not in INSTALLED_APPS",
        ),
        (
            {"shop/settings.py": SETTINGS.replace('HERE + "/collected"', '"/var/www"')},
            StaticRootInvalid,
            "warning: There is no place in the image for Django's static files. The image has no static files.",
        ),
        ({"other/manage.py": APP["manage.py"], "manage.py": "", "more/manage.py": APP["manage.py"]}, None, ""),
        ({"manage.py": ""}, None, ""),
    ],
)
def test_what_is_in_the_way_is_an_error_only_if_static_files_are_asked_for(
    workshop: Workshop, change: dict[str, str], problem: type[Problem] | None, said: str
) -> None:
    text = workshop.build({**FILES, **change})
    assert said in text
    assert ("Static files" in text) == bool(said)
    assert workshop.slices == []
    workshop.variables["BP_DJANGO_COLLECTSTATIC"] = "true"
    with pytest.raises(problem or CollectstaticImpossible):
        workshop.build({**FILES, **change})


def test_a_project_without_django_has_nothing_to_collect(workshop: Workshop) -> None:
    assert "Static files" not in workshop.build(app(PACKAGES))
    workshop.variables["BP_DJANGO_COLLECTSTATIC"] = "true"
    with pytest.raises(CollectstaticImpossible, match="cannot be collected"):
        workshop.build(app(PACKAGES))


def test_a_project_whose_modules_name_no_root_runs_nothing(workshop: Workshop) -> None:
    text = workshop.build({**FILES, "shop/settings.py": SETTINGS.replace("STATIC_ROOT", "MEDIA_ROOT")})
    assert "Static files" not in text


def test_it_can_be_switched_off(workshop: Workshop) -> None:
    workshop.variables["BP_DJANGO_COLLECTSTATIC"] = "false"
    assert "Static files" not in workshop.build(FILES)


def test_a_storage_elsewhere_is_left_alone(workshop: Workshop) -> None:
    text = workshop.build({**FILES, "shop/settings.py": SETTINGS + "BUCKET = True\n"})
    assert "keeps static files outside of the image: not collected" in text
    assert workshop.slices == []


def test_a_collection_that_fails_ends_the_build(workshop: Workshop) -> None:
    with pytest.raises(CollectstaticFailed):
        workshop.build({**FILES, "shop/settings.py": SETTINGS + "BROKEN = True\n"})


def test_settings_that_end_the_process_are_an_error_of_the_interpreter(workshop: Workshop) -> None:
    with pytest.raises(InterpreterFailed, match="collect static files"):
        workshop.build({**FILES, "shop/settings.py": SETTINGS + "os._exit(7)\n"})

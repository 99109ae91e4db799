"""Django's static files: collected once, taken from a snapshot while nothing changed, and in a slice of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from integration.application import App, project
from integration.workbench import BASE, Workbench, diff_ids, errors, layer_states, warnings

from trial.pins import pin

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnb_platform.result import BuildResult

SETTINGS = """
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SHOP_KEY"]
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.staticfiles", "shop"]
MIDDLEWARE = ["whitenoise.middleware.WhiteNoiseMiddleware"]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "collected [files]"
STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
LOGS = BASE_DIR / "logs"
LOGS.mkdir(exist_ok=True)
LOGGING = {"version": 1, "handlers": {"file": {"class": "logging.FileHandler", "filename": LOGS / "django.log"}}}
"""
MANAGE = """
import os, sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
FILES = {
    "pyproject.toml": project("shop", ("django", "whitenoise", "gunicorn")).replace(">=3.9", ">=3.11"),
    "manage.py": MANAGE,
    "Procfile": "web: gunicorn shop.wsgi --bind 0.0.0.0:$PORT\n",
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS,
    "shop/urls.py": "from django.urls import path\nfrom shop import views\nurlpatterns = [path('', views.index)]\n",
    "shop/views.py": "from django.shortcuts import render\ndef index(request): return render(request, 'index.html')\n",
    "shop/wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n"
    "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\napplication = get_wsgi_application()\n",
    "shop/static/site.css": "p {}\n",
    "shop/static/old.css": "a {}\n",
    "shop/templates/index.html": '{% load static %}<link href="{% static "site.css" %}">',
}
COLLECTS = "python manage.py collectstatic"
SNAPSHOT = "taken from a snapshot"
SLICE = "app 1"


@pytest.fixture
def shop(app: App) -> App:
    """A Django project with static files."""
    app.write(FILES)
    pin(app.directory)
    app.lock()
    return app


def app_layers(result: BuildResult) -> dict[str, str]:
    return {row.name: row.state for row in result.layers if row.name.startswith("app ")}


@pytest.mark.in_containers
def test_static_files_are_collected_once_and_served(
    bench: Workbench, shop: App, image: str, measured: Callable[[str], None]
) -> None:
    # No SHOP_KEY: settings get a stand-in for the secret key.
    cold = bench.build(shop, image, previous=BASE)
    assert COLLECTS in cold.log
    assert set(app_layers(cold)) == {SLICE, "app 2"}
    with bench.serving(image, env={"SHOP_KEY": "x"}) as address:
        page = httpx.get(address).text
        assert httpx.get(address + page.partition('href="/')[2].partition('"')[0]).text == "p {}\n"
    again = bench.build(shop, image)
    assert SNAPSHOT in again.log
    assert diff_ids(again) == diff_ids(cold)
    assert set(layer_states(again).values()) == {"reused"}
    measured(f"collectstatic cold: {duration(cold.log):.2f} s, from a snapshot: {duration(again.log):.2f} s")
    # A view is not loaded by collectstatic, and no static file depends on it.
    shop.edit("shop/views.py", "def index", "# edited\ndef index")
    edited = bench.build(shop, image)
    assert SNAPSHOT in edited.log
    assert app_layers(edited) == {SLICE: "reused", "app 2": "added"}
    shop.edit("shop/static/site.css", "p {}", "p { color: red }")
    restyled = bench.build(shop, image)
    assert COLLECTS in restyled.log
    assert app_layers(restyled) == {SLICE: "added", "app 2": "added"}
    assert set(layer_states(restyled).values()) == {"reused"}
    clean = bench.build(shop, f"{image}-clean", previous=BASE)
    assert diff_ids(clean) == diff_ids(restyled)


def test_each_reason_not_to_collect_is_told_apart(bench: Workbench, shop: App, image: str) -> None:
    required = {"BP_DJANGO_COLLECTSTATIC": "true"}
    off = bench.build(shop, image, previous=BASE, env={"BP_DJANGO_COLLECTSTATIC": "false"})
    assert "Static files" not in off.log
    assert set(app_layers(off)) == {"app 1"}
    shop.edit("shop/settings.py", "SHOP_KEY", "SHOP_DATABASE")
    shop.edit("shop/settings.py", "SECRET_KEY = ", "DATABASE = ")
    settings = "Django's settings cannot be loaded in the build."
    lenient = bench.build(shop, image)
    assert warnings(lenient.log) == [f"{settings} The image has no static files."]
    assert "shop/settings.py:6: KeyError: 'SHOP_DATABASE'" in lenient.log
    assert errors(bench.failing(shop, image, env=required)) == [settings]
    assert "collected [files]: 5 files" in bench.build(shop, image, env={**required, "SHOP_DATABASE": "x"}).log
    shop.edit("shop/settings.py", '"django.contrib.staticfiles", ', "")
    shop.edit("shop/settings.py", 'os.environ["SHOP_DATABASE"]', '"x"')
    assert "not collected: django.contrib.staticfiles is not in INSTALLED_APPS" in bench.build(shop, image).log
    assert errors(bench.failing(shop, image, env=required)) == ["Django's static files cannot be collected."]
    shop.edit("shop/settings.py", '"shop"]', '"django.contrib.staticfiles", "shop"]')
    shop.edit("shop/static/site.css", "p {}", "p { background: url(gone.png) }")
    assert errors(bench.failing(shop, image)) == ["`collectstatic` failed."]


def duration(log: str) -> float:
    """Seconds of the step, as the log has them."""
    step = log.partition("\nStatic files\n")[2]
    return float(step.partition("\n  (")[2].partition(" s)")[0])

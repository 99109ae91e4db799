"""A Django of a few lines, as far as collecting static files needs it, and a project for it."""

from __future__ import annotations

from textwrap import dedent

_DJANGO = {
    "django/__init__.py": "def setup():\n    from django.conf import settings\n    settings.INSTALLED_APPS\n",
    "django/conf.py": """
        import importlib, os
        class _Settings:
            STATIC_ROOT = None
            def __getattr__(self, name):
                return getattr(importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"]), name)
            def __getattribute__(self, name):
                if name == "STATIC_ROOT":
                    return getattr(importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"]), name, None)
                return super().__getattribute__(name)
        settings = _Settings()
        """,
    "django/apps.py": """
        from django.conf import settings
        class apps:
            @staticmethod
            def is_installed(name):
                return name in settings.INSTALLED_APPS
        """,
    "django/core/__init__.py": "",
    "django/core/files/__init__.py": "",
    "django/core/files/storage.py": """
        import os
        class FileSystemStorage:
            url = ""
            def __init__(self, location):
                self.location = location
            def listdir(self, path):
                return ["b", "a"], sorted(os.listdir(path), reverse=True)
        """,
    "django/contrib/__init__.py": "",
    "django/contrib/staticfiles/__init__.py": "",
    "django/contrib/staticfiles/storage.py": """
        from django.conf import settings
        from django.core.files.storage import FileSystemStorage
        class Bucket:
            url = ""
        kept = FileSystemStorage(settings.STATIC_ROOT)
        staticfiles_storage = Bucket() if getattr(settings, "BUCKET", False) else kept
        """,
    "django/core/management.py": """
        import json, os
        def execute_from_command_line(argv):
            print(argv)
        def call_command(name, interactive):
            from django.conf import settings
            from django.contrib.staticfiles.storage import staticfiles_storage as storage
            if getattr(settings, "BROKEN", False):
                raise ValueError("Missing staticfiles manifest entry")
            os.makedirs(settings.STATIC_ROOT)
            found = storage.listdir("shop/static")
            for file in found[1]:
                with open(f"shop/static/{file}") as source, open(f"{settings.STATIC_ROOT}/{file}", "w") as target:
                    target.write(source.read())
            with open(f"{settings.STATIC_ROOT}/manifest.json", "w") as manifest:
                json.dump(found, manifest)
        """,
}
DJANGO = {path: dedent(text).lstrip("\n") for path, text in _DJANGO.items()}
"""The package: path → text."""
MANAGE = """
    import os, sys
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    if __name__ == "__main__":
        from django.core.management import execute_from_command_line
        execute_from_command_line(sys.argv)
    """
SETTINGS = """\
import os
HERE = os.path.dirname(os.path.dirname(__file__))
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_ROOT = HERE + "/collected"
"""
APP = {
    "manage.py": dedent(MANAGE),
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS,
    "shop/views.py": "",
    "shop/static/site.css": "p {}",
    "shop/static/a.css": "a {}",
}

"""Runs in the application's environment: collects Django's static files, and tells what came of it and what was read.

`python collect_static.py ANSWER APP_DIR MANAGE UPLOAD`, in the directory of `manage.py`. The answer is a JSON file; its
`outcome` is one of `collected`, `unimportable`, `not-enabled`, `no-root`, `outside`, `elsewhere` and `failed`.
"""
# A program for the application's interpreter, which is started with Django to import.
# ruff: noqa: INP001, PLC0415, PTH100, PTH109, PTH119, PTH123

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from typing import Any

STARTS = {"subprocess.Popen", "os.posix_spawn"}
"""A program is started: since CPython 3.14 `Popen` does it by the other, and both tell of it."""
UNTRACEABLE = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
"""With these something is read that nobody sees here (audit events of CPython)."""
LIBRARY_SEARCH = {"ldconfig", "gcc", "cc", "ld", "objdump"}
"""What `ctypes.util.find_library` starts, which psycopg calls for example: they look at the machine, not at the app."""


class Reads:
    """The files that were opened, which is all that the outcome can depend on besides names and variables."""

    def __init__(self) -> None:
        """Begin with none."""
        self.paths: set[str] = set()
        self.traceable = True
        self.searches = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event."""
        if event in {"open", "sqlite3.connect"} and isinstance(arguments[0], (str, bytes, os.PathLike)):
            self.paths.add(os.path.abspath(os.fsdecode(arguments[0])))
        elif event in STARTS and os.path.basename(os.fsdecode(arguments[0])) in LIBRARY_SEARCH:
            self.searches = True
        elif event in UNTRACEABLE:
            self.traceable = False

    def below(self, directory: str) -> list[str]:
        """Return what was opened below a directory, relative to it. Modules count though their bytecode was read."""
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        paths = self.paths | {os.path.abspath(path) for path in modules if isinstance(path, str)}
        return sorted(os.path.relpath(path, directory) for path in paths if path.startswith(directory + os.sep))


def collect(app_dir: str, manage: str, *, upload: bool) -> dict[str, Any]:
    """Load the settings as `manage.py` does, and collect if there is something to collect and a place in the app."""
    # A command that does nothing but load the settings: manage.py may choose them, or read a file of variables first.
    sys.argv = [manage, "version"]
    try:
        try:
            runpy.run_path(manage, run_name="__main__")
        except SystemExit as end:
            if end.code not in {None, 0}:
                raise
        import django
        from django.apps import apps
        from django.conf import settings

        # Where it fails to import them, Django goes on until something is needed.
        settings.INSTALLED_APPS  # noqa: B018
        django.setup()
    except BaseException as error:  # noqa: BLE001 (settings are anybody's code)
        return {"outcome": "unimportable", **described(error, app_dir)}
    if not apps.is_installed("django.contrib.staticfiles"):
        return {"outcome": "not-enabled"}
    try:
        return collected(app_dir, settings, upload=upload)
    except BaseException as error:  # noqa: BLE001 (storages are anybody's code)
        return {"outcome": "failed", **described(error, app_dir)}


def collected(app_dir: str, settings: Any, *, upload: bool) -> dict[str, Any]:  # noqa: ANN401 (Django's)
    """Collect, unless there is no place for it in the app."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.files.storage import FileSystemStorage
    from django.core.management import call_command

    staticfiles_storage.url  # noqa: B018 (it is made when it is first used)
    kind = type(getattr(staticfiles_storage, "_wrapped", staticfiles_storage))
    if not issubclass(kind, FileSystemStorage):
        storage = f"{kind.__module__}.{kind.__qualname__}"
        if upload:
            call_command("collectstatic", interactive=False)
        return {"outcome": "elsewhere", "storage": storage}
    if not settings.STATIC_ROOT:
        return {"outcome": "no-root"}
    root = os.path.realpath(staticfiles_storage.location)
    if not root.startswith(app_dir + os.sep):
        return {"outcome": "outside", "root": root}
    # The order of a directory is the file system's, and manifests keep the order in which files were found.
    unsorted = FileSystemStorage.listdir
    FileSystemStorage.listdir = lambda storage, path: tuple(sorted(names) for names in unsorted(storage, path))
    call_command("collectstatic", interactive=False)
    return {"outcome": "collected", "root": os.path.relpath(root, app_dir)}


def described(error: BaseException, app_dir: str) -> dict[str, Any]:
    """Return the last line of an exception, where in the app it came from, and the traceback."""
    places = [
        f"{os.path.relpath(frame.filename, app_dir)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(app_dir + os.sep)
    ]
    lines = traceback.format_exception_only(type(error), error)
    return {
        "error": "".join(lines).strip(),
        "place": places[-1] if places else "",
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }


def main() -> None:
    """Write the answer, whatever happens."""
    answer, app_dir, manage, upload = sys.argv[1:]
    app_dir = os.path.realpath(app_dir)
    reads = Reads()
    sys.addaudithook(reads)
    # As for `python manage.py`; this program's own directory is not on the path.
    sys.path[0] = os.getcwd()
    outcome = collect(app_dir, manage, upload=upload == "upload")
    # Settings that need a library of the machine can be loaded as soon as the machine has it.
    lacking = outcome["outcome"] == "unimportable" and (reads.searches or ".so" in outcome["error"])
    outcome.update(reads=reads.below(app_dir), traceable=reads.traceable and not lacking)
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(outcome, file)


if __name__ == "__main__":
    main()

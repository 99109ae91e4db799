"""uWSGI's own configuration file: what it sets is not set again on the command line, where it would be overruled.

https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html#ini-files
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.files import SourceFile
from uv_buildpack.processes.inference.servers import PORT, WORKERS
from uv_buildpack.processes.inference.syntax import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from uv_buildpack.processes.inference.sources import Sources

_NAME = "uwsgi.ini"
_HTTP = ("http", "http-socket", "https", "https-socket", "http11-socket")
# What is said on the command line, unless the file says it by one of these names.
_OPTIONS = (
    (_HTTP, f"--http-socket 0.0.0.0:{PORT}"),
    (("master",), "--master"),
    (("die-on-term",), "--die-on-term"),
    (("need-app",), "--need-app"),
    (("processes", "workers", "cheaper"), f"--processes {WORKERS}"),
)
_APPLICATIONS = ("module", "wsgi", "wsgi-file", "file", "mount", "paste", "ini-paste")
# Options whose values begin with the path of a URL.
_OF_URLS = ("static-map", "static-map2", "mount", "route", "route-uri", "check-cache")
_EVERYWHERE = ("/dev/", "/tmp/")  # noqa: S108 (as values that are read)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class UwsgiFile(NamedTuple):
    """A configuration file, and its settings with their lines; some may be there more than once."""

    name: str
    settings: tuple[tuple[int, str, str], ...]

    def values(self, *names: str) -> list[str]:
        """Return what one of these options is set to."""
        return [value for _, name, value in self.settings if name in names]

    @property
    def misfit(self) -> str:
        """Why it does not fit a container: it is for one machine, or for a server in the background."""
        for line, name, value in self.settings:
            if name.startswith("daemonize"):
                return f"line {line} puts the server into the background, which ends a container"
            if name in _HTTP and value.startswith(_LOOPBACK):
                return f"line {line} listens on this machine only"
            if value.startswith("/") and not value.startswith(_EVERYWHERE) and name not in _OF_URLS:
                return f"line {line} names {value}, which is a place on another machine"
        return ""


def uwsgi_file(sources: Sources, directory: PurePosixPath) -> UwsgiFile | None:
    """Return uWSGI's configuration for processes that start in the directory."""
    path = directory / _NAME
    content = sources.content(SourceFile(str(path)))
    if isinstance(content, Unreadable):
        return None
    return UwsgiFile(str(path), tuple(_settings(content.decode(errors="replace"))))


def _settings(text: str) -> Iterator[tuple[int, str, str]]:
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped.strip("[]")
        elif section == "uwsgi" and stripped and not stripped.startswith((";", "#")):
            name, _, value = stripped.partition("=")
            yield number, name.strip().replace("_", "-"), value.strip()


def options(file: UwsgiFile | None, target: str) -> dict[str, str]:
    """Return the parts of uWSGI's command line that depend on its configuration file: of two the later one counts."""
    if file is None or file.misfit:
        settings = " ".join(option for _, option in _OPTIONS)
        return {"assignment": "", "settings": settings, "load": f"--module {target}"}
    missing = (option for names, option in _OPTIONS if not file.values(*names))
    load = "" if file.values(*_APPLICATIONS) else f"--module {target}"
    # `$(PORT)` in the file has no default.
    reads = any("$(PORT)" in value for value in file.values(*_HTTP))
    settings = " ".join([f"--ini {_NAME}", *missing])
    return {"assignment": f"PORT={PORT}" if reads else "", "settings": settings, "load": load}


def notes(file: UwsgiFile | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return evidence and warnings about the file."""
    if file is None:
        return (), ()
    if file.misfit:
        return (), (f"{file.name} is not used: {file.misfit}",)
    evidence = (f"{file.name}: uWSGI's configuration",)
    listening = file.values(*_HTTP)
    if listening and not any("PORT" in value for value in listening):
        return evidence, (f"{file.name} sets where uWSGI listens ({listening[0]}), and $PORT has no effect",)
    return evidence, ()

"""A package index on the loopback interface, from a directory of wheels: downloads are no part of the comparison.

Run as a program, so that it does not share an interpreter with the platform: `index.py DIRECTORY`; prints its port.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@cache
def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _metadata(wheel: Path) -> bytes:
    """Read what PEP 658 serves beside a wheel; without it, locking would download every wheel."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        return opened.read(name)


def _normalised(filename: str) -> str:
    return re.sub(r"[-_.]+", "-", filename.partition("-")[0]).lower()


def _link(wheel: Path) -> str:
    return f'<a href="/{wheel.name}#sha256={_digest(wheel)}" data-core-metadata="true">{wheel.name}</a>\n'


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory: str

    def do_GET(self) -> None:
        place = Path(self.directory)
        if self.path.startswith("/simple/"):
            name = self.path.removeprefix("/simple/").strip("/")
            wheels = [path for path in sorted(place.glob("*.whl")) if _normalised(path.name) == name]
            links = "".join(_link(path) for path in wheels)
            self._send(f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), found=bool(wheels))
        elif self.path.endswith(".whl.metadata"):
            self._send(_metadata(place / Path(self.path).name.removesuffix(".metadata")), found=True)
        else:
            super().do_GET()

    def _send(self, content: bytes, *, found: bool) -> None:
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until the end."""
    directory = sys.argv[1]

    def handler(*arguments: object) -> _Handler:
        return _Handler(*arguments, directory=directory)  # type: ignore[arg-type] # what socketserver gives

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

"""A package index on the loopback interface, from a directory of wheels: downloads are no part of the comparison.

Run as a program, so that it does not share an interpreter with the platform: `index.py DIRECTORY`; prints its port.
"""

from __future__ import annotations

import hashlib
import re
import sys
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@cache
def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _normalised(filename: str) -> str:
    return re.sub(r"[-_.]+", "-", filename.partition("-")[0]).lower()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory: str

    def do_GET(self) -> None:
        if not self.path.startswith("/simple/"):
            super().do_GET()
            return
        name = self.path.removeprefix("/simple/").strip("/")
        wheels = [path for path in sorted(Path(self.directory).glob("*.whl")) if _normalised(path.name) == name]
        links = "".join(f'<a href="/{path.name}#sha256={_digest(path)}">{path.name}</a>\n' for path in wheels)
        content = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
        self.send_response(200 if wheels else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until the end."""
    directory = sys.argv[1]
    port = int(sys.argv[2])

    def handler(*arguments: object) -> _Handler:
        return _Handler(*arguments, directory=directory)  # type: ignore[arg-type] # what socketserver gives

    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

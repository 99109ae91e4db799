"""A web server on loopback that knows what it was asked for."""

from __future__ import annotations

import base64
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Website:
    """Documents by path; `requests` are the paths that were asked for; `login` is `user:password`, where needed."""

    documents: dict[str, bytes | Path] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    login: str = ""
    address: str = ""

    def admits(self, authorization: str) -> bool:
        """Return whether a request with this header may see anything."""
        expected = base64.b64encode(self.login.encode()).decode()
        return not self.login or authorization == f"Basic {expected}"


@contextmanager
def serving(site: Website) -> Iterator[Website]:
    """Serve the site, on a free port; `address` is known from then on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            document = site.documents.get(self.path)
            if not site.admits(self.headers.get("Authorization", "")):
                self._answer(401, b"who are you?")
            elif document is None:
                self._answer(404, b"there is no such document")
            else:
                self._answer(200, document.read_bytes() if isinstance(document, Path) else document)

        do_HEAD = do_GET  # noqa: N815 (the standard library's name)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            page = self.path.endswith("/")
            self.send_header("Content-Type", "text/html" if page else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
            """Log nothing: `requests` holds them."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()

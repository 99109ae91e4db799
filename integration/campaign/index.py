"""A package index on the loopback interface, served from memory."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integration.campaign.distributions import Distribution


@contextlib.contextmanager
def serving(distributions: Sequence[Distribution]) -> Iterator[str]:
    """Serve a simple index (PEP 503, with metadata files of PEP 658) and return its address."""
    handler = partial(_Handler, _pages(distributions))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()


def _pages(distributions: Sequence[Distribution]) -> dict[str, bytes]:
    pages: dict[str, bytes] = {}
    lists: dict[str, list[str]] = {}
    for distribution in distributions:
        content, metadata = distribution.content(), distribution.metadata().encode()
        path = f"/files/{distribution.filename}"
        pages[path] = content
        pages[f"{path}.metadata"] = metadata
        known = f' data-core-metadata="sha256={_sha256(metadata)}"' if distribution.tag else ""
        link = f'<a href="{path}#sha256={_sha256(content)}"{known}>{distribution.filename}</a>'
        lists.setdefault(distribution.name, []).append(link)
    for name, links in lists.items():
        pages[f"/simple/{name}/"] = f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>".encode()
    return pages


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, pages: Mapping[str, bytes], *arguments: object) -> None:
        self.pages = pages
        super().__init__(*arguments)  # type: ignore[arg-type] # what socketserver gives

    def do_GET(self) -> None:
        content = self.pages.get(re.sub(r"[?#].*", "", self.path))
        self.send_response(404 if content is None else 200)
        kind = "text/html" if self.path.startswith("/simple") else "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    do_HEAD = do_GET  # noqa: N815 (the name is http.server's)

    def log_message(self, *_: object) -> None:
        """Log nothing: each build asks for each package."""

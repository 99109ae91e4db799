"""A real private index (pypiserver) on loopback: behind TLS of an own authority, with basic authentication."""

from __future__ import annotations

import base64
import hashlib
import http.client
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from integration.workbench import free_port
from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUIREMENTS = "requirements/indexes.txt"
USER, PASSWORD = "deploy-user-7301", "p@ss:word/5502%sw0rd&fish"
_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of our own: its certificate, and what a server on loopback shows."""

    certificate: Path
    server: Path
    """Certificate and key of `localhost` and `127.0.0.1`."""

    def binding(self, directory: Path) -> Path:
        """Make a binding that has the certificate."""
        directory.mkdir(parents=True)
        (directory / "type").write_text("ca-certificates")
        (directory / "company.pem").write_bytes(self.certificate.read_bytes())
        return directory

    @contextmanager
    def serving(self, handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
        """Serve on loopback, behind TLS of this authority; yield the address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield f"https://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()


@dataclass(slots=True)
class PrivateIndex:
    """What is asked of the index, and what is in it."""

    packages: Path
    address: str = ""
    requests: list[str] = field(default_factory=list)

    def add(self, name: str, content: bytes) -> None:
        """Publish a file."""
        (self.packages / name).write_bytes(content)


def make_environment(directory: Path, repository: Path) -> Path:
    """Make the environment with the servers, and return its interpreter."""
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "--quiet", str(directory)], check=True)
    python = directory / "bin" / "python"
    command = [uv, "pip", "install", "--quiet", "--require-hashes", "--requirement", str(repository / REQUIREMENTS)]
    subprocess.run([*command, "--python", str(python)], check=True)
    return python


def make_authority(python: Path, directory: Path) -> Authority:
    """Make an authority and a certificate for servers on loopback."""
    directory.mkdir(parents=True)
    command = [str(python), "-m", "trustme", "--quiet", "--dir", str(directory)]
    command += ["--identities", "localhost", "127.0.0.1"]
    subprocess.run(command, check=True)
    server = directory / "both.pem"
    server.write_bytes((directory / "server.key").read_bytes() + (directory / "server.pem").read_bytes())
    return Authority(directory / "client.pem", server)


@contextmanager
def serving(python: Path, authority: Authority, directory: Path, upstream: str) -> Iterator[PrivateIndex]:
    """Run pypiserver, which shows nothing without a password, and sends to `upstream` for what it does not have."""
    index = PrivateIndex(directory / "packages")
    index.packages.mkdir(parents=True)
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()).decode()
    (directory / "htpasswd").write_text(f"{USER}:{{SHA}}{digest}\n")
    port = free_port()
    command = [str(python), "-m", "pypiserver", "run", "--interface", "127.0.0.1", "--port", str(port)]
    command += ["--hash-algo", "sha256", "--authenticate", "list,download,update"]
    command += ["--passwords", str(directory / "htpasswd"), "--fallback-url", upstream, str(index.packages)]
    with (directory / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(port, process)
        with fronting(port, authority, index.requests) as address:
            index.address = f"{address}/simple/"
            yield index
    finally:
        process.terminate()
        process.wait()


@contextmanager
def fronting(port: int, authority: Authority, requests: list[str]) -> Iterator[str]:
    """Put TLS before a server on loopback; each request is noted."""

    class Front(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
            connection.request(self.command, self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding", "content-length", "date", "server"}:
                    self.send_header(name, value)
            # The answer to HEAD has the length of what GET would give; uv asks for it to read parts of a wheel.
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            connection.close()

        do_HEAD = do_GET  # noqa: N815 (the standard library's name)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
            """Log nothing: `requests` holds them."""

    with authority.serving(Front) as address:
        yield address


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not _answers(port):
        assert process.poll() is None, "pypiserver has ended"
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except OSError:
        return False
    else:
        return True
    finally:
        connection.close()

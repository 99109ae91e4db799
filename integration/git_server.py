"""A real server of git repositories: `git http-backend` behind TLS, with basic authentication."""

from __future__ import annotations

import base64
import os
import subprocess
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from integration.private_index import Authority

_WHO = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def make_repository(directory: Path, files: Mapping[str, str]) -> None:
    """Make a bare repository, which has one commit with files."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(directory)], check=True)
    work = directory.with_suffix(".work")
    commit(work, directory, files)


def commit(work: Path, repository: Path, files: Mapping[str, str]) -> None:
    """Commit files, and push them to the repository."""
    environment = {**_WHO, "PATH": os.environ["PATH"], "HOME": str(work.parent)}

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], check=True, cwd=work, env=environment)

    if not work.is_dir():
        work.mkdir(parents=True)
        git("init", "--quiet", "--initial-branch=main")
    for name, text in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text, encoding="utf-8")
    git("add", "--all")
    git("commit", "--quiet", "--message", "A change")
    git("push", "--quiet", str(repository), "main")


@contextmanager
def serving(directory: Path, authority: Authority, login: str) -> Iterator[str]:
    """Serve the repositories below a directory to who knows the login, `user:password`."""
    expected = f"Basic {base64.b64encode(login.encode()).decode()}"

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="repositories"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, headers, body = _asked_of_git(self, directory)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (the standard library's name)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the standard library's name)
            """Log nothing: git shows the answers."""

    with authority.serving(Server) as address:
        yield address


def _asked_of_git(request: BaseHTTPRequestHandler, directory: Path) -> tuple[int, dict[str, str], bytes]:
    """Run the server program for a request, as git-http-backend(1) has it."""
    parts = urlsplit(request.path)
    length = int(request.headers.get("Content-Length", "0"))
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(directory),
        "GIT_HTTP_EXPORT_ALL": "1",
        # Whose files these are does not matter here.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "PATH_INFO": parts.path,
        "QUERY_STRING": parts.query,
        "REQUEST_METHOD": request.command,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(length),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_USER": "reader",
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(
        ["git", "http-backend"], input=request.rfile.read(length), env=environment, capture_output=True, check=True
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    return int(headers.pop("Status", "200").split()[0]), headers, body

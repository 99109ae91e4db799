"""Downloads, from a real server on loopback and from transports that fail as real ones do."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import httpx
import pytest
from structlog.testing import capture_logs

from uv_buildpack import errors
from uv_buildpack.downloads import pace
from uv_buildpack.downloads.download import fetch, fetch_small
from uv_buildpack.downloads.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CONTENT = b"an archive of CPython" * 50_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ADDRESS = "https://user:secret@mirror.test/20260101/cpython.tar.gz"


class Server(BaseHTTPRequestHandler):
    """Answers as its `script` says, one entry for each request; the last is repeated."""

    protocol_version = "HTTP/1.1"
    script: ClassVar[list[Callable[[Server], None]]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.script[min(len(self.asked), len(self.script)) - 1](self)

    def do_CONNECT(self) -> None:
        self.asked.append(f"CONNECT {self.path}")
        self.script[0](self)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the name it has)
        """Be silent."""


def whole(server: Server) -> None:
    server.send_response(200)
    server.send_header("Content-Length", str(len(CONTENT)))
    server.end_headers()
    server.wfile.write(CONTENT)


def cut_off(server: Server) -> None:
    server.send_response(200)
    server.send_header("Content-Length", str(len(CONTENT)))
    server.end_headers()
    server.wfile.write(CONTENT[:1000])
    server.close_connection = True


def without_length(server: Server) -> None:
    server.send_response(200)
    server.send_header("Connection", "close")
    server.end_headers()
    server.wfile.write(CONTENT)
    server.close_connection = True


def status(code: int, **headers: str) -> Callable[[Server], None]:
    def answer(server: Server) -> None:
        server.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            server.send_header(name.replace("_", "-"), value)
        server.end_headers()

    return answer


@contextmanager
def serving(*script: Callable[[Server], None]) -> Iterator[str]:
    Server.script, Server.asked = list(script), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/20260101/cpython.tar.gz"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def get(url: str, destination: Path, *, sha256: str = DIGEST, max_bytes: int = 10**8) -> list[float]:
    """Fetch, and return the pauses that were made."""
    pauses: list[float] = []
    fetch(url, destination, sha256=sha256, max_bytes=max_bytes, network=Network(), pause=pauses.append)
    return pauses


def nothing_is_left(directory: Path) -> bool:
    return list(directory.iterdir()) == []


@pytest.mark.parametrize("answer", [whole, without_length])
def test_a_file_arrives_whole(tmp_path: Path, answer: Callable[[Server], None]) -> None:
    with serving(answer) as url:
        assert get(url, tmp_path / "archive") == []
    assert (tmp_path / "archive").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_a_body_that_is_cut_off_is_fetched_again(tmp_path: Path) -> None:
    with serving(cut_off, cut_off, whole) as url:
        assert get(url, tmp_path / "archive") == [0.5, 1.0]
    assert (tmp_path / "archive").read_bytes() == CONTENT


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_that_says_later_is_asked_again(tmp_path: Path, code: int) -> None:
    with serving(status(code), whole) as url:
        assert get(url, tmp_path / "archive") == [0.5]


def test_the_pause_that_the_server_asks_for_is_made(tmp_path: Path) -> None:
    long_ago = "Wed, 21 Oct 2015 07:28:00 GMT"
    script = [status(503, Retry_After="7"), status(503, Retry_After="900"), status(503, Retry_After=long_ago), whole]
    with serving(*script) as url:
        assert get(url, tmp_path / "archive") == [7.0, 60.0, 2.0]


@pytest.mark.parametrize("value", ["\N{SUPERSCRIPT TWO}", "9" * 5000, "soon", "-1"])
def test_what_is_no_number_asks_for_no_pause(tmp_path: Path, value: str) -> None:
    with serving(status(503, Retry_After=value), whole) as url:
        assert get(url, tmp_path / "archive") == [0.5]


def test_after_four_attempts_it_is_given_up(tmp_path: Path) -> None:
    with serving(status(503)) as url, pytest.raises(errors.DownloadFailed) as caught:
        get(url, tmp_path / "archive")
    assert len(Server.asked) == 4
    assert caught.value.facts == ("503 Service Unavailable",)
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (401, errors.DownloadForbidden),
        (403, errors.DownloadForbidden),
        (404, errors.DownloadNotFound),
        (410, errors.DownloadNotFound),
        (204, errors.DownloadRefused),
        (400, errors.DownloadRefused),
    ],
)
def test_what_is_final_is_not_tried_again(tmp_path: Path, code: int, problem: type[errors.Problem]) -> None:
    with serving(status(code)) as url, pytest.raises(problem):
        get(url, tmp_path / "archive")
    assert len(Server.asked) == 1
    assert nothing_is_left(tmp_path)


def test_another_file_is_not_taken(tmp_path: Path) -> None:
    with serving(whole) as url, pytest.raises(errors.ChecksumMismatch) as caught:
        get(url, tmp_path / "archive", sha256="0" * 64)
    assert DIGEST in caught.value.facts[1]
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize("answer", [whole, without_length])
def test_a_file_that_is_too_large_is_not_taken(tmp_path: Path, answer: Callable[[Server], None]) -> None:
    with serving(answer) as url, pytest.raises(errors.DownloadTooLarge):
        get(url, tmp_path / "archive", max_bytes=1000)
    assert nothing_is_left(tmp_path)


def test_a_file_that_is_there_stays_when_the_download_fails(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"old")
    with serving(status(404)) as url, pytest.raises(errors.DownloadNotFound):
        get(url, tmp_path / "archive")
    assert (tmp_path / "archive").read_bytes() == b"old"


def test_a_redirect_is_followed(tmp_path: Path) -> None:
    with serving(status(302, Location="/elsewhere"), whole) as url:
        get(url, tmp_path / "archive")
    assert Server.asked[-1] == "/elsewhere"


def test_a_redirect_to_plain_http_is_refused(tmp_path: Path) -> None:
    with serving(status(302, Location="http://mirror.test/cpython.tar.gz")) as url:
        with pytest.raises(errors.AddressUnsupported) as caught:
            get(url, tmp_path / "archive")
        assert caught.value.facts == (f"{url} redirects there.",)


def test_an_encrypted_address_does_not_lead_to_this_machine(tmp_path: Path) -> None:
    def redirect(_: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "http://127.0.0.1/cpython.tar.gz"})

    with pytest.raises(errors.AddressUnsupported):
        through(redirect, tmp_path)


@pytest.mark.parametrize(
    "url", ["http://mirror.test/a", "ftp://mirror.test/a", "//mirror.test/a", "a.tar.gz", "file://mirror.test/a"]
)
def test_only_what_nobody_can_exchange_is_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(errors.AddressUnsupported):
        get(url, tmp_path / "archive")


def test_a_mirror_may_be_a_directory(tmp_path: Path) -> None:
    source = tmp_path / "a mirror" / "cpython+20260101.tar.gz"
    source.parent.mkdir()
    source.write_bytes(CONTENT)
    url = f"{source.parent.as_uri()}/cpython%2B20260101.tar.gz"
    get(url, tmp_path / "archive")
    assert (tmp_path / "archive").read_bytes() == CONTENT
    with pytest.raises(errors.DownloadNotFound):
        get(f"{url}.zst", tmp_path / "archive")
    with pytest.raises(errors.DownloadRefused):
        get(source.parent.as_uri(), tmp_path / "archive")
    with pytest.raises(errors.DownloadTooLarge):
        get(url, tmp_path / "archive", max_bytes=10)


def test_a_document_is_fetched_into_memory() -> None:
    with serving(status(503), whole) as url:
        assert fetch_small(url, network=Network(), pause=lambda _: None) == CONTENT


def through(
    answer: Callable[[httpx.Request], httpx.Response], tmp_path: Path, environment: dict[str, str] | None = None
) -> int:
    """Fetch by a transport that does what `answer` does, and return the number of attempts."""
    attempts = 0

    def counted(request: httpx.Request) -> httpx.Response:
        nonlocal attempts
        attempts += 1
        return answer(request)

    fetch(
        ADDRESS,
        tmp_path / "archive",
        sha256=DIGEST,
        max_bytes=10**8,
        network=Network(variables=environment or {}),
        transport=httpx.MockTransport(counted),
        pause=lambda _: None,
    )
    return attempts


def failing(error: Exception, cause: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error from cause

    return answer


@pytest.mark.parametrize(
    ("error", "cause", "problem"),
    [
        (httpx.ConnectError("[Errno -2] no name"), socket.gaierror(-2, "no name"), errors.HostUnknown),
        (httpx.ConnectError("refused"), ConnectionRefusedError(111, "refused"), errors.ConnectionFailed),
        (httpx.ConnectTimeout("timed out"), TimeoutError(), errors.ConnectionFailed),
        (httpx.ConnectError("verify"), ssl.SSLCertVerificationError("self-signed"), errors.CertificateRejected),
        (httpx.ReadTimeout("timed out"), TimeoutError(), errors.DownloadFailed),
        (httpx.ProxyError("407"), OSError(), errors.DownloadFailed),
    ],
)
def test_failures_are_told_apart_without_the_credentials(
    tmp_path: Path, error: Exception, cause: Exception, problem: type[errors.Problem]
) -> None:
    with capture_logs() as events, pytest.raises(problem) as caught:
        through(failing(error, cause), tmp_path)
    assert type(caught.value) is problem
    assert "secret" not in f"{caught.value.what} {caught.value.facts}"
    assert events


def test_a_certificate_that_is_not_trusted_is_not_tried_again(tmp_path: Path) -> None:
    answer = failing(httpx.ConnectError("verify"), ssl.SSLCertVerificationError("self-signed"))
    with capture_logs() as events, pytest.raises(errors.CertificateRejected):
        through(answer, tmp_path)
    assert not any("attempt" in str(event["event"]) for event in events)


def test_a_host_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(errors.ConnectionFailed, match=f"127.0.0.1:{port}"):
        get(f"http://127.0.0.1:{port}/a", tmp_path / "archive")


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(errors.DiskFull):
        through(answer, tmp_path)
    assert nothing_is_left(tmp_path)


def test_certificates_come_from_the_environment(tmp_path: Path) -> None:
    with pytest.raises(errors.SettingInvalid, match="SSL_CERT_FILE"):
        through(lambda _: httpx.Response(200, content=CONTENT), tmp_path, {"SSL_CERT_FILE": str(tmp_path / "none.pem")})


def test_a_proxy_from_the_environment_is_asked(tmp_path: Path) -> None:
    with serving(status(403)) as url:
        environment = {"HTTPS_PROXY": url.rsplit("/", 2)[0]}
        with pytest.raises(errors.DownloadFailed):
            fetch(
                ADDRESS,
                tmp_path / "a",
                sha256=DIGEST,
                max_bytes=1,
                network=Network(variables=environment),
                pause=lambda _: None,
            )
    assert Server.asked[0] == "CONNECT mirror.test:443"


@pytest.mark.parametrize(
    ("exception", "asked"),
    [("mirror.test", False), (".test", False), ("*", False), ("localhost, mirror.test", False), ("other.test", True)],
)
def test_a_proxy_is_not_asked_where_no_proxy_says_so(tmp_path: Path, exception: str, *, asked: bool) -> None:
    # The mirror is no host of this network: without the proxy it cannot be reached, and no test asks another one.
    with serving(status(403)) as url:
        environment = {"https_proxy": url.rsplit("/", 2)[0], "no_proxy": exception}
        with pytest.raises(errors.Problem):
            fetch(
                ADDRESS,
                tmp_path / "archive",
                sha256=DIGEST,
                max_bytes=10**8,
                network=Network(variables=environment),
                pause=lambda _: None,
            )
    assert bool(Server.asked) == asked


def test_a_document_that_is_cut_off_is_fetched_again_from_its_beginning() -> None:
    with serving(cut_off, whole) as url:
        assert fetch_small(url, network=Network(), pause=lambda _: None) == CONTENT
    assert len(Server.asked) == 2


def test_a_proxy_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.SettingInvalid, match="HTTPS_PROXY"):
        fetch(
            "https://mirror.invalid/a",
            tmp_path / "archive",
            sha256=DIGEST,
            max_bytes=10**8,
            network=Network(variables={"HTTPS_PROXY": "socks5://proxy.invalid"}),
        )


def drip(server: Server) -> None:
    server.send_response(200)
    server.send_header("Content-Length", str(len(CONTENT)))
    server.end_headers()
    with suppress(OSError):
        while True:
            server.wfile.write(b"x")
            time.sleep(0.02)


def drip_of_headers(server: Server) -> None:
    with suppress(OSError):
        server.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            server.wfile.write(b"x: y\r\n")
            time.sleep(0.02)


@pytest.mark.parametrize(
    ("answer", "limit", "said"),
    [
        (drip, "_WINDOW", "bytes per second"),
        (drip, "_SECONDS_IN_ALL", "was not complete"),
        (drip_of_headers, "_SECONDS_OF_ANSWER", "no answer within 0.5 seconds"),
    ],
)
def test_a_server_that_drips_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Server], None], limit: str, said: str
) -> None:
    monkeypatch.setattr(pace, limit, 0.5)
    begin = time.monotonic()
    with serving(answer) as address, pytest.raises(errors.DownloadTooSlow) as caught:
        fetch(address, tmp_path / "a", sha256=DIGEST, max_bytes=10**9, network=Network())
    assert said in caught.value.facts[0]
    assert time.monotonic() - begin < 20
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.DownloadRefused, match="was refused"):
        fetch((tmp_path / "pipe").as_uri(), tmp_path / "a", sha256=DIGEST, max_bytes=10**9, network=Network())

"""The one home of HTTP. A file is complete and has the right digest, or it is not there."""

from __future__ import annotations

import hashlib
import netrc
import re
import socket
import ssl
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

import httpx

from uv_buildpack import disk, log
from uv_buildpack.downloads import addresses, certificates, proxies
from uv_buildpack.downloads.pace import Pace
from uv_buildpack.errors import (
    AddressUnsupported,
    CertificateRejected,
    ChecksumMismatch,
    ConnectionFailed,
    DownloadFailed,
    DownloadForbidden,
    DownloadNotFound,
    DownloadRefused,
    DownloadTooLarge,
    HostUnknown,
    SettingInvalid,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from uv_buildpack.downloads.network import Network

_NUMBER = re.compile(r"[0-9]{1,18}")
_ATTEMPTS = 4
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
_PROGRESS_EVERY = 5.0
_BLOCK = 256 * 1024
_LARGEST_DOCUMENT = 16 * 1024 * 1024
# https://www.rfc-editor.org/rfc/rfc9110#name-status-codes; 425: RFC 8470, 429: RFC 6585
_WORTH_RETRYING = frozenset({408, 425, 429, 500, 502, 503, 504})
_FORBIDDEN = frozenset({401, 403, 407})
_NOT_FOUND = frozenset({404, 410})

_T = TypeVar("_T")


def fetch(  # noqa: PLR0913 (what is fetched, and what is allowed)
    url: str,
    destination: Path,
    *,
    sha256: str,
    max_bytes: int,
    network: Network,
    transport: httpx.BaseTransport | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch `url` (`https`, `http` to loopback, `file`) to `destination`, which appears by an atomic rename.

    Connection failures, time-outs, cut-off bodies and answers that say "later" are tried again with growing pauses.
    `network` says which proxies are asked, what is trusted, and which credentials hosts get. Raises
    `AddressUnsupported`, `DownloadFailed` or a kind of it, `DownloadTooLarge`, `ChecksumMismatch`, `DiskFull`,
    `SettingInvalid`, `CertificateInvalid`, `OSError`.
    """
    _check(url)
    temporary = destination.with_name(f"{destination.name}.part")
    try:
        with disk.full_is_said(f"writing {destination}"):
            if urlsplit(url).scheme == "file":
                digest = _save(_blocks_of_file(url), temporary, _Progress(url, max_bytes))
            else:
                pace = Pace(log.masked(url))
                with _client(url, network, transport) as client:
                    digest = _attempts(lambda: _stream(client, url, temporary, max_bytes, pace), pause)
            if digest != sha256:
                raise ChecksumMismatch(log.masked(url), sha256, digest)
            temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)


def fetch_small(
    url: str,
    *,
    network: Network,
    transport: httpx.BaseTransport | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> bytes:
    """Fetch a document of at most 16 MiB into memory. Raises what `fetch` raises, except for digest and disk."""
    _check(url)
    if urlsplit(url).scheme == "file":
        return b"".join(_blocks_of_file(url))
    content = bytearray()
    pace = Pace(log.masked(url))

    def once() -> bytes:
        content.clear()
        progress = _Progress(url, _LARGEST_DOCUMENT, pace=pace)
        with _answer(client, url, pace) as answer:
            for block in answer.iter_raw():
                progress.count(len(block))
                content.extend(block)
        return bytes(content)

    with _client(url, network, transport) as client:
        return _attempts(once, pause)


class _Progress:
    """Counts what comes in, stops at the limit, and says now and then how far it is."""

    def __init__(self, url: str, limit: int, expected: int = 0, pace: Pace | None = None) -> None:
        self._url = log.masked(url)
        self._pace = pace
        self._limit = limit
        self._expected = expected
        self._received = 0
        self._said = time.monotonic()
        if expected > limit:
            raise DownloadTooLarge(self._url, limit)

    def count(self, size: int) -> None:
        self._received += size
        if self._received > self._limit:
            raise DownloadTooLarge(self._url, self._limit)
        if self._pace is not None:
            self._pace.count(size)
        if time.monotonic() - self._said > _PROGRESS_EVERY:
            self._said = time.monotonic()
            of = f" of {self._expected / 1e6:.0f}" if self._expected else ""
            log.detail(f"{self._received / 1e6:.0f}{of} MB")


def _attempts(once: Callable[[], _T], pause: Callable[[float], None]) -> _T:
    for attempt in range(1, _ATTEMPTS):
        try:
            return once()
        except DownloadFailed as failed:
            if not failed.temporary:
                raise
            wait = max(_FIRST_PAUSE * 2 ** (attempt - 1), min(failed.retry_after, _LONGEST_PAUSE))
            log.detail(f"{failed.facts[0]}; attempt {attempt + 1} of {_ATTEMPTS} in {wait:g} s")
            pause(wait)
    return once()


def _stream(client: httpx.Client, url: str, temporary: Path, max_bytes: int, pace: Pace) -> str:
    with _answer(client, url, pace) as answer:
        progress = _Progress(url, max_bytes, _number(answer.headers.get("content-length", "")), pace)
        # Pieces as they come: collected to blocks, those of a drip would not be seen for hours.
        return _save(answer.iter_raw(), temporary, progress)


def _number(text: str) -> int:
    """Read a number of a header; `isdigit` alone is also true of superscripts, and of thousands of digits."""
    return int(text) if _NUMBER.fullmatch(text) else 0


def _save(blocks: Iterable[bytes], temporary: Path, progress: _Progress) -> str:
    digest = hashlib.sha256()
    with temporary.open("wb") as file:
        for block in blocks:
            progress.count(len(block))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _blocks_of_file(url: str) -> Iterator[bytes]:
    try:
        path = Path(unquote(urlsplit(url).path))
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DownloadRefused(url, "It is not a regular file.")  # a pipe would wait for somebody to write
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except FileNotFoundError:
        raise DownloadNotFound(url, "No such file.") from None
    except PermissionError:
        raise DownloadForbidden(url, "Permission denied.") from None
    except IsADirectoryError:
        raise DownloadRefused(url, "It is a directory.") from None


def _check(url: str, origin: str = "") -> None:
    """Refuse addresses over which a file could be exchanged on the way; a digest does not cover a catalogue."""
    if not addresses.is_allowed(url, encrypted_before=urlsplit(origin).scheme == "https"):
        raise AddressUnsupported(log.masked(url), log.masked(origin))


@contextmanager
def _answer(client: httpx.Client, url: str, pace: Pace) -> Iterator[httpx.Response]:
    """Return a successful answer whose body is still to be read; what goes wrong, then or now, is named."""
    shown = log.masked(url)
    try:
        with ExitStack() as stack:
            with pace.answering():
                answer = stack.enter_context(client.stream("GET", url, extensions=pace.extensions()))
            _check_status(shown, answer)
            yield answer
    except httpx.TransportError as error:
        raise _named(shown, error) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadRefused(shown, f"{error}.") from error


def _check_status(shown: str, answer: httpx.Response) -> None:
    status, reason = answer.status_code, f"{answer.status_code} {answer.reason_phrase}".strip()
    if status in _WORTH_RETRYING:
        raise DownloadFailed(shown, reason, retry_after=_retry_after(answer))
    if status in _FORBIDDEN:
        raise DownloadForbidden(shown, reason)
    if status in _NOT_FOUND:
        raise DownloadNotFound(shown, reason)
    if status != httpx.codes.OK:
        raise DownloadRefused(shown, reason)


def _retry_after(answer: httpx.Response) -> float:
    """Read `Retry-After`: seconds, or a date (RFC 9110, 10.2.3)."""
    value = answer.headers.get("retry-after", "")
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _named(shown: str, error: httpx.TransportError) -> DownloadFailed:
    causes = list(_chain(error))
    reason = f"{str(error) or type(error).__name__}."
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return HostUnknown(shown, reason)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return CertificateRejected(shown, reason)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return ConnectionFailed(shown, reason)
    return DownloadFailed(shown, reason)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _client(url: str, network: Network, transport: httpx.BaseTransport | None) -> httpx.Client:
    """Make a client that takes proxies, certificates and credentials from `network`, and nothing from elsewhere."""
    log.step(f"downloading {url}")
    chosen = proxies.read(network.variables)
    for address in chosen.addresses.values():
        _check_proxy(address)
    context = trusted(network)
    return httpx.Client(
        transport=transport or _routes(chosen, context),
        auth=_login(network),
        timeout=httpx.Timeout(30.0, connect=10.0),
        follow_redirects=True,
        trust_env=False,
        event_hooks={"request": [lambda request: _check(str(request.url), url)]},
        # The digest is that of the file itself, which a server that compresses would send in another form.
        headers={"User-Agent": "uv-buildpack", "Accept-Encoding": "identity"},
    )


def _routes(chosen: proxies.Proxies, context: ssl.SSLContext) -> httpx.BaseTransport:
    """Return a transport that sends each request directly or to a proxy: a redirect may lead to either kind."""

    # A class in a function: httpx is not imported before something is downloaded (`defer_imports` in __main__.py).
    class Routes(httpx.BaseTransport):
        def __init__(self) -> None:
            self._transports: dict[str | None, httpx.HTTPTransport] = {}

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            proxy = chosen.of(str(request.url))
            if proxy not in self._transports:
                self._transports[proxy] = httpx.HTTPTransport(proxy=proxy, verify=context)
            return self._transports[proxy].handle_request(request)

        def close(self) -> None:
            for transport in self._transports.values():
                transport.close()

    return Routes()


def trusted(network: Network) -> ssl.SSLContext:
    """Return whom downloads trust, and the certificate they show. Raises `CertificateInvalid`, `SettingInvalid`."""
    variables = network.variables
    try:
        if variables.get("SSL_CERT_FILE") or variables.get("SSL_CERT_DIR"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            context = httpx.create_ssl_context(trust_env=False)
        if authorities := certificates.blocks(certificates.bundle(variables, network.authorities)):
            context.load_verify_locations(cadata=authorities)
        if variables.get("SSL_CLIENT_CERT"):
            context.load_cert_chain(variables["SSL_CLIENT_CERT"])
    except (OSError, ssl.SSLError) as error:
        name = "SSL_CLIENT_CERT" if variables.get("SSL_CLIENT_CERT") else "SSL_CERT_FILE"
        raise SettingInvalid(name, variables.get(name), f"the path of a file of certificates ({error})") from None
    return context


def _login(network: Network) -> httpx.Auth | None:
    """Return the credentials by host; those in an address beat them."""
    if network.netrc is None:
        return None
    try:
        return httpx.NetRCAuth(str(network.netrc))
    except (OSError, ValueError, netrc.NetrcParseError):
        raise SettingInvalid("netrc", str(network.netrc), "the path of a file in the format of netrc") from None


def _check_proxy(address: str) -> None:
    if not address.startswith(("http://", "https://")):
        raise SettingInvalid("HTTPS_PROXY", log.masked(address), "an address that begins with http:// or https://")

"""The one home of HTTP. A file is complete and has the right digest, or it is not there."""

from __future__ import annotations

import hashlib
import ssl
import time
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import httpx

from uv_buildpack import log
from uv_buildpack.errors import (
    AddressUnsupported,
    ChecksumMismatch,
    DownloadFailed,
    DownloadRefused,
    DownloadTooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ATTEMPTS = 4
_FIRST_PAUSE = 0.5
_PROGRESS_EVERY = 5.0
_BLOCK = 256 * 1024
_WORTH_RETRYING = frozenset({408, 425, 429, 500, 502, 503, 504})
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_LARGEST_CATALOGUE = 16 * 1024 * 1024


def fetch(  # noqa: PLR0913 (what is fetched, and what is allowed)
    url: str,
    destination: Path,
    *,
    sha256: str,
    max_bytes: int,
    environment: Mapping[str, str],
    transport: httpx.BaseTransport | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch `url` (`https`, `http` to loopback, `file`) to `destination`, which appears by an atomic rename.

    Connection failures, time-outs, cut-off bodies and answers that say "later" are tried again with growing pauses.
    Raises `AddressUnsupported`, `DownloadFailed`, `DownloadRefused`, `DownloadTooLarge`, `ChecksumMismatch`, `OSError`.
    """
    temporary = destination.with_name(f"{destination.name}.part")
    try:
        with _client(environment, transport) as client:
            digest = _attempts(client, url, temporary, max_bytes, pause)
        if digest != sha256:
            raise ChecksumMismatch(log.masked(url), sha256, digest)
        temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)


def fetch_small(url: str, *, environment: Mapping[str, str], transport: httpx.BaseTransport | None = None) -> bytes:
    """Fetch a document into memory. Raises what `fetch` raises, but for the digest."""
    _check(url)
    with _client(environment, transport) as client, _translated(url):
        answer = client.get(url)
        _check_status(url, answer)
        if len(answer.content) > _LARGEST_CATALOGUE:
            raise DownloadTooLarge(log.masked(url), _LARGEST_CATALOGUE)
        return answer.content


def _attempts(
    client: httpx.Client, url: str, temporary: Path, max_bytes: int, pause: Callable[[float], None]
) -> str:
    _check(url)
    if urlsplit(url).scheme == "file":
        return _copy(url, temporary)
    log.step(f"downloading {url}")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with _translated(url):
                return _stream(client, url, temporary, max_bytes)
        except DownloadFailed as failed:
            if attempt == _ATTEMPTS or not failed.temporary:
                raise
            wait = max(_FIRST_PAUSE * 2 ** (attempt - 1), failed.retry_after)
            log.detail(f"{failed.facts[0]}; attempt {attempt + 1} of {_ATTEMPTS} in {wait:g} s")
            pause(wait)
    raise AssertionError


def _stream(client: httpx.Client, url: str, temporary: Path, max_bytes: int) -> str:
    digest, received, said = hashlib.sha256(), 0, time.monotonic()
    with client.stream("GET", url) as answer, temporary.open("wb") as file:
        _check_status(url, answer)
        expected = int(answer.headers.get("content-length", 0))
        if expected > max_bytes:
            raise DownloadTooLarge(log.masked(url), max_bytes)
        for block in answer.iter_bytes(_BLOCK):
            received += len(block)
            if received > max_bytes:
                raise DownloadTooLarge(log.masked(url), max_bytes)
            digest.update(block)
            file.write(block)
            if time.monotonic() - said > _PROGRESS_EVERY:
                said = time.monotonic()
                of = f" of {expected / 1e6:.0f}" if expected else ""
                log.detail(f"{received / 1e6:.0f}{of} MB")
    return digest.hexdigest()


def _copy(url: str, temporary: Path) -> str:
    source = Path(unquote(urlsplit(url).path))
    log.step(f"taking {source}")
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reading, temporary.open("wb") as writing:
            while block := reading.read(_BLOCK):
                digest.update(block)
                writing.write(block)
    except FileNotFoundError:
        raise DownloadRefused(url, "there is no such file") from None
    return digest.hexdigest()


def _check(url: str) -> None:
    """Refuse addresses over which a file could be exchanged on the way; a digest does not cover a catalogue."""
    parts = urlsplit(url)
    if parts.scheme in {"https", "file"} or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise AddressUnsupported(log.masked(url))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_status(url: str, answer: httpx.Response) -> None:
    if answer.is_success:
        return
    reason = f"{answer.status_code} {answer.reason_phrase}"
    if answer.status_code in _WORTH_RETRYING:
        after = answer.headers.get("retry-after", "")
        raise DownloadFailed(log.masked(url), reason, retry_after=min(float(after), 60.0) if after.isdigit() else 0.0)
    raise DownloadRefused(log.masked(url), reason)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    shown = log.masked(url)
    try:
        yield
    except httpx.TransportError as error:
        certificate = isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE_VERIFY" in str(error)
        raise DownloadFailed(shown, str(error) or type(error).__name__, temporary=not certificate) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadRefused(shown, str(error)) from error


def _client(environment: Mapping[str, str], transport: httpx.BaseTransport | None) -> httpx.Client:
    """Make a client that takes proxies and certificates from `environment`, and nothing from elsewhere."""
    mounts = {} if transport else _proxies(environment)
    return httpx.Client(
        transport=transport,
        mounts=mounts,
        verify=_certificates(environment),
        timeout=_TIMEOUT,
        follow_redirects=True,
        trust_env=False,
        event_hooks={"request": [lambda request: _check(str(request.url))]},
        headers={"User-Agent": "uv-buildpack", "Accept-Encoding": "identity"},
    )


def _certificates(environment: Mapping[str, str]) -> ssl.SSLContext:
    file, directory = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if file or directory:
        return ssl.create_default_context(cafile=file or None, capath=directory or None)
    return httpx.create_ssl_context(trust_env=False)


def _proxies(environment: Mapping[str, str]) -> dict[str, httpx.BaseTransport | None]:
    values = {name.lower(): value for name, value in environment.items() if name.lower().endswith("_proxy")}
    mounts: dict[str, httpx.BaseTransport | None] = {}
    for scheme in ("http", "https"):
        proxy = values.get(f"{scheme}_proxy") or values.get("all_proxy")
        if proxy:
            mounts[f"{scheme}://"] = httpx.HTTPTransport(proxy=proxy, verify=_certificates(environment))
    direct = ["localhost", "127.0.0.1", *(entry.strip() for entry in values.get("no_proxy", "").split(","))]
    mounts.update({f"all://{'*' if host.startswith('.') else ''}{host}": None for host in direct if host})
    return mounts

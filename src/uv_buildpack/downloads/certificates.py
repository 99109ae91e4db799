"""Which certificate authorities are trusted: the system's, or those of `SSL_CERT_FILE`, and those of bindings.

What uv reads of these variables: https://docs.astral.sh/uv/concepts/authentication/certificates/
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from uv_buildpack.errors import CertificateInvalid, SettingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cnb.bindings import Binding

TYPE = "ca-certificates"
"""The type of binding, as other buildpacks read it: https://github.com/paketo-buildpacks/ca-certificates#bindings"""

_SUFFIXES = (".pem", ".crt")
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"
_BLOCK = re.compile(_BEGIN + b".*?" + _END, re.DOTALL)

# Where distributions keep what the machine trusts: Debian, Fedora, Alpine.
_TRUSTED = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

#: Variables by which programs find a file of certificates: OpenSSL and uv, git, requests, curl, pip, cargo.
VARIABLES = (
    "SSL_CERT_FILE",
    "GIT_SSL_CAINFO",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
)


def of_bindings(bindings: Iterable[Binding]) -> tuple[Path, ...]:
    """Return the files of all bindings of type `ca-certificates`."""
    return tuple(
        path
        for binding in bindings
        if binding.type == TYPE
        for name, path in sorted(binding.entries.items())
        if name.endswith(_SUFFIXES)
    )


def check(files: Iterable[Path]) -> None:
    """Check that files hold certificates in PEM. Raises `CertificateInvalid`, `OSError`."""
    for path in files:
        _read(path)


def bundle(environment: Mapping[str, str], files: Iterable[Path]) -> bytes:
    """Return all that is trusted, in PEM: those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, else the system's, and `files`.

    Raises `CertificateInvalid`, `SettingInvalid`, `OSError`.
    """
    parts = [*_chosen(environment), *map(_read, files)]
    return b"".join(part.rstrip() + b"\n" for part in dict.fromkeys(parts))


def blocks(content: bytes) -> str:
    """Return the certificates of a bundle without the comments between them, which may be in any encoding."""
    return "\n".join(block.decode("ascii", errors="replace") for block in _BLOCK.findall(content))


def system_bundle() -> Path | None:
    """Return the file with what the machine trusts, if it has one."""
    return next((Path(path) for path in _TRUSTED if Path(path).is_file()), None)


def _chosen(environment: Mapping[str, str]) -> Iterator[bytes]:
    file, directories = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if file:
        try:
            yield Path(file).read_bytes()
        except OSError as error:
            raise SettingInvalid(
                "SSL_CERT_FILE", file, f"the path of a file of certificates ({error.strerror})"
            ) from None
    for directory in (directories or "").split(os.pathsep):
        paths = sorted(Path(directory).glob("*")) if directory else []
        contents = (path.read_bytes() for path in paths if path.is_file())
        yield from (content for content in contents if _BEGIN in content)
    system = system_bundle()
    if not file and not directories and system is not None:
        yield system.read_bytes()


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    begins = content.count(_BEGIN)
    if not begins or begins != content.count(_END):
        raise CertificateInvalid(f"{path.parent.name}/{path.name}")
    return content

"""Proxies from variables, with one meaning for our own downloads, for uv, and for what build backends run.

Clients read `NO_PROXY` differently: uv 0.13 (reqwest) takes hosts, suffixes with a leading dot, addresses and networks,
but no `*`, no `*.example.com` and no ports; curl takes `*`. So the variables are read here, and written for others in
the form that all of them understand.
reqwest: https://docs.rs/reqwest/latest/reqwest/struct.NoProxy.html; curl: https://curl.se/docs/manpage.html
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SCHEMES = ("http", "https")
_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_PORTS = {"http": 80, "https": 443}


class Exemption(NamedTuple):
    """One entry of `NO_PROXY`: a host with what lies below it, an address or a network; `*` is every host."""

    host: str
    port: int | None

    def covers(self, host: str, port: int | None) -> bool:
        """Return whether requests to a host (lower case, no brackets) and port go directly."""
        if self.port not in {None, port}:
            return False
        if self.host in {"*", host}:
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return host.endswith(f".{self.host}")
        try:
            return address in ip_network(self.host, strict=False)
        except ValueError:
            return False


class Proxies(NamedTuple):
    """Which proxy is asked: scheme of the request (`http`, `https`) → address, and the exemptions."""

    addresses: Mapping[str, str]
    exemptions: tuple[Exemption, ...] = ()

    def of(self, url: str) -> str | None:
        """Return the address of the proxy for a request; `None` if it goes directly."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        port = parts.port or _PORTS.get(parts.scheme)
        if any(exemption.covers(host, port) for exemption in self.exemptions):
            return None
        return self.addresses.get(parts.scheme)


def read(environment: Mapping[str, str]) -> Proxies:
    """Read `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper case or, if not set so, in lower case."""
    values = {name: environment.get(name, "").strip() or environment.get(name.lower(), "").strip() for name in _NAMES}
    addresses = {}
    for scheme in _SCHEMES:
        if address := values[f"{scheme.upper()}_PROXY"] or values["ALL_PROXY"]:
            addresses[scheme] = address if "://" in address else f"http://{address}"
    return Proxies(addresses, tuple(_exemptions(values["NO_PROXY"])))


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for other programs, in both cases: curl reads `http_proxy` in lower case only.

    Other programs know no ports in `NO_PROXY`: for them an entry with a port is one for the whole host.
    """
    proxies = read(environment)
    hosts = list(dict.fromkeys(exemption.host for exemption in proxies.exemptions))
    if not proxies.addresses or "*" in hosts:
        return {}
    values = {f"{scheme.upper()}_PROXY": address for scheme, address in proxies.addresses.items()}
    if hosts:
        values["NO_PROXY"] = ",".join(hosts)
    return values | {name.lower(): value for name, value in values.items()}


def is_variable(name: str) -> bool:
    """Return whether a variable says which proxy is asked."""
    return name.upper() in _NAMES


def _exemptions(text: str) -> Iterator[Exemption]:
    for entry in text.replace(" ", ",").split(","):
        host, port = _split(entry.lower())
        host = host if host == "*" else host.removeprefix("*").removeprefix(".")
        if host:
            yield Exemption(host, port)


def _split(entry: str) -> tuple[str, int | None]:
    """Split a port off: `host:8080`, `[::1]:8080`, but not `::1` or `10.0.0.0/8`."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, int(rest[1:]) if rest[1:].isdigit() else None
    host, separator, port = entry.rpartition(":")
    if separator and ":" not in host and port.isdigit():
        return host, int(port)
    return entry, None

"""What uv's failures mean: its words, told apart, with the index that they are about.

Exit statuses do not tell failures apart (uv 0.13 ends with 1 and 2 for causes of all kinds), so the words do. Each
pattern was seen in a failure that was provoked: `tests/uv_buildpack/uv_words.py` has them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from uv_buildpack import log
from uv_buildpack.errors import (
    AccessForbidden,
    AuthenticationFailed,
    BuildFailed,
    DiskFull,
    GitAccessRefused,
    GitFailed,
    GitHostUnknown,
    GitMissing,
    HashMismatch,
    NetworkUnreachable,
    NoCompatibleDistribution,
    PackageDamaged,
    PackageNotFound,
    Place,
    Problem,
    ProjectNotFound,
    ProxyRefused,
    PythonIncompatible,
    RequestTimedOut,
    ResolutionFailed,
    TLSVerificationFailed,
    UvFailed,
    UvSettingsInvalid,
    UvVersionMismatch,
    WorkFailed,
)
from uv_buildpack.uv.indexes import Indexes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uv_buildpack.uv.indexes import Index

_ADDRESS = re.compile(r"for url \((\S+)\)|Failed to fetch: (\S+)|An index(?: URL)? \((\S+)\)|unable to access '(\S+)'")
_REPOSITORY = re.compile(r"git fetch [^\n]*?'(\w+://[^']+)'|Updating (\S+) \(")
_PACKAGE = re.compile(r"Failed to (?:download|fetch|build)[^`]*`([A-Za-z0-9._-]+)(?:==| @ )")
_UNKNOWN_PROJECT = re.compile(r"Because (?:.* )?([A-Za-z0-9._-]+) was not found in the package registry")

# Where uv 0.12.5 has each of them stands beside it, below https://github.com/astral-sh/uv/tree/0.12.5/crates/.
# The order matters: a build that fails for lack of disk also says that it failed to build, and a proxy that refuses
# also is a request that could not be sent.
_FAILURES: tuple[tuple[str, type[WorkFailed]], ...] = (
    (r"No space left on device|os error 28\b", DiskFull),
    # uv-distribution/src/error.rs
    (r"Hash mismatch for ", HashMismatch),
    (r"Failed to extract archive", PackageDamaged),
    (r"tunnel error|407 Proxy Authentication Required|socks connect error", ProxyRefused),
    # The last two are git's, with GnuTLS and with OpenSSL.
    (
        (
            r"invalid peer certificate|certificate verify failed|UnknownIssuer"
            r"|server (?:certificate )?verification failed|SSL certificate problem"
        ),
        TLSVerificationFailed,
    ),
    (
        (
            r"could not read (?:Username|Password) for|Authentication failed for '|Permission denied \("
            r"|The requested URL returned error: 40[13]"
        ),
        GitAccessRefused,
    ),
    (r"Host key verification failed", GitHostUnknown),
    # uv-resolver/src/pubgrub/report.rs, and what HTTP calls the status.
    (r"401 Unauthorized|could not be queried due to a lack of valid auth", AuthenticationFailed),
    (r"403 Forbidden", AccessForbidden),
    # uv-git/src/git.rs and resolver.rs
    (r"Git executable not found|`?git`? operation failed because .*not found", GitMissing),
    (r"Git operation failed", GitFailed),
    # uv-distribution/src/distribution_database.rs
    (r"operation timed out|Failed to download distribution due to network timeout", RequestTimedOut),
    # uv-client/src/error.rs
    (
        (
            r"error sending request for url|failed to lookup address|Connection refused|tcp connect error"
            r"|Request failed after \d+ retr|HTTP status server error|Network connectivity is disabled"
        ),
        NetworkUnreachable,
    ),
    (r"404 Not Found|410 Gone", PackageNotFound),
    # uv-build-frontend/src/error.rs, uv-distribution-types/src/dist_error.rs
    (r"The build backend returned an error|Failed to build ", BuildFailed),
    # uv-resolver/src/lock/mod.rs, uv-distribution-types/src/prioritized_distribution.rs, uv/src/commands/project/mod.rs
    (
        (
            r"can't be installed because it (?:doesn't have a|is marked as)|has no .*compatible"
            r"|no wheels? with a matching|not compatible with the lockfile's supported environments"
        ),
        NoCompatibleDistribution,
    ),
    # uv-resolver/src/pubgrub/report.rs and error.rs
    (r"was not found in the package registry", ProjectNotFound),
    (r"No solution found when resolving", ResolutionFailed),
    # uv-settings/src/lib.rs
    (r"Required uv version ", UvVersionMismatch),
    # uv/src/commands/project/mod.rs, uv-python/src/discovery.rs
    (r"is incompatible with the project's Python requirement|No interpreter found|requires Python", PythonIncompatible),
    (r"TOML parse error|Failed to parse|unknown field", UvSettingsInvalid),
)


def failure(
    output: str, what: str, *, indexes: Indexes | None = None, environment: Mapping[str, str] | None = None
) -> Problem:
    """Return the problem that uv's words mean. `what` is the command, `environment` what uv was run with."""
    said = log.masked(output).strip().splitlines()
    for pattern, problem in _FAILURES:
        if re.search(pattern, output):
            return problem(what, said, _place(output, indexes or Indexes(), environment or {}))
    return UvFailed(what, said)


def _place(output: str, indexes: Indexes, environment: Mapping[str, str]) -> Place:
    """Find the index and the host that uv's words are about."""
    match = _ADDRESS.search(output)
    address = next((group for group in match.groups() if group), "") if match else ""
    named = _PACKAGE.search(output) or _UNKNOWN_PROJECT.search(output)
    package = canonicalize_name(named[1]) if named else ""
    index = indexes.of_package(package) or indexes.of_address(address) or _only(indexes)
    return Place(
        index=log.masked(index.shown) if index else "",
        prefix=index.prefix if index else "",
        host=_host(address),
        package=package,
        has_login=bool(index and _has_login(index, environment)),
        proxy=log.masked(_proxy(address, environment)),
        repository=log.masked(_repository(output)),
    )


def _repository(output: str) -> str:
    # "Updating" alone says nothing: it may be the next package that failed.
    match = _REPOSITORY.search(output) if "Git operation failed" in output else None
    return (match[1] or match[2]) if match else ""


def _only(indexes: Indexes) -> Index | None:
    return indexes.known[0] if len(indexes.known) == 1 else None


def _has_login(index: Index, environment: Mapping[str, str]) -> bool:
    return bool(
        "@" in index.url.partition("://")[2].partition("/")[0]
        or (index.prefix and environment.get(f"{index.prefix}_USERNAME"))
        or (index.prefix and environment.get(f"{index.prefix}_PASSWORD"))
    )


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _proxy(address: str, environment: Mapping[str, str]) -> str:
    scheme = address.partition("://")[0].upper() or "HTTPS"
    for name in (f"{scheme}_PROXY", f"{scheme.lower()}_proxy", "ALL_PROXY", "all_proxy"):
        if environment.get(name):
            return f"{name}={environment[name]}"
    return ""

"""uv's own words, each from a failure that was provoked, and the problem that they mean."""

# uv does not break its lines.
# ruff: noqa: E501

from __future__ import annotations

from textwrap import dedent

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

_SAMPLES: tuple[tuple[type[WorkFailed], str], ...] = (
    (
        DiskFull,
        """
        error: failed to write to file `/layers/venv/bin/activate`: No space left on device (os error 28)
        """,
    ),
    (
        DiskFull,
        """
        error: Failed to build `x==1`
          cause: The build backend returned an error
            OSError: [Errno 28] No space left on device
        """,
    ),
    (
        HashMismatch,
        """
        error: Failed to download `six==1.16.0`
          cause: Hash mismatch for `six==1.16.0`

                 Expected:
                   sha256:00

                 Computed:
                   sha256:8a
        """,
    ),
    (
        TLSVerificationFailed,
        """
        error: Failed to fetch: https://index.example/simple/six/
          cause: error sending request for url (https://index.example/simple/six/)
          cause: client error (Connect)
          cause: invalid peer certificate: UnknownIssuer
        """,
    ),
    (
        AuthenticationFailed,
        """
        error: No solution found when resolving dependencies
          cause: Because six was not found in the package registry

        hint: An index URL (https://index.example/simple) could not be queried due to a lack of valid authentication credentials (401 Unauthorized)
        """,
    ),
    (
        AuthenticationFailed,
        """
        error: Failed to download `six==1.16.0`
          cause: Failed to fetch: https://index.example/files/six-1.16.0-py2.py3-none-any.whl
          cause: HTTP status client error (401 Unauthorized) for url (https://index.example/files/six-1.16.0-py2.py3-none-any.whl)
        """,
    ),
    (
        AccessForbidden,
        """
        error: No solution found when resolving dependencies
          cause: Because six was not found in the package registry and your project depends on six, we can conclude that your project's requirements are unsatisfiable.

        hint: An index (https://index.example/simple) returned a 403 Forbidden error. Check that the index URL is correct and the credentials are valid.
        """,
    ),
    (
        AccessForbidden,
        """
        error: Failed to download `six==1.16.0`
          cause: Failed to fetch: https://index.example/files/six-1.16.0-py2.py3-none-any.whl
          cause: HTTP status client error (403 Forbidden) for url (https://index.example/files/six-1.16.0-py2.py3-none-any.whl)
        """,
    ),
    (
        ProjectNotFound,
        """
        error: No solution found when resolving dependencies
          cause: Because six was not found in the package registry and your project depends on six, we can conclude that your project's requirements are unsatisfiable.
        """,
    ),
    (
        RequestTimedOut,
        """
        error: Failed to download `six==1.16.0`
          cause: Failed to fetch: https://index.example/files/six-1.16.0-py2.py3-none-any.whl
          cause: error sending request for url (https://index.example/files/six-1.16.0-py2.py3-none-any.whl)
          cause: operation timed out
        """,
    ),
    (
        ProxyRefused,
        """
        error: Failed to download `six==1.16.0`
          cause: Failed to fetch: https://index.example/files/six-1.16.0-py2.py3-none-any.whl
          cause: error sending request for url (https://index.example/files/six-1.16.0-py2.py3-none-any.whl)
          cause: client error (Connect)
          cause: tunnel error: proxy authorization required
        """,
    ),
    (
        ProxyRefused,
        """
        error: Failed to fetch: https://index.example/simple/six/
          cause: error sending request for url (https://index.example/simple/six/)
          cause: client error (Connect)
          cause: tunnel error: failed to create underlying connection
          cause: tcp connect error
          cause: Connection refused (os error 111)
        """,
    ),
    (
        ProxyRefused,
        """
        error: Failed to fetch: http://index.example/simple/six/
          cause: HTTP status client error (407 Proxy Authentication Required) for url (http://index.example/simple/six/)
        """,
    ),
    (
        PackageDamaged,
        """
        error: Failed to download `six==1.16.0`
          cause: Failed to extract archive: six-1.16.0-py2.py3-none-any.whl
          cause: ZIP file contains trailing contents after the end-of-central-directory record
        """,
    ),
    (
        GitMissing,
        """
        error: Failed to download and build `x @ git+https://git.example/x`
          cause: Git operation failed
          cause: Git executable not found. Ensure that Git is installed and available.
        """,
    ),
    (
        GitAccessRefused,
        """
        Updating https://git.example/team/x (HEAD)
        error: Failed to download and build `x @ git+https://git.example/team/x@0123456`
          cause: Git operation failed
          cause: failed to clone into: /layers/uv-cache/git-v2/db/da3f674e5ca4338b
          cause: failed to fetch commit `0123456`
          cause: process didn't exit successfully: `/usr/bin/git fetch --force --update-head-ok 'https://git.example/team/x' '+0123456:refs/commit/0123456'` (exit status: 128)
                 --- stderr
                 fatal: could not read Username for 'https://git.example': terminal prompts disabled
        """,
    ),
    (
        GitAccessRefused,
        """
        Updating https://git.example/team/x (HEAD)
        error: Failed to download and build `x @ git+https://git.example/team/x@0123456`
          cause: Git operation failed
          cause: failed to clone into: /layers/uv-cache/git-v2/db/da3f674e5ca4338b
          cause: failed to fetch commit `0123456`
          cause: process didn't exit successfully: `/usr/bin/git fetch --force --update-head-ok 'https://git.example/team/x' '+0123456:refs/commit/0123456'` (exit status: 128)
                 --- stderr
                 fatal: Authentication failed for 'https://git.example/team/x/'
        """,
    ),
    (
        GitAccessRefused,
        """
        Updating ssh://git.example/team/x (HEAD)
        error: Failed to download and build `x @ git+ssh://git.example/team/x@0123456`
          cause: Git operation failed
          cause: failed to clone into: /layers/uv-cache/git-v2/db/da3f674e5ca4338b
          cause: failed to fetch commit `0123456`
          cause: process didn't exit successfully: `/usr/bin/git fetch --force --update-head-ok 'ssh://git.example/team/x' '+0123456:refs/commit/0123456'` (exit status: 128)
                 --- stderr
                 git@git.example: Permission denied (publickey,keyboard-interactive).
                 fatal: Could not read from remote repository.
        """,
    ),
    (
        GitHostUnknown,
        """
        Updating ssh://git.example/team/x (HEAD)
        error: Failed to download and build `x @ git+ssh://git.example/team/x@0123456`
          cause: Git operation failed
          cause: failed to clone into: /layers/uv-cache/git-v2/db/da3f674e5ca4338b
          cause: failed to fetch commit `0123456`
          cause: process didn't exit successfully: `/usr/bin/git fetch --force --update-head-ok 'ssh://git.example/team/x' '+0123456:refs/commit/0123456'` (exit status: 128)
                 --- stderr
                 No ED25519 host key is known for git.example and you have requested strict checking.
                 Host key verification failed.
                 fatal: Could not read from remote repository.
        """,
    ),
    (
        GitFailed,
        """
        Updating https://git.example/team/x (HEAD)
        error: Failed to download and build `x @ git+https://git.example/team/x@0123456`
          cause: Git operation failed
          cause: failed to clone into: /layers/uv-cache/git-v2/db/da3f674e5ca4338b
          cause: failed to fetch commit `0123456`
          cause: process didn't exit successfully: `/usr/bin/git fetch --force --update-head-ok 'https://git.example/team/x' '+0123456:refs/commit/0123456'` (exit status: 128)
                 --- stderr
                 fatal: repository 'https://git.example/team/x/' not found
        """,
    ),
    (
        TLSVerificationFailed,
        """
        Updating https://git.example/team/x (HEAD)
        error: Failed to download and build `x @ git+https://git.example/team/x@0123456`
          cause: Git operation failed
          cause: failed to clone into: /layers/uv-cache/git-v2/db/da3f674e5ca4338b
          cause: failed to fetch commit `0123456`
          cause: process didn't exit successfully: `/usr/bin/git fetch --force --update-head-ok 'https://git.example/team/x' '+0123456:refs/commit/0123456'` (exit status: 128)
                 --- stderr
                 fatal: unable to access 'https://git.example/team/x/': server certificate verification failed. CAfile: none CRLfile: none
        """,
    ),
    (
        TLSVerificationFailed,
        """
        Updating https://git.example/team/x (HEAD)
        error: Failed to download and build `x @ git+https://git.example/team/x@0123456`
          cause: Git operation failed
          cause: failed to clone into: /layers/uv-cache/git-v2/db/da3f674e5ca4338b
          cause: failed to fetch commit `0123456`
          cause: process didn't exit successfully: `/usr/bin/git fetch --force --update-head-ok 'https://git.example/team/x' '+0123456:refs/commit/0123456'` (exit status: 128)
                 --- stderr
                 fatal: unable to access 'https://git.example/team/x/': SSL certificate problem: unable to get local issuer certificate
        """,
    ),
    (
        NetworkUnreachable,
        """
        error: Request failed after 3 retries in 8.0s
          cause: Failed to fetch: https://index.example/simple/six/
          cause: error sending request for url (https://index.example/simple/six/)
          cause: client error (Connect)
          cause: dns error
          cause: failed to lookup address information: Name or service not known
        """,
    ),
    (
        NetworkUnreachable,
        """
        error: Failed to fetch: https://index.example/simple/six/
          cause: tcp connect error
          cause: Connection refused (os error 111)
        """,
    ),
    (
        NetworkUnreachable,
        """
        error: Request failed after 1 retry in 1.5s
          cause: HTTP status server error (503 Service Unavailable) for url (https://index.example/simple/six/)
        """,
    ),
    (
        NetworkUnreachable,
        """
        error: No solution found when resolving dependencies
          cause: Because six was not found in the cache

        hint: Packages were unavailable because the network was disabled. Network connectivity is disabled, but the requested data wasn't found in the cache
        """,
    ),
    (
        PackageNotFound,
        """
        error: Failed to download `six==1.16.0`
          cause: Failed to fetch: https://index.example/files/six-1.16.0-py2.py3-none-any.whl
          cause: HTTP status client error (404 Not Found) for url (https://index.example/files/six-1.16.0-py2.py3-none-any.whl)
        """,
    ),
    (
        BuildFailed,
        """
        error: Failed to build `bad @ file:///workspace/bad`
          cause: The build backend returned an error
          cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)

                 [stderr]
                 no compiler
        """,
    ),
    (
        NoCompatibleDistribution,
        """
        error: Distribution `pywin32==312 @ registry+https://index.example/simple` can't be installed because it doesn't have a source distribution or wheel for the current platform

        hint: You're on Linux (`manylinux_2_36_x86_64`), but `pywin32` (v312) only has wheels for `win32`
        """,
    ),
    (
        NoCompatibleDistribution,
        """
        error: Distribution `docopt==0.6.2 @ registry+https://index.example/simple` can't be installed because it is marked as `--no-build` but has no binary distribution
        """,
    ),
    (
        NoCompatibleDistribution,
        """
        error: The current Python platform is not compatible with the lockfile's supported environments: `sys_platform == 'win32'`
        """,
    ),
    (
        ResolutionFailed,
        """
        error: No solution found when resolving dependencies
          cause: Because only six<=1.17.0 is available and your project depends on six>99, we can conclude that your project's requirements are unsatisfiable.
        """,
    ),
    (
        UvVersionMismatch,
        """
        error: Required uv version `>=99` does not match the running version `0.13.9`. Update `uv` by running `uv self update`.
        """,
    ),
    (
        PythonIncompatible,
        """
        error: The requested interpreter resolved to Python 3.13.0, which is incompatible with the project's Python requirement: `==3.12.*` (from `project.requires-python`)
        """,
    ),
    (
        PythonIncompatible,
        """
        error: No interpreter found for Python 3.12.99 in search path
        """,
    ),
    (
        UvSettingsInvalid,
        """
        error: Failed to parse: `uv.toml`
          cause: TOML parse error at line 1, column 1
        """,
    ),
    (
        UvFailed,
        """
        error: something that nobody has seen before
        """,
    ),
)  # fmt: skip

WORDS = tuple((problem, dedent(text).strip("\n")) for problem, text in _SAMPLES)

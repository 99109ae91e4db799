"""Running uv: a scrubbed environment, the commands that are used, and what a failure means.

uv gets an environment that is listed here, whatever the platform sends: variables that choose what is installed never
reach it, those that say how packages are reached do.
What each variable means: https://docs.astral.sh/uv/reference/environment/
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from uv_buildpack import command, log
from uv_buildpack.downloads import certificates, proxies
from uv_buildpack.errors import GitMissing, LockfileOutdated
from uv_buildpack.uv import failures
from uv_buildpack.uv.indexes import Indexes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.errors import Problem

# How packages are reached, and what build backends may use. Documented in docs/configuration.md.
NETWORK_VARIABLES = re.compile(
    r"UV_INDEX_\w+_(USERNAME|PASSWORD)|UV_HTTP_\w+|UV_REQUEST_TIMEOUT|UV_CONCURRENT_\w+|UV_SYSTEM_CERTS|UV_NATIVE_TLS"
    r"|UV_INSECURE_HOST|UV_CREDENTIALS_DIR|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT|NETRC"
    r"|(?i:https?_proxy|no_proxy|all_proxy)|GIT_\w+|SSH_AUTH_SOCK"
)
BUILD_VARIABLES = re.compile(
    r"AR|CC|CFLAGS|CMAKE_\w+|CPATH|CPPFLAGS|CXX|CXXFLAGS|FC|FFLAGS|LD|LDFLAGS|LIBRARY_PATH|MAKEFLAGS|MATURIN_\w+"
    r"|PKG_CONFIG\w*|RUSTFLAGS|RUSTUP_\w+|CARGO_\w+|SKBUILD_\w+|SETUPTOOLS_\w+|\w+_PRETEND_VERSION(_FOR_\w+)?"
    r"|HATCH_\w+|PBR_VERSION|PDM_BUILD_\w+|(UV|POETRY)_DYNAMIC_VERSIONING_\w+|UV_NO_BUILD\w*|UV_NO_BINARY\w*"
)
# They choose among indexes for build requirements; the locked packages come from the addresses in the lock.
_INDEX_VARIABLES = re.compile(
    r"UV_DEFAULT_INDEX|UV_INDEX|UV_INDEX_URL|UV_EXTRA_INDEX_URL|UV_INDEX_STRATEGY|UV_FIND_LINKS|UV_NO_INDEX"
)
_NOTHING = re.compile(r"(?!)")
_SYSTEM_VARIABLES = re.compile(r"PATH|LD_LIBRARY_PATH|HOME|TMPDIR|LANG|LC_\w+|HOSTNAME")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# https://github.com/astral-sh/uv/blob/0.12.5/crates/uv/src/commands/project/mod.rs
# Of a script's lock uv says the same, with the name of a project's.
_OUTDATED = "The lockfile at `uv.lock` needs to be updated, but "

# 1980-01-01T00:00:01Z, which every file of the image gets; build backends put it into what they make.
SOURCE_DATE_EPOCH = "315532801"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uv:
    """A uv to run: `binary` with exactly `environment`, which holds no choice of what is installed."""

    binary: Path
    environment: Mapping[str, str]
    indexes: Indexes = field(default_factory=Indexes)
    """For the messages of failures."""

    def check_lock(self, directory: Path, script: str | None = None) -> str | None:
        """Return `None` if the lock fits, else what uv said. Raises `Problem` when the check itself fails.

        It runs beside other work, so whoever waits for the answer logs the command.
        """
        done = self._run(["lock", "--check", *_of_script(script)], directory, without=_INDEX_VARIABLES)
        if done.returncode == 0:
            return None
        if _OUTDATED in done.stderr:
            return done.stderr
        raise self._failure(done, "uv lock --check")

    def relock(self, directory: Path, script: str | None = None) -> str:
        """Lock a copy of a project or script again; return uv's lines (`Updated six v1.16.0 -> v1.17.0`).

        Raises `Problem`.
        """
        done = self._quiet(["lock", *_of_script(script)], directory)
        if done.returncode and "UV_OFFLINE" in self.environment:
            line = "Without a network (BP_UV_OFFLINE) the differences cannot be determined; uv said:"
            raise LockfileOutdated([line, *log.masked(done.stderr).strip().splitlines()], script)
        if done.returncode:
            raise self._failure(done, "uv lock")
        return done.stderr

    def make_venv(self, venv: Path, directory: Path, python: Path) -> None:
        """Make an environment in the empty directory `venv`, with a prompt that is the same for every project."""
        argv = ["venv", "--no-project", "--prompt", "venv", "--python", str(python), str(venv)]
        done = self._quiet(argv, directory)
        if done.returncode:
            raise self._failure(done, "uv venv")

    def install(self, command: Sequence[str], directory: Path, venv: Path) -> None:
        """Install packages of a lock, as it is, into `venv`; `installing` has the commands. Raises `Problem`."""
        # VIRTUAL_ENV too: uv warns on each command where the two differ (0.12.5:
        # https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-workspace/src/workspace.rs).
        self._visible(command, directory, {"UV_PROJECT_ENVIRONMENT": str(venv), "VIRTUAL_ENV": str(venv)})

    def install_local(self, command: Sequence[str], directory: Path, venv: Path) -> None:
        """Install local packages into `venv`, without installer metadata: `uv_cache.json` holds times.

        Raises `Problem`.
        """
        environment = {"UV_PROJECT_ENVIRONMENT": str(venv), "VIRTUAL_ENV": str(venv), "UV_NO_INSTALLER_METADATA": "1"}
        self._visible(command, directory, environment)

    def forget(self, names: Sequence[str], directory: Path) -> None:
        """Remove what the cache has of packages: wheels that were built in another environment. Raises `Problem`."""
        done = self._quiet(["cache", "clean", *names], directory)
        if done.returncode:
            raise failures.failure(done.stderr, "uv cache clean")

    def prune_to_built_wheels(self, directory: Path) -> None:
        """Drop from the cache what a download brings back, not wheels built from source. Raises `Problem`.

        https://docs.astral.sh/uv/concepts/cache/#caching-in-continuous-integration
        """
        done = self._quiet(["cache", "prune", "--ci"], directory)
        if done.returncode:
            raise self._failure(done, "uv cache prune")

    def install_tool(self, requirement: str, target: Path, directory: Path) -> None:
        """Install a package (another uv) below `target` from the user's index. Raises `Problem`."""
        self._visible(["pip", "install", "--no-deps", "--target", str(target), requirement], directory, {})

    def offered(self, requirement: str, directory: Path, *, lowest: bool = False) -> str | None:
        """Return the version of a package that the user's indexes offer for a requirement, without installing it."""
        argv = ["pip", "install", "--dry-run", "--no-deps", "--target", str(directory / "nothing"), requirement]
        done = self._run([*argv, *(["--resolution", "lowest"] if lowest else [])], directory, without=_NOTHING)
        found = re.search(r"^ \+ \S+==(\S+)$", done.stderr, flags=re.MULTILINE)
        return found[1] if found and not done.returncode else None

    def _failure(self, done: command.Completed, what: str) -> Problem:
        return failures.failure(done.stderr, what, indexes=self.indexes, environment=self.environment)

    def _quiet(self, argv: Sequence[str], directory: Path) -> command.Completed:
        log.command(["uv", *argv])
        return self._run(argv, directory, without=_INDEX_VARIABLES)

    def _run(self, argv: Sequence[str], directory: Path, without: re.Pattern[str]) -> command.Completed:
        environment = {name: value for name, value in self.environment.items() if not without.fullmatch(name)}
        return command.run([self.binary, *argv], environment=environment, cwd=directory)

    def _visible(self, argv: Sequence[str], directory: Path, more: Mapping[str, str]) -> None:
        log.command(["uv", *argv])
        done = command.run_reporting(
            [self.binary, *argv], environment={**self.environment, **more}, cwd=directory, on_line=log.detail
        )
        if done.returncode:
            raise self._failure(done, f"uv {argv[0]}")


def _of_script(script: str | None) -> list[str]:
    return ["--script", script] if script else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What bindings give for uv and for the programs that it runs."""

    config_file: Path | None = None
    """A user-level `uv.toml`."""
    netrc: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that say how packages are reached; those of the user beat them."""
    certificates: Path | None = None
    """Everything that is trusted, in one file, where bindings add something to it."""
    git: Mapping[str, str] = field(default_factory=dict)
    """Variables with which git finds its credentials."""


def passes(name: str) -> bool:
    """Return whether a variable of the platform reaches uv."""
    patterns = (NETWORK_VARIABLES, BUILD_VARIABLES, _INDEX_VARIABLES, _SYSTEM_VARIABLES)
    return any(pattern.fullmatch(name) for pattern in patterns)


def environment_for(user: Mapping[str, str], *, bound: Bound, cache_dir: Path) -> dict[str, str]:
    """Make uv's environment from the user's: network and build variables pass, everything else is set here.

    The user's own variables beat those from bindings.
    """
    given = {**bound.variables, **user}
    environment = {name: value for name, value in given.items() if passes(name) and not proxies.is_variable(name)}
    environment |= proxies.variables(given)
    # HOME may not exist or not be set at all; tools of build backends write there.
    environment.setdefault("HOME", str(cache_dir))
    environment.setdefault("PATH", _PATH)
    if bound.netrc is not None:
        environment["NETRC"] = str(bound.netrc)
    if bound.config_file is not None:
        # A user-level file, as uv finds it below XDG_CONFIG_HOME/uv: UV_CONFIG_FILE would hide the project's own.
        # https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-dirs/src/lib.rs
        environment["XDG_CONFIG_HOME"] = str(bound.config_file.parent.parent)
    if bound.certificates is not None:
        # The file has what these name as well.
        environment.pop("SSL_CERT_DIR", None)
        environment |= dict.fromkeys(certificates.VARIABLES, str(bound.certificates))
        environment |= {name: user[name] for name in certificates.VARIABLES[1:] if user.get(name)}
    environment |= bound.git
    return environment | {
        # git describe would refresh .git/index, and so change the app.
        # https://git-scm.com/docs/git#Documentation/git.txt-codeGITOPTIONALLOCKScode
        "GIT_OPTIONAL_LOCKS": "0",
        # Nobody is there to answer; an error is better than a build that waits.
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        # A build from source starts interpreters, whose bytecode in the layer would hold times.
        "PYTHONDONTWRITEBYTECODE": "1",
        # Backends that write sets in their order would make another wheel in each build.
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH,
        "TZ": "UTC",
        "UV_CACHE_DIR": str(cache_dir),
        # A build has no keyring, and one of the build image would be somebody else's.
        "UV_KEYRING_PROVIDER": "disabled",
        # The cache is on the same file system, and goes with the build: a copy would be written twice.
        "UV_LINK_MODE": "hardlink",
        "UV_NO_MANAGED_PYTHON": "1",
        "UV_NO_PROGRESS": "1",
        # /etc/uv/uv.toml of a build image is nobody's who asked for this build.
        "UV_NO_SYSTEM_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }


def require_git(packages: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Raise before any download what uv would say in the middle of a sync.

    `packages` are those to install, name → identity. Raises `GitMissing` where one comes from git and `PATH` has none.
    """
    names = [name for name, identity in sorted(packages.items()) if " git=" in identity]
    if names and shutil.which("git", path=environment.get("PATH", _PATH)) is None:
        raise GitMissing("uv sync", [f"{name} comes from git" for name in names])


def with_python(uv: Uv, python: Path) -> Uv:
    """Pin the interpreter: the only one that uv may use."""
    return replace(uv, environment={**uv.environment, "UV_PYTHON": str(python)})

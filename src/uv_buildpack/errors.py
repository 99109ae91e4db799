"""The error catalogue: everything a user may have to fix, in one place.

Each class is named for what happened, holds the facts, and says three things: what happened, what to do, where to read
more (the entry in `docs/errors.md` under the class's name in kebab case).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def page(homepage: str, version: str, name: str = "errors") -> str:
    """Return the address of a page of `docs/`, of `docs/errors.md` unless told otherwise, as it was in a release.

    `homepage` is the address of a repository on GitHub or GitLab. Both serve a file of a tag at `/blob/<tag>/<path>`,
    and its headings as anchors.
    """
    path = f"docs/{name}.md"
    return f"{homepage.rstrip('/')}/blob/v{version}/{path}" if homepage else path


class Problem(Exception):
    """Something that the reader can fix. `facts` and `advice` are lines."""

    def __init__(self, *, what: str, facts: Sequence[str] = (), advice: Sequence[str] = ()) -> None:
        """`what` says what happened, in one sentence."""
        super().__init__(what)
        self.what = what
        self.facts = tuple(facts)
        self.advice = tuple(advice)

    @property
    def anchor(self) -> str:
        """The heading in `docs/errors.md`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", type(self).__name__).lower()


class Problems(Exception):
    """All that was found wrong, to be reported together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Hold at least one problem."""
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = tuple(problems)


class Collector:
    """Collects problems, so that all of them are reported before anything is done."""

    def __init__(self) -> None:
        """Start with none."""
        self.problems: list[Problem] = []

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Remember a `Problem` or `Problems` raised inside, and go on after the block."""
        try:
            yield
        except Problem as problem:
            self.problems.append(problem)
        except Problems as problems:
            self.problems.extend(problems.problems)

    def raise_if_any(self) -> None:
        """Raise `Problems` if something was collected."""
        if self.problems:
            raise Problems(self.problems)


# Settings


class SettingInvalid(Problem):
    """A setting has an invalid value."""

    def __init__(self, origin: str, value: object, accepted: str) -> None:
        """`origin` is the variable or key, `accepted` says what it may be."""
        super().__init__(
            what=f"{origin} cannot be {value!r}.",
            advice=[f"It takes {accepted}."],
        )


class UnknownKey(Problem):
    """`[tool.uv-buildpack]` has a key that means nothing."""

    def __init__(self, key: str, nearest: Sequence[str]) -> None:
        """`nearest` proposes a known key, if one is near."""
        super().__init__(
            what=f"{key!r} is not a key of [tool.uv-buildpack].",
            advice=[*nearest, "Remove or correct the key in pyproject.toml."],
        )


class ProjectEnvironmentOutside(Problem):
    """`UV_PROJECT_ENVIRONMENT` names a place outside the app directory."""

    def __init__(self, path: str) -> None:
        """`path` is what the user set."""
        super().__init__(
            what=f"UV_PROJECT_ENVIRONMENT={path} is outside the app directory.",
            facts=[
                "The environment is the layer `venv` of this buildpack, so that the image can reuse it as it is.",
                "At launch its programs are on PATH, and VIRTUAL_ENV names it.",
            ],
            advice=[
                "Remove the variable.",
                "For a tool that insists on a path, set a path inside the app directory (such as .venv):",
                "it becomes a symbolic link to the layer.",
            ],
        )


# The project


class PyprojectMissing(Problem):
    """There is no project where one should be."""

    def __init__(self, directory: str) -> None:
        """`directory` is relative to the app directory."""
        super().__init__(
            what=f"There is no pyproject.toml in {directory}.",
            advice=["Set BP_UV_PROJECT_DIR to the directory of the project, relative to the app directory."],
        )


class PyprojectInvalid(Problem):
    """A `pyproject.toml` cannot be read."""

    def __init__(self, path: str, reason: str) -> None:
        """`reason` is the parser's, or names the value that has the wrong type."""
        super().__init__(
            what=f"{path} is not a valid pyproject.toml.",
            facts=[reason],
            advice=["Correct the file; `uv lock` checks it."],
        )


class LockfileMissing(Problem):
    """No `uv.lock` belongs to the project."""

    def __init__(self, directory: str) -> None:
        """`directory` is relative to the app directory."""
        super().__init__(
            what=f"There is no uv.lock in {directory} or in a workspace root above it.",
            advice=[
                "Run `uv lock` and commit uv.lock.",
                "Check that uv.lock is not ignored (.gitignore, `exclude` in project.toml).",
            ],
        )


class MemberHidden(Problem):
    """The project is a member of a workspace, and uv does not find the workspace from its directory."""

    def __init__(self, directory: str, hidden_by: str, root: str, name: str | None) -> None:
        """`hidden_by` is a `pyproject.toml` between the project and the workspace root; `name` is the project's."""
        place = "do not set BP_UV_PROJECT_DIR" if root == "." else f"set BP_UV_PROJECT_DIR={root}"
        super().__init__(
            what=f"From {directory} uv finds no uv.lock: {hidden_by} is between it and the workspace root.",
            facts=["uv looks for a workspace in the first pyproject.toml above a project, and no further."],
            advice=[
                f"To build this member, set BP_UV_PACKAGE={name or 'its name'} and {place}.",
                "Or move the member out of the other member's directory.",
            ],
        )


def lock_command(script: str | None, *options: str) -> str:
    """Return the command that writes the lock of a script, or of the project."""
    return " ".join(["uv lock", *options, *(["--script", script] if script else [])])


class LockfileInvalid(Problem):
    """A lockfile cannot be read."""

    def __init__(self, path: str, reason: str) -> None:
        """`reason` is the parser's, or names the value that is wrong."""
        command = lock_command(None if path.endswith("uv.lock") else path.removesuffix(".lock"))
        again = "write it again with the tool that made it" if path.endswith("pylock.toml") else f"run `{command}`"
        super().__init__(
            what=f"{path} is not a valid lockfile.",
            facts=[reason],
            advice=[f"Restore it from version control, or remove it and {again}."],
        )


class LockfileTooNew(Problem):
    """`uv.lock` has a format version that uv does not know."""

    def __init__(self, path: str, version: object) -> None:
        """`version` is what the file says."""
        super().__init__(
            what=f"{path} has lock format version {version}; this buildpack knows version 1.",
            advice=["Use a newer version of this buildpack, or write the lock with an older uv."],
        )


class LockfileOutdated(Problem):
    """`uv.lock` does not fit `pyproject.toml`, or the lock of a script its metadata."""

    def __init__(self, differences: Sequence[str], script: str | None = None, *, refresh: bool = False) -> None:
        """`differences` are lines, package by package; `refresh` says whether uv has to ask backends again."""
        command = lock_command(script, *(["--refresh"] if refresh else []))
        lock, declared = (f"{script}.lock", f"the metadata in {script}") if script else ("uv.lock", "pyproject.toml")
        super().__init__(
            what=f"{lock} does not fit {declared}.",
            facts=differences,
            advice=[f"Run `{command}` and commit {lock}."],
        )


class ScriptMissing(Problem):
    """The script in `BP_UV_SCRIPT`, or its lock, is not there."""

    def __init__(self, script: str, reason: str) -> None:
        """`script` is relative to the app directory; `reason` says which of the two."""
        super().__init__(
            what=f"The script {script} cannot be built: {reason}.",
            advice=[
                "Set BP_UV_SCRIPT to its path, relative to the project's directory.",
                f"Run `{lock_command(script)}`, and commit the lock that it writes beside the script.",
            ],
        )


class SeveralScripts(Problem):
    """There is no `pyproject.toml`, and more than one script has a lock."""

    def __init__(self, scripts: Sequence[str]) -> None:
        """`scripts` are relative to the app directory."""
        super().__init__(
            what="Several scripts have a lock, but an image is built from one.",
            facts=scripts,
            advice=[f"Choose one, for example BP_UV_SCRIPT={scripts[0]}."],
        )


class ScriptInvalid(Problem):
    """The inline metadata of a script (PEP 723) cannot be read."""

    def __init__(self, script: str, reason: str) -> None:
        """`reason` is the parser's, or names the value that has the wrong type."""
        super().__init__(
            what=f"{script} has no valid inline metadata.",
            facts=[reason],
            advice=["Correct the block; `uv add --script` writes one, and `uv lock --script` checks it."],
        )


class ProjectDirectoryOutside(Problem):
    """`BP_UV_PROJECT_DIR` or `BP_UV_SCRIPT` leaves the app directory."""

    def __init__(self, value: str, variable: str = "BP_UV_PROJECT_DIR") -> None:
        """`value` is what the user set."""
        super().__init__(
            what=f"{variable}={value} is outside the app directory.",
            advice=["Set it to a path relative to the app directory, inside it."],
        )


class PathDependencyOutside(Problem):
    """A local dependency is not in the app directory, so the image cannot have it."""

    def __init__(self, name: str, path: str) -> None:
        """`path` is what the lock says, relative to the lock."""
        super().__init__(
            what=f"The dependency {name} is at {path}, outside the app directory.",
            advice=[
                "Build from the directory that holds both, and set BP_UV_PROJECT_DIR to the project in it,",
                "or publish the dependency.",
            ],
        )


class MetadataFileMissing(Problem):
    """`[project]` names a file that is not there, without which the package cannot be built."""

    def __init__(self, pyproject: str, key: str, file: str) -> None:
        """`key` is that of `[project]`, `file` is relative to `pyproject`."""
        super().__init__(
            what=f"{pyproject} names {file} as its {key}, but there is no such file.",
            advice=[
                f"Check that {file} is not ignored (.gitignore, `exclude` in project.toml).",
                f"Or remove {key} from [project].",
            ],
        )


class LocalPackageMissing(Problem):
    """The lock names a local package whose directory is not there."""

    def __init__(self, name: str, path: str) -> None:
        """`path` is relative to the lock."""
        super().__init__(
            what=f"The local package {name} should be in {path}, but nothing is there.",
            advice=[
                "Check that the directory is not ignored (.gitignore, `exclude` in project.toml), or run `uv lock`."
            ],
        )


class FileUnreadable(Problem):
    """The build user may not read a part of the app."""

    def __init__(self, path: str, reason: str) -> None:
        """`path` is a file or a directory; `reason` is the system's."""
        super().__init__(
            what=f"{path} cannot be read, although it is part of what is built.",
            facts=[reason],
            advice=["Let everyone read it (chmod a+rX), or exclude it from the build (`exclude` in project.toml)."],
        )


class FileOutside(Problem):
    """A file of the app is a link to something that is not in the app."""

    def __init__(self, path: str) -> None:
        """`path` is the link, relative to the app directory."""
        super().__init__(
            what=f"{path} is a link that leads out of the app directory.",
            facts=["Its target is not part of the app and is not read: it may be a secret of the platform."],
            advice=["Replace the link with the file itself."],
        )


class UnknownPackage(Problem):
    """`BP_UV_PACKAGE` names no member of the workspace."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        """`known` are the members."""
        super().__init__(
            what=f"The package {name} is not a member of the workspace.",
            facts=[f"Members: {', '.join(known) or 'none'}."],
            advice=["Correct BP_UV_PACKAGE (or `package` in [tool.uv-buildpack])."],
        )


class UnknownExtra(Problem):
    """`BP_UV_EXTRAS` names an extra that the selected packages do not have."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        """`known` are the extras there are."""
        super().__init__(
            what=f"No package that is installed defines the extra {name}.",
            facts=[f"Extras: {', '.join(known) or 'none'}."],
            advice=["Correct BP_UV_EXTRAS (or `extras` in [tool.uv-buildpack])."],
        )


class ChoiceConflicting(Problem):
    """What was chosen to be installed is declared as conflicting."""

    def __init__(self, items: Iterable[str]) -> None:
        """`items` are those of one set in `conflicts` that were chosen."""
        chosen = " and ".join(items)
        super().__init__(
            what=f"{chosen[:1].upper()}{chosen[1:]} cannot be installed together.",
            facts=["They are declared as conflicting (`conflicts` in [tool.uv]), and uv.lock was resolved that way."],
            advice=["Choose one of them with BP_UV_GROUPS, BP_UV_EXTRAS or BP_UV_PACKAGE."],
        )


class UnknownGroup(Problem):
    """`BP_UV_GROUPS` names a dependency group that does not exist."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        """`known` are the groups there are."""
        super().__init__(
            what=f"The dependency group {name} is not defined.",
            facts=[f"Groups: {', '.join(known) or 'none'}."],
            advice=["Correct BP_UV_GROUPS (or `groups` in [tool.uv-buildpack])."],
        )


class LayersDirectoryNotWritable(Problem):
    """The platform gave a layers directory that cannot be written."""

    def __init__(self, path: str, reason: str) -> None:
        """`reason` is the operating system's."""
        super().__init__(
            what=f"The layers directory {path} is not writable.",
            facts=[reason],
            advice=["Give the build user write access to it: the platform makes this directory."],
        )


class InputInvalid(Problem):
    """A file of the platform, such as the entry of a binding, is not what it should be."""

    def __init__(self, reason: str) -> None:
        """`reason` names the file and the place in it."""
        super().__init__(
            what="A file that the platform passes to the build cannot be read.",
            facts=[reason],
            advice=["Correct the file; the files of a binding are UTF-8 text."],
        )


class FileRefused(Problem):
    """The system does not let the build use a file or a directory."""

    def __init__(self, path: str, reason: str, advice: str) -> None:
        """`reason` is the system's."""
        super().__init__(what=f"The build cannot use {path}.", facts=[reason], advice=[advice])


class OutputRefused(Problem):
    """Standard output cannot be written."""

    def __init__(self, reason: str) -> None:
        """`reason` is the system's."""
        super().__init__(
            what="The log of the build cannot be written.",
            facts=[f"Standard output: {reason}."],
            advice=["Free space where the log goes, or read it to its end."],
        )


class OutOfMemory(Problem):
    """The build has less memory than it needs."""

    def __init__(self) -> None:
        """It is unknown what needed it: the last of many allocations fails."""
        super().__init__(what="The build ran out of memory.", advice=["Give the build more memory."])


class EnvironmentLinkOccupied(Problem):
    """Something is where the link to the environment should be."""

    def __init__(self, path: str) -> None:
        """`path` is relative to the app directory."""
        super().__init__(
            what=f"{path} exists, so it cannot become a link to the environment.",
            advice=["Exclude it from the build (`exclude` in project.toml), or change BP_UV_ENVIRONMENT_LINK."],
        )


class TargetUnsupported(Problem):
    """There are no builds for the target."""

    def __init__(self, os: str, arch: str) -> None:
        """`os` and `arch` are the platform's names."""
        super().__init__(
            what=f"The target {os}/{arch} is not supported.",
            advice=["Build for linux/amd64 or linux/arm64."],
        )


# uv's failures: what each means, with uv's own output below it


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where uv was when it failed, as far as its words tell. Texts are without credentials, empty if unknown."""

    index: str = ""
    """The index: its name and address."""
    prefix: str = ""
    """What the variables with its credentials begin with: `UV_INDEX_CORP`."""
    host: str = ""
    package: str = ""
    has_login: bool = False
    """Whether the environment has credentials for the index."""
    proxy: str = ""
    """The proxy that the request went to, with the variable that names it."""
    repository: str = ""
    """The address of the git repository, if the failure is git's."""


class WorkFailed(Problem):
    """Something that was being done failed, and lines say why. Each subclass is a reason; nobody raises this one."""

    happened: str
    what_to_do: tuple[str, ...]

    def __init__(self, what: str, said: Sequence[str], place: Place | None = None) -> None:
        """`what` was done: a command, say; `said` are its lines, without credentials, `place` is their subject."""
        self.place = place or Place()
        super().__init__(
            what=self.happened.format(what=what, **self._words()),
            # What a program stopped for stands at the end.
            facts=[*said[-40:], *self._facts()],
            advice=[line.format(**self._words()) for line in (*self._more(), *self.what_to_do)],
        )

    def _words(self) -> dict[str, str]:
        place = self.place
        index = f"the index {place.index}" if place.index else "a package index"
        repository = f"the git repository {place.repository}" if place.repository else ""
        return {
            "index": repository or index,
            "repository": repository or "the git repository of a dependency",
            "prefix": place.prefix or "UV_INDEX_<NAME>",
            "host": place.host or "a server",
            "package": place.package or "NAME",
        }

    def _facts(self) -> Sequence[str]:
        """Return what the buildpack knows beyond uv's words."""
        return ()

    def _more(self) -> Sequence[str]:
        """Return advice that depends on the place."""
        return ()


class UvFailed(WorkFailed):
    """uv failed, for a reason that has no entry of its own."""

    happened = "{what} failed."
    what_to_do: tuple[str, ...] = ("Read uv's output above; the same command should fail on your machine as well.",)


class ResolutionFailed(UvFailed):
    """The requirements have no solution."""

    happened = "{what}: the requirements have no solution."
    what_to_do = ("Run `uv lock`, fix the requirement that it names, and commit uv.lock.",)


class NetworkUnreachable(UvFailed):
    """An index or a file could not be reached."""

    happened = "{what}: {index} could not be reached ({host})."
    what_to_do = (
        "Check the build's network: the name service, HTTPS_PROXY and NO_PROXY, and the address in uv's output above.",
        "On a slow network set UV_HTTP_TIMEOUT (seconds) and UV_HTTP_RETRIES.",
        "In a build without a network set BP_UV_OFFLINE and BP_UV_FIND_LINKS.",
    )


class RequestTimedOut(UvFailed):
    """A server did not answer in time."""

    happened = "{what}: {index} did not answer in time ({host})."
    what_to_do = (
        "Set UV_HTTP_TIMEOUT (seconds, 30 by default) and UV_HTTP_RETRIES (3 by default).",
        "If the server can only be reached through a proxy, set HTTPS_PROXY.",
    )


class ProxyRefused(UvFailed):
    """A proxy does not let a request through, or cannot be reached."""

    happened = "{what}: the proxy did not let the request to {host} through ({index})."
    what_to_do = (
        "Check the proxy's address, user and password: HTTPS_PROXY=http://user:password@host:port, with characters",
        "such as @ and / in the password percent-encoded.",
        "If {host} can be reached without it, add the host to NO_PROXY.",
    )

    def _facts(self) -> Sequence[str]:
        return [f"The request went to the proxy of {self.place.proxy}."] if self.place.proxy else ()


class TLSVerificationFailed(UvFailed):
    """The certificate of a server is not trusted."""

    happened = "{what}: the certificate of {host} is not trusted ({index})."
    what_to_do = (
        "Provide the certificate of your authority (PEM) in a binding of type ca-certificates.",
        "If SSL_CERT_FILE is set, it replaces the built-in roots: its file must hold all that are needed.",
    )


class AuthenticationFailed(UvFailed):
    """An index refused the credentials, or got none (401)."""

    happened = "{what}: {index} refused access (401)."
    what_to_do = (
        "Set {prefix}_USERNAME and {prefix}_PASSWORD, or provide them as files with these names, or as netrc,",
        "in a binding of type uv. The lock holds no credentials.",
    )

    def _facts(self) -> Sequence[str]:
        return _login_facts(self.place)

    def _more(self) -> Sequence[str]:
        return _unnamed(self.place)


class AccessForbidden(UvFailed):
    """An index knows who asks and does not let them read (403)."""

    happened = "{what}: {index} forbids access (403)."
    what_to_do = (
        "Check that the user of {prefix}_USERNAME and {prefix}_PASSWORD may read this index and this package.",
        "Some servers also answer 403 where credentials are missing, and some proxies for hosts that they block.",
    )

    def _facts(self) -> Sequence[str]:
        return _login_facts(self.place)

    def _more(self) -> Sequence[str]:
        return _unnamed(self.place)


class ProjectNotFound(UvFailed):
    """An index has no such package, or does not show it."""

    happened = "{what}: the package {package} was not found ({index})."
    what_to_do = (
        "Check the name of the package and its index in [tool.uv.sources].",
        "Many private indexes answer 404 if access is denied: check {prefix}_USERNAME and {prefix}_PASSWORD.",
    )

    def _facts(self) -> Sequence[str]:
        return _login_facts(self.place)


class PackageNotFound(UvFailed):
    """A file that the lock names is not there, or is not shown."""

    happened = "{what}: a file that uv.lock names is not on its server ({index}, 404)."
    what_to_do = (
        "If the file was removed, run `uv lock --upgrade-package {package}` and commit uv.lock.",
        "Many private indexes answer 404 if access is denied: check {prefix}_USERNAME and {prefix}_PASSWORD.",
    )

    def _facts(self) -> Sequence[str]:
        return _login_facts(self.place)


class HashMismatch(UvFailed):
    """A file is not the one that was locked."""

    happened = "{what}: a file differs from the one in uv.lock ({index})."
    what_to_do = (
        "If the package was published again, run `uv lock --upgrade-package {package}`; otherwise do not use the file:",
        "it may have been tampered with.",
    )


class PackageDamaged(UvFailed):
    """A file of a package cannot be unpacked."""

    happened = "{what}: a file cannot be unpacked: it is damaged, or not the one in uv.lock ({index})."
    what_to_do = (
        "Fetch the file by hand and compare its SHA-256 with the one in uv.lock.",
        "If they differ, the index or a proxy in front of it changes files.",
    )


def _login_facts(place: Place) -> Sequence[str]:
    if not place.prefix:
        return ()
    if place.has_login:
        return [f"{place.prefix}_USERNAME or {place.prefix}_PASSWORD is set."]
    return [f"Neither {place.prefix}_USERNAME nor {place.prefix}_PASSWORD is set."]


def _unnamed(place: Place) -> Sequence[str]:
    if place.index and not place.prefix:
        return ["The index has no name: give it one in [[tool.uv.index]], since variables are found by name."]
    return ()


class BuildFailed(UvFailed):
    """A package that has no wheel could not be built."""

    happened = "{what}: a package could not be built from source."
    what_to_do = (
        "Prefer a version that has a wheel for this Python and platform; BP_PYTHON_VERSION may choose an older Python.",
        "If it needs a compiler or headers, use a build image that has them.",
        "If it takes its version from git, which the build does not see, set SETUPTOOLS_SCM_PRETEND_VERSION.",
    )


class NoCompatibleDistribution(WorkFailed):
    """A locked package has nothing that can be installed on this Python and platform."""

    happened = "{what}: a locked package has no distribution for this Python and platform."
    what_to_do = (
        "Choose a Python that the package has wheels for (BP_PYTHON_VERSION),",
        "or name the platform in [tool.uv] required-environments, run `uv lock` and commit uv.lock.",
    )


class GitMissing(WorkFailed):
    """A git dependency, and no git in the build image."""

    happened = "{what}: a dependency comes from git, and the build image has no git."
    what_to_do = ("Use a build image with git, or depend on a released version.",)


class GitFailed(UvFailed):
    """A git repository could not be fetched."""

    happened = "{what}: {repository} could not be fetched."
    what_to_do = (
        "Check that the build reaches the repository, and that the commit in uv.lock is still there.",
        "Many servers deny that a private repository exists if access is denied: check the credentials (netrc,",
        "git-credentials or ssh-privatekey in a binding of type uv).",
    )


class GitAccessRefused(UvFailed):
    """The server of a git repository requires credentials, or other ones."""

    happened = "{what}: {repository} refused access."
    what_to_do = (
        "Over https: provide user and token in netrc (NETRC, or a file netrc in a binding of type uv), or in a file",
        "git-credentials of such a binding.",
        "Over ssh: provide the key in a file ssh-privatekey, and the host in known_hosts, of a binding of type uv.",
    )


class GitHostUnknown(UvFailed):
    """The host of a git repository shows a key that is unknown, or has changed."""

    happened = "{what}: the host of {repository} has a key that known_hosts does not have."
    what_to_do = (
        "Put the host's line into a file known_hosts in a binding of type uv; `ssh-keyscan HOST` shows it. Compare it",
        "with the one that the host's operator publishes.",
    )


class DiskFull(WorkFailed):
    """There is no space left."""

    happened = "{what}: no space left on the disk."
    what_to_do = ("Give the build more space; the environment, its bytecode and one copy of the packages must fit.",)


class UvVersionMismatch(UvFailed):
    """uv's version is not the one that the project requires."""

    happened = "{what}: the project requires another version of uv."
    what_to_do = ("Check `required-version` in [tool.uv] and uv.toml, or set BP_UV_VERSION.",)


class PythonIncompatible(UvFailed):
    """uv refuses the interpreter."""

    happened = "{what}: uv refuses the Python that was chosen."
    what_to_do = ("Check `requires-python` of all members and dependency groups, or set BP_PYTHON_VERSION.",)


class UvSettingsInvalid(WorkFailed):
    """uv, or the buildpack for it, cannot read uv's settings."""

    happened = "{what}: the settings of uv or the lock cannot be read."
    what_to_do = ("Check [tool.uv], uv.toml and the file that uv names.",)


class WrongInterpreter(Problem):
    """The environment was made with another Python than the layer's."""

    def __init__(self, expected: str, found: str) -> None:
        """Both are paths or versions, as `pyvenv.cfg` has them."""
        super().__init__(
            what="uv made the environment with another Python than the one of this buildpack.",
            facts=[f"Expected {expected}, found {found}."],
            advice=["Check what sets an interpreter for uv ([tool.uv], uv.toml); set BP_PYTHON_VERSION to choose one."],
        )


# Local files instead of a network


class FindLinksMissing(Problem):
    """`BP_UV_FIND_LINKS` names something that is not a directory."""

    def __init__(self, name: str, bindings: Sequence[str]) -> None:
        """`bindings` are the names of all that there are."""
        super().__init__(
            what=f"BP_UV_FIND_LINKS: {name} is neither a directory nor the name of a binding.",
            facts=[f"Bindings: {', '.join(bindings)}."] if bindings else [],
            advice=[
                "Name directories with wheels, separated by commas: relative to the app directory, or absolute,",
                "or bindings by their names.",
            ],
        )


class LockedFilesMissing(Problem):
    """A build without network lacks files."""

    def __init__(self, missing: Sequence[str], wrong: Sequence[str], places: Sequence[str]) -> None:
        """`missing` and `wrong` are lines, `places` the directories that were looked in."""
        counts = [*([f"{len(missing)} missing"] if missing else []), *([f"{len(wrong)} wrong"] if wrong else [])]
        super().__init__(
            what=f"BP_UV_OFFLINE: files that the build needs are not available locally ({', '.join(counts)}).",
            facts=[*missing, *wrong, f"Directories (BP_UV_FIND_LINKS): {', '.join(places) or 'none'}."],
            advice=[
                "Where there is a network, fill a directory with what uv.lock names (scripts/vendor of the buildpack),",
                "and name it in BP_UV_FIND_LINKS; or build with a network, without BP_UV_OFFLINE.",
            ],
        )


# uv itself


class UvNotFound(Problem):
    """A source checkout of the buildpack, and no uv on PATH."""

    def __init__(self) -> None:
        """The packaged buildpack carries its uv."""
        super().__init__(
            what="The buildpack carries no uv, and there is none on PATH.",
            advice=["Use the packaged buildpack (scripts/package), or put uv on PATH."],
        )


class UvVersionInvalid(Problem):
    """A requested version of uv cannot be parsed."""

    def __init__(self, text: str, origin: str) -> None:
        """`origin` says where it is written."""
        super().__init__(
            what=f"{text!r} ({origin}) is neither a version nor a specifier.",
            advice=["Write 0.13.8 or >=0.12,<0.14."],
        )


class UvVersionContradictory(Problem):
    """No version of uv meets both requests."""

    def __init__(self, wanted: str, required: str, origin: str) -> None:
        """`wanted` is that of `BP_UV_VERSION`; `origin` says where `required` is written."""
        super().__init__(
            what=f"BP_UV_VERSION asks for uv {wanted}, {origin} for {required}: no version meets both.",
            advice=["Remove BP_UV_VERSION, or change one of them. uv refuses to run unless required-version is met."],
        )


class UvVersionTooOld(Problem):
    """A version of uv is asked for that lacks what the buildpack needs of it."""

    def __init__(self, wanted: str, origin: str, oldest: str) -> None:
        """`origin` says where `wanted` is written."""
        super().__init__(
            what=f"uv {wanted} ({origin}) is too old: the oldest that can build an image is {oldest}.",
            advice=[f"Ask for uv {oldest} or newer. It reads the lock of an older one, and installs the same from it."],
        )


class UvVersionInexact(Problem):
    """A mirror of releases can be asked for one version only."""

    def __init__(self, request: str, variable: str) -> None:
        """`variable` names the mirror."""
        super().__init__(
            what=f"uv {request} is not one version, and a mirror of releases ({variable}) has no list of versions.",
            advice=["Ask for an exact version, such as BP_UV_VERSION=0.13.8."],
        )


class UvVersionUnavailable(Problem):
    """The requested version of uv is not available."""

    def __init__(self, request: str, asked: Sequence[str], nearest: Sequence[str], said: Sequence[str]) -> None:
        """`asked` are indexes or addresses, `nearest` versions that are there, `said` is what uv or a server said."""
        there = ", ".join(nearest) or "none"
        super().__init__(
            what=f"uv {request} is not available.",
            facts=[*(f"Looked in {each}." for each in asked), f"Nearest available versions: {there}.", *said],
            advice=[
                "Request an available version: BP_UV_VERSION, or required-version in [tool.uv] or uv.toml.",
                "Or add that version to the index, or name a mirror of releases in UV_INSTALLER_GITHUB_BASE_URL.",
            ],
        )


# Processes


class ProcfileInvalid(Problem):
    """`Procfile` cannot be read, or has no usable line."""

    def __init__(self, path: str, lines: Sequence[str]) -> None:
        """`lines` say what is wrong, each with the number of a line."""
        super().__init__(
            what=f"{path} cannot be used.",
            facts=lines,
            advice=[
                "Write one process type a line, in UTF-8 without a byte order mark, like this:",
                "web: gunicorn shop:app",
            ],
        )


class ProcessInvalid(Problem):
    """A process type or its command is invalid."""

    def __init__(self, origin: str, reason: str) -> None:
        """`origin` says where it is written, down to the key or line."""
        super().__init__(
            what=f"{origin}: {reason}.",
            advice=[
                "A process is a command line, an array of arguments, or a table with `command`, `args`, `working-dir`:",
                'web = "gunicorn shop:app --bind 0.0.0.0:$PORT"',
                'web = ["gunicorn", "shop:app"]',
                'web = { command = "gunicorn shop:app", args = ["--workers", "2"], working-dir = "shop" }',
            ],
        )


class DefaultProcessUnknown(Problem):
    """`default-process` names a process type that does not exist."""

    def __init__(self, name: str, types: Sequence[str]) -> None:
        """`types` are those that there are."""
        there = ", ".join(types) or "none"
        super().__init__(
            what=f"default-process is {name!r}, but there is no such process type.",
            facts=[f"Process types: {there}."],
            advice=["Name one of them, or remove `default-process` from [tool.uv-buildpack]."],
        )


# Python


class PythonRequestInvalid(Problem):
    """A request for a Python version is invalid."""

    def __init__(self, text: str, origin: str, reason: str = "") -> None:
        """`origin` says where it is written."""
        super().__init__(
            what=f"{text!r} ({origin}) is not a valid request for a Python version.",
            facts=[reason] if reason else [],
            advice=["Write 3.13, 3.13.4, >=3.12,<3.14 or 3.13t."],
        )


class PythonImplementationUnsupported(Problem):
    """Another implementation than CPython was asked for."""

    def __init__(self, text: str, origin: str) -> None:
        """`origin` says where it is written."""
        super().__init__(
            what=f"{text!r} ({origin}) is not CPython, and the buildpack provides only CPython.",
            advice=["Write the version alone, such as 3.13."],
        )


class PythonVersionFileInvalid(Problem):
    """`.python-version` cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        """`path` is relative to the app directory."""
        super().__init__(
            what=f"{path} cannot be used.",
            facts=[reason],
            advice=["Write one version, such as 3.13, as plain UTF-8 text; `uv python pin 3.13` does."],
        )


class PythonRequestContradictory(Problem):
    """A request and `requires-python` cannot both hold."""

    def __init__(self, text: str, origin: str, required: str, file: str) -> None:
        """`file` is the one that holds `requires-python`."""
        super().__init__(
            what=f"Python {text} ({origin}) contradicts requires-python {required} ({file}).",
            advice=["Change one of the two."],
        )


class PythonNotAvailable(Problem):
    """There is no build of the version for the target."""

    def __init__(self, text: str, origin: str, target: str, available: Sequence[str], newer_than: str = "") -> None:
        """`available` are the versions there are, newest first; `newer_than` is a date if the request may be newer."""
        facts = [f"Available: {', '.join(available) or 'none'}."]
        if newer_than:
            facts.append(f"The catalogue of CPython builds dates from {newer_than}; it does not list newer releases.")
        super().__init__(
            what=f"No build of Python {text} ({origin}) is available for {target}.",
            facts=facts,
            advice=["Ask for one of these, use a newer buildpack, or name a newer catalogue with BP_PYTHON_CATALOGUE."],
        )


class CatalogueInvalid(Problem):
    """A catalogue of CPython builds cannot be read."""

    def __init__(self, place: str, reason: str) -> None:
        """`place` is the path or address."""
        super().__init__(
            what=f"The catalogue of CPython builds ({place}) cannot be read.",
            facts=[reason],
            advice=["Check BP_PYTHON_CATALOGUE; scripts/python-archive writes such a file."],
        )


class PythonUnusable(Problem):
    """The interpreter does not start, or is not what it should be."""

    def __init__(self, version: str, said: str) -> None:
        """`said` is what it printed, or the operating system's reason."""
        super().__init__(
            what=f"The interpreter of CPython {version} does not work in the build image.",
            facts=said.splitlines()[-10:],
            advice=[
                "The image needs the C library that the build was made for: at least its glibc, or musl.",
                "A build of your own (BP_PYTHON_CATALOGUE) must be relocatable; scripts/python-archive makes one.",
            ],
        )


# Downloads


class AddressUnsupported(Problem):
    """An address that nothing is fetched from."""

    def __init__(self, url: str, origin: str = "") -> None:
        """`url` is without credentials; `origin` is the address that led there."""
        super().__init__(
            what=f"{url} is not an address to fetch from.",
            facts=[f"{origin} redirects there."] if origin else [],
            advice=["Use https:, file:, or http: to this machine (loopback) only."],
        )


class DownloadFailed(Problem):
    """A file could not be fetched, after several attempts where they could help."""

    happened = "{url} could not be fetched."
    what_to_do: tuple[str, ...] = (
        "Check the build's network (HTTPS_PROXY, NO_PROXY), and try again later.",
        "Where the address cannot be reached, set BP_PYTHON_MIRROR.",
    )
    temporary = True
    """Whether another attempt may help."""

    def __init__(self, url: str, reason: str, *, retry_after: float = 0.0) -> None:
        """`url` is without credentials, `reason` the server's; `retry_after` is what it asked for, in seconds."""
        self.retry_after = retry_after
        super().__init__(what=self.happened.format(url=url), facts=[reason], advice=self.what_to_do)


class DownloadTooSlow(DownloadFailed):
    """A server answers, so slowly that it would take hours."""

    happened = "{url} could not be fetched: the download is too slow."
    temporary = False


class HostUnknown(DownloadFailed):
    """The host has no address: no name service, or no such name in it."""

    happened = "{url} could not be fetched: the name of the host cannot be resolved."


class ConnectionFailed(DownloadFailed):
    """Nobody answers: refused, or no answer in time."""

    happened = "{url} could not be fetched: the host does not answer."


class CertificateRejected(DownloadFailed):
    """The server's certificate is not trusted."""

    happened = "{url} could not be fetched: the certificate of the host is not trusted."
    what_to_do = (
        "Provide the certificate of the authority (PEM) in a binding of type ca-certificates, or in SSL_CERT_FILE.",
    )
    temporary = False


class CertificateInvalid(Problem):
    """A file of a binding is no certificate."""

    def __init__(self, name: str) -> None:
        """`name` is the binding and the file in it."""
        super().__init__(
            what=f"{name} in a binding of type ca-certificates is not a certificate in PEM.",
            advice=[
                "A file holds one or more blocks from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
                "A file in DER is converted by `openssl x509 -inform der -in FILE`.",
            ],
        )


class DownloadForbidden(DownloadFailed):
    """The server wants credentials, or other ones."""

    happened = "{url} could not be fetched: access is denied."
    what_to_do = (
        "Check the credentials: in the address (BP_PYTHON_MIRROR, BP_PYTHON_CATALOGUE), or in netrc in a binding of",
        "type uv; and those of the proxy (HTTPS_PROXY).",
    )
    temporary = False


class DownloadNotFound(DownloadFailed):
    """There is no such file."""

    happened = "{url} does not exist."
    what_to_do = ("Check that the mirror (BP_PYTHON_MIRROR) has what the catalogue (BP_PYTHON_CATALOGUE) names.",)
    temporary = False


class DownloadRefused(DownloadFailed):
    """The server refuses, for good."""

    happened = "{url} was refused."
    what_to_do = ("Check the address: BP_PYTHON_MIRROR, BP_PYTHON_CATALOGUE.",)
    temporary = False


class DownloadTooLarge(Problem):
    """A download is larger than it can be."""

    def __init__(self, url: str, limit: int) -> None:
        """`limit` is in bytes."""
        super().__init__(
            what=f"{url} is larger than {limit} bytes.",
            advice=["Check that the address leads to the file itself."],
        )


class ChecksumMismatch(Problem):
    """A file is not the one that the catalogue names."""

    def __init__(self, url: str, expected: str, found: str) -> None:
        """Both are SHA-256."""
        super().__init__(
            what=f"{url} is not the file that the catalogue names.",
            facts=[f"Expected SHA-256 {expected}.", f"Found    SHA-256 {found}."],
            advice=["Check the mirror; do not use the file: it may have been tampered with."],
        )


class ArchiveInvalid(Problem):
    """An archive is damaged, or holds what an archive of CPython does not."""

    def __init__(self, name: str, reason: str) -> None:
        """`reason` names the entry."""
        super().__init__(
            what=f"The archive {name} cannot be unpacked.",
            facts=[reason],
            advice=["Check the mirror and the catalogue it belongs to."],
        )


class InterpreterFailed(Problem):
    """The layer's interpreter could not do what it has to."""

    def __init__(self, python: object, purpose: str, status: int, said: str) -> None:
        """`python` is its path, `purpose` completes "could not", `said` is what it printed."""
        super().__init__(
            what=f"The interpreter {python} could not {purpose} (exit status {status}).",
            facts=said.splitlines()[-10:],
            advice=["Check that the build has enough memory and disk."],
        )
        self.status = status


class CollectstaticImpossible(Problem):
    """Static files are to be collected, and the project has nothing to collect them with."""

    def __init__(self, reason: str, advice: str) -> None:
        """Take what is missing and what to do about it."""
        super().__init__(
            what="Django's static files cannot be collected.",
            facts=[reason],
            advice=[
                advice,
                "If the image needs no static files, leave BP_DJANGO_COLLECTSTATIC at auto, or set it to false.",
            ],
        )


class DjangoSettingsNotImportable(Problem):
    """Django's settings, or an application in them, raise an exception where the build loads them."""

    def __init__(self, place: str, error: str) -> None:
        """`place` is a file and a line of the app, or empty; `error` the exception in one line."""
        super().__init__(
            what="Django's settings cannot be loaded in the build.",
            facts=[f"{place}: {error}" if place else error],
            advice=[
                "If a variable is missing, give the build any value that lets the settings load: --env NAME=value.",
                "If a module is missing, BP_UV_GROUPS or BP_UV_EXTRAS may name the group that has it.",
                "If the image needs no static files, set BP_DJANGO_COLLECTSTATIC=false.",
            ],
        )


class StaticRootInvalid(Problem):
    """There is no place in the image for static files."""

    def __init__(self, reason: str) -> None:
        """Take what is wrong with STATIC_ROOT."""
        super().__init__(
            what="There is no place in the image for Django's static files.",
            facts=[reason],
            advice=[
                'Set it in the settings to a directory of the app: STATIC_ROOT = BASE_DIR / "staticfiles".',
                "If the image needs no static files, set BP_DJANGO_COLLECTSTATIC=false.",
            ],
        )


class CollectstaticFailed(Problem):
    """The settings are good, and `collectstatic` fails."""

    def __init__(self, place: str, error: str, traceback: str) -> None:
        """`place` is a file and a line of the app, or empty; `error` the exception in one line."""
        super().__init__(
            what="`collectstatic` failed.",
            facts=[f"{place}: {error}" if place else error, *traceback.splitlines()[-6:]],
            advice=[
                "Run `uv run --no-dev python manage.py collectstatic --dry-run --no-input` with the same settings.",
                "If the image needs no static files, set BP_DJANGO_COLLECTSTATIC=false.",
            ],
        )

"""The error catalogue: everything a user can be told to mend, in one place.

Each class is named for what happened, holds the facts, and says three things: what happened, what to do, where to read
more (`docs/errors.md`, under the class's name in kebab case).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Problem(Exception):
    """Something the reader can mend. `facts` and `advice` are lines."""

    def __init__(self, *, what: str, facts: Sequence[str] = (), advice: Sequence[str] = ()) -> None:
        """Say what happened, in one sentence."""
        super().__init__(what)
        self.what = what
        self.facts = tuple(facts)
        self.advice = tuple(advice)

    @property
    def anchor(self) -> str:
        """The heading in `docs/errors.md`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(self).__name__).lower()


class Problems(Exception):  # noqa: N818 (several problems are not an "Error")
    """All that was found wrong, to be reported together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Hold at least one problem."""
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = tuple(problems)


class Collector:
    """Collects problems, so that all of them are said before anything is done."""

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
    """A setting has a value that it cannot have."""

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
            advice=["Run `uv lock` and commit uv.lock.", "Check that uv.lock is not ignored (.dockerignore, project.toml)."],
        )


class LockfileInvalid(Problem):
    """`uv.lock` cannot be read."""

    def __init__(self, path: str, reason: str) -> None:
        """`reason` is the parser's, or names the value that is wrong."""
        super().__init__(
            what=f"{path} is not a valid lockfile.",
            facts=[reason],
            advice=["Restore it from version control, or remove it and run `uv lock`."],
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
    """`uv.lock` does not fit `pyproject.toml`."""

    def __init__(self, differences: Sequence[str], command: str = "uv lock") -> None:
        """`differences` are lines, package by package."""
        super().__init__(
            what="uv.lock does not fit pyproject.toml.",
            facts=differences,
            advice=[f"Run `{command}` and commit uv.lock."],
        )


class ProjectDirectoryOutside(Problem):
    """`BP_UV_PROJECT_DIR` leaves the app directory."""

    def __init__(self, value: str) -> None:
        """`value` is what the user set."""
        super().__init__(
            what=f"BP_UV_PROJECT_DIR={value} is outside the app directory.",
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


class LocalPackageMissing(Problem):
    """The lock names a local package whose directory is not there."""

    def __init__(self, name: str, path: str) -> None:
        """`path` is relative to the lock."""
        super().__init__(
            what=f"The local package {name} should be in {path}, but there is nothing.",
            advice=["Check that the directory is not ignored (.dockerignore, project.toml), or run `uv lock`."],
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
            what=f"The extra {name} is not defined by what is installed.",
            facts=[f"Extras: {', '.join(known) or 'none'}."],
            advice=["Correct BP_UV_EXTRAS (or `extras` in [tool.uv-buildpack])."],
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
            what=f"The layers directory {path} cannot be written.",
            facts=[reason],
            advice=["Give the build user write access to it: the platform makes this directory."],
        )


class EnvironmentLinkOccupied(Problem):
    """Something is where the link to the environment should be."""

    def __init__(self, path: str) -> None:
        """`path` is relative to the app directory."""
        super().__init__(
            what=f"{path} exists, so it cannot become a link to the environment.",
            advice=["Exclude it from the build (.dockerignore, project.toml), or change BP_UV_ENVIRONMENT_LINK."],
        )


class TargetUnsupported(Problem):
    """There are no builds for the target."""

    def __init__(self, os: str, arch: str) -> None:
        """`os` and `arch` are the platform's names."""
        super().__init__(
            what=f"The target {os}/{arch} is not supported.",
            advice=["Build for linux/amd64 or linux/arm64."],
        )

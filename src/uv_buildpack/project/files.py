"""The uv project in the app directory: where it is, its lock, its workspace, and what it declares.

Everything here reads files only. Paths shown to users are relative to the app directory.
How uv finds a project and the members of its workspace (0.12.5):
https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-workspace/src/workspace.rs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.utils import canonicalize_name

from cnb import toml
from cnb.documents import DocumentError, Table
from uv_buildpack.errors import (
    LockfileMissing,
    MemberHidden,
    ProjectDirectoryOutside,
    PyprojectInvalid,
    PyprojectMissing,
    UvSettingsInvalid,
    lock_command,
)
from uv_buildpack.project import app_files
from uv_buildpack.project.lockfile import UV_LOCK
from uv_buildpack.project.workspace import directories

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


PYLOCK = "pylock.toml"


class Pyproject(NamedTuple):
    """One `pyproject.toml`, with typed access to what the buildpack needs of it."""

    app_dir: Path
    path: Path
    document: Mapping[str, Any]

    @property
    def shown(self) -> str:
        """The path as users know it."""
        return app_files.shown(self.app_dir, self.path)

    @property
    def directory(self) -> Path:
        """Where the file is."""
        return self.path.parent

    @property
    def project(self) -> Mapping[str, Any]:
        """`[project]`, empty if there is none (a virtual workspace root)."""
        return self.table("project")

    @property
    def name(self) -> str | None:
        """The normalised name, if the file declares a project."""
        name = self.project.get("name")
        return canonicalize_name(name) if isinstance(name, str) else None

    @property
    def requires_python(self) -> str | None:
        """`requires-python`, as it is written."""
        value = self.project.get("requires-python")
        return value if isinstance(value, str) else None

    @property
    def uv(self) -> Mapping[str, Any]:
        """`[tool.uv]`."""
        return self.table("tool", "uv")

    def uv_settings(self) -> Mapping[str, Any]:
        """Return uv's settings as uv takes them: a `uv.toml` beside the file, where there is one, hides `[tool.uv]`.

        Raises `UvSettingsInvalid`.
        """
        path = self.directory / "uv.toml"
        if not app_files.is_file(path):
            return self.uv
        try:
            # uv passes over a byte order mark.
            document = toml.loads(path.read_text(encoding="utf-8-sig"))
            check_uv_settings(Table(document, "uv.toml"))
        except (OSError, UnicodeDecodeError, toml.TOMLError, DocumentError) as error:
            raise UvSettingsInvalid("Reading uv.toml", [str(error)]) from None
        return document

    def group_pythons(self, groups: Iterable[str]) -> dict[str, str]:
        """Return which Pythons groups are for (`[tool.uv.dependency-groups]`), those they include counted in."""
        settings = _by_normal_name(self.table("tool", "uv", "dependency-groups"))
        declared = _by_normal_name(self.table("dependency-groups"))
        found = {}
        for group in groups:
            tables = [settings[name] for name in _with_included(group, declared) if name in settings]
            if texts := [table["requires-python"] for table in tables if "requires-python" in table]:
                found[group] = ",".join(sorted(texts))
        return found

    def table(self, *keys: str) -> Mapping[str, Any]:
        """Return the table at `keys`, empty if absent. Raises `PyprojectInvalid` if it is not a table."""
        try:
            return dict(Table(self.document, self.shown).table(*keys).values)
        except DocumentError as error:
            raise PyprojectInvalid(self.shown, str(error)) from None

    def default_groups(self) -> tuple[str, ...]:
        """Return the dependency groups that uv installs without being asked: `dev`, unless the file says otherwise.

        https://docs.astral.sh/uv/concepts/projects/dependencies/#default-groups
        """
        value = self.uv.get("default-groups", ["dev"])
        if value == "all":
            value = [*self.table("dependency-groups"), "dev"]
        return tuple(group for group in value if isinstance(group, str)) if isinstance(value, list) else ()

    def is_package(self) -> bool:
        """Return whether uv installs the project itself: a build system, unless `tool.uv.package` says otherwise."""
        package = self.uv.get("package")
        return package if isinstance(package, bool) else "build-system" in self.document


class Project(NamedTuple):
    """The project that is built, and the workspace root whose lock it uses (often the same).

    Of a script `pyproject` is what its metadata say, and of a `pylock.toml` alone it is empty.
    """

    app_dir: Path
    pyproject: Pyproject
    root: Pyproject
    lock_name: str = UV_LOCK

    @property
    def directory(self) -> Path:
        """The project's directory."""
        return self.pyproject.directory

    @property
    def lock_path(self) -> Path:
        """The lock, always beside the root's `pyproject.toml`, or beside the script."""
        return self.root.directory / self.lock_name

    @property
    def pylock(self) -> bool:
        """Whether the lock is a `pylock.toml`, which no `pyproject.toml` has to fit."""
        return self.lock_name == PYLOCK

    @property
    def script(self) -> str | None:
        """The name of the script, if it is one."""
        return None if self.pylock or self.lock_name == UV_LOCK else self.root.path.name

    @property
    def name(self) -> str | None:
        """The name that the project has in its lock."""
        return None if self.pylock else self.pyproject.name

    @property
    def lock_command(self) -> str:
        """The command that writes the lock, for messages."""
        return lock_command(self.script)

    def shown(self, path: Path) -> str:
        """Return a path as users know it: relative to the app directory."""
        return app_files.shown(self.app_dir, path)


def _by_normal_name(table: Mapping[str, Any]) -> dict[str, Any]:
    return {canonicalize_name(name): value for name, value in table.items()}


def _with_included(group: str, declared: Mapping[str, Any]) -> set[str]:
    """Return a group and all that it includes, whoever includes whom."""
    found: set[str] = set()
    queue: list[str] = [canonicalize_name(group)]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            entries = [entry for entry in declared.get(name, ()) if isinstance(entry, dict)]
            queue += [canonicalize_name(str(entry["include-group"])) for entry in entries if "include-group" in entry]
    return found


def locate(app_dir: Path, project_dir: str) -> tuple[Path, Path | None]:
    """Return the project's directory and the directory whose `uv.lock` belongs to it, if any, without parsing.

    Raises `ProjectDirectoryOutside` if `project_dir` (relative to `app_dir`) leads out of the app, by a link as well.
    """
    directory = app_dir / project_dir
    if not directory.resolve().is_relative_to(app_dir.resolve()):
        raise ProjectDirectoryOutside(project_dir)
    directory = app_dir / directory.resolve().relative_to(app_dir.resolve())
    for candidate in [directory, *directory.parents]:
        if app_files.is_file(candidate / "uv.lock") and app_files.is_file(candidate / "pyproject.toml"):
            return directory, candidate
        if candidate == app_dir:
            break
    return directory, None


def read_project(app_dir: Path, project_dir: str) -> Project:
    """Find and read the project. Raises `Problem`: no project or lock, a file that is no TOML, a path outside."""
    directory, lock_dir = locate(app_dir, project_dir)
    shown = directory.relative_to(app_dir).as_posix()
    if not app_files.is_file(directory / "pyproject.toml"):
        raise PyprojectMissing("the app directory" if shown == "." else shown)
    pyproject = read_pyproject(app_dir, directory / "pyproject.toml")
    if lock_dir is None:
        raise LockfileMissing("the app directory" if shown == "." else shown)
    if lock_dir == directory:
        # A member may have a lock that was there before the workspace was; uv does not read it.
        root = _root_above(app_dir, pyproject) or pyproject
        lock_dir = root.directory
        if not app_files.is_file(lock_dir / "uv.lock"):
            raise LockfileMissing("the app directory" if lock_dir == app_dir else app_files.shown(app_dir, lock_dir))
    else:
        root = read_pyproject(app_dir, lock_dir / "pyproject.toml")
        _check_membership(app_dir, pyproject, root)
    for name in ("uv.lock", "uv.toml"):
        app_files.check_inside(app_dir, lock_dir / name)
    return Project(app_dir=app_dir, pyproject=pyproject, root=root)


def _root_above(app_dir: Path, pyproject: Pyproject) -> Pyproject | None:
    """Return the workspace root that uv takes a project for a member of: the lock is there, also if the member has one.

    The first `pyproject.toml` above decides. One that is a root itself is nobody's member.
    """
    if "workspace" in pyproject.uv or pyproject.directory == app_dir:
        return None
    for directory in pyproject.directory.parents:
        if app_files.is_file(directory / "pyproject.toml"):
            root = read_pyproject(app_dir, directory / "pyproject.toml")
            return root if pyproject.directory in workspace_members(root) else None
        if directory == app_dir:
            break
    return None


def _check_membership(app_dir: Path, pyproject: Pyproject, root: Pyproject) -> None:
    """Check that uv takes a project for a member of the workspace above it.

    uv looks no further than the first `pyproject.toml` above a project, unless that is a workspace root
    (`find_workspace` in the file that this module names). Raises `LockfileMissing`, `MemberHidden`.
    """
    directory = pyproject.directory
    shown = directory.relative_to(app_dir).as_posix()
    if directory not in workspace_members(root):
        raise LockfileMissing(shown)
    for between in directory.parents:
        if between == root.directory:
            return
        if app_files.is_file(between / "pyproject.toml"):
            hidden_by = (between / "pyproject.toml").relative_to(app_dir).as_posix()
            raise MemberHidden(shown, hidden_by, root.directory.relative_to(app_dir).as_posix(), pyproject.name)


def read_pyproject(app_dir: Path, path: Path) -> Pyproject:
    """Read a `pyproject.toml`. Raises `PyprojectInvalid`, `FileUnreadable`."""
    shown = app_files.shown(app_dir, path)
    try:
        # uv passes over a byte order mark.
        document = toml.loads(app_files.read(app_dir, path).decode("utf-8-sig"))
        check_pyproject(Table(document, shown))
    except UnicodeDecodeError as error:
        raise PyprojectInvalid(shown, f"It is not UTF-8 (byte {error.start}).") from None
    except (toml.TOMLError, DocumentError) as error:
        raise PyprojectInvalid(shown, str(error)) from None
    return Pyproject(app_dir=app_dir, path=path, document=document)


def check_pyproject(document: Table) -> None:
    """Check the types of all that the buildpack reads of a `pyproject.toml`. Raises `DocumentError`."""
    project, build_system = document.table("project"), document.table("build-system")
    for key in ("name", "version", "requires-python"):
        project.optional_text(key)
    for key in ("dependencies", "dynamic"):
        project.texts(key)
    extras, scripts = project.table("optional-dependencies"), project.table("scripts")
    for key in extras.values:
        extras.texts(key)
    for key in scripts.values:
        scripts.text(key)
    build_system.texts("requires")
    build_system.optional_text("build-backend")
    groups = document.table("dependency-groups")
    for key in groups.values:
        groups.array(key)
    tool = document.table("tool")
    tool.table("uv-buildpack")
    uv = tool.table("uv")
    uv.optional_boolean("package")
    for _, settings in uv.table("dependency-groups").named_tables():
        settings.optional_text("requires-python")
    uv.texts("dev-dependencies")
    for key in ("members", "exclude"):
        uv.table("workspace").texts(key)
    check_uv_settings(uv)


def check_uv_settings(uv: Table) -> None:
    """Check what is read of `uv.toml` or `[tool.uv]`. Raises `DocumentError`."""
    uv.optional_text("required-version")
    for key in ("no-binary-package", "no-build-isolation-package"):
        uv.texts(key)


def member_directories(root: Pyproject) -> list[Path]:
    """Return the directories that the globs of a workspace match, sorted, members or not; without the root."""
    workspace = root.uv.get("workspace")
    if not isinstance(workspace, dict):
        return []
    found = directories(root.directory, workspace.get("members", ()), workspace.get("exclude", ()), root.app_dir)
    # One that leads out of the app names a place that only its author has; uv says so.
    return [path for path in found if path != root.directory and path.is_relative_to(root.app_dir)]


def workspace_members(root: Pyproject) -> list[Path]:
    """Return the member directories of a workspace, sorted; the root is not among them.

    One that says `managed = false` is none. Raises `PyprojectInvalid`.
    """
    paths = [path / "pyproject.toml" for path in member_directories(root)]
    return [path.parent for path in paths if app_files.is_file(path) and _is_managed(root, path)]


def _is_managed(root: Pyproject, path: Path) -> bool:
    # Each build asks, and parsing costs more than this.
    if b"managed" not in path.read_bytes():
        return True
    return read_pyproject(root.app_dir, path).uv.get("managed") is not False


def read_members(project: Project) -> list[Pyproject]:
    """Return the members of the project's workspace except its root. Raises `PyprojectInvalid`."""
    return [read_pyproject(project.app_dir, path / "pyproject.toml") for path in workspace_members(project.root)]


def python_version_file(project: Project) -> Path | None:
    """Find the nearest `.python-version` from the project's directory up to the app directory.

    As in uv, `.python-versions` beside it is the second choice, and its first request counts (0.12.5:
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-python/src/version_files.rs).
    """
    for directory in [project.directory, *project.directory.parents]:
        for name in (".python-version", ".python-versions"):
            if app_files.is_file(directory / name):
                return directory / name
        if directory == project.app_dir:
            return None
    return None

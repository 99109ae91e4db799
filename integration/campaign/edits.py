"""Steps that change the application, as a developer would."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import tomli_w
from integration.campaign.application import (
    ASSETS,
    GUEST,
    LOCALS,
    ROOT,
    Application,
    Local,
    rewrite_wheel,
    write_local,
    write_requirements,
)

if TYPE_CHECKING:
    from random import Random

    from integration.campaign.world import World


BUILD_FAILED = 51
"""The lifecycle's code for a buildpack that failed."""


class NotNow(Exception):
    """A step does not apply to the state of the campaign."""


INDEX_NAMES = (
    "plain", "single", "space-one", "space-two", "space-heavy", "tool", "from-source", "from-source-single", "chain",
    "tagged", "odd", "weight", "pair-right", "growing", "seer",
)  # fmt: skip


def application_file(world: World, random: Random) -> str:
    """Edit, add or remove a file that belongs to no package."""
    directory = world.application.directory
    number = random.randrange(1000)
    match random.choice(("settings", "settings", "add", "remove", "mode", "link")):
        case "settings":
            (directory / "settings.py").write_text(f"VALUE = {number}\n", encoding="utf-8")
            return f"settings.py: VALUE = {number}"
        case "add":
            path = directory / "assets" / f"file{number % 5}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{number}\n", encoding="utf-8")
            return f"write {path.name}"
        case "mode":
            (directory / "README.md").chmod((0o644, 0o640, 0o755)[number % 3])
            return "mode of README.md"
        case "link":
            path = directory / "link"
            path.unlink(missing_ok=True)
            path.symlink_to(f"assets/file{number % 5}.txt")
            return "link"
        case _:
            files = sorted((directory / "assets").glob("*"))
            if not files:
                raise NotNow
            files[number % len(files)].unlink()
            return "remove an asset"


def local_source(world: World, random: Random) -> str:
    """Edit, add or remove a module of a local package."""
    local = random.choice(world.application.locals())
    package = world.application.directory / local.source
    number = random.randrange(1000)
    match random.choice(("value", "value", "part", "add", "remove", "stray")):
        case "value":
            body = f'VALUE = "{local.name} {number}"\n\n\ndef main():\n    print(VALUE)\n'
            (package / "__init__.py").write_text(body, encoding="utf-8")
            return f"{local.name}: VALUE {number}"
        case "part":
            (package / "part.py").write_text(f"PART = {number}\n", encoding="utf-8")
            return f"{local.name}: part.py {number}"
        case "add":
            path = package / f"extra{number % 3}" / "__init__.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"EXTRA = {number}\n", encoding="utf-8")
            return f"{local.name}: add {path.parent.name}"
        case "stray":
            # What a developer's machine leaves beside the source.
            path = package / "__pycache__" / "part.cpython-313.pyc"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(number.to_bytes(2, "big") * 20)
            return f"{local.name}: stray bytecode"
        case _:
            files = sorted(package.glob("extra*/__init__.py"))
            if not files:
                raise NotNow
            files[0].unlink()
            files[0].parent.rmdir()
            return f"{local.name}: remove {files[0].parent.name}"


def local_metadata(world: World, random: Random) -> str:
    """Change version, description, scripts or dependencies of a local package, and lock."""
    local = random.choice(world.application.locals())
    kind = random.choice(("version", "description", "scripts", "requires"))
    number = random.randrange(10)
    name = random.choice(("plain", "single", "odd"))

    def change(document: dict[str, Any]) -> None:
        project = document["project"]
        match kind:
            case "version":
                project["version"] = f"0.{number}.0"
            case "description":
                project["description"] = f"Number {number}"
            case "scripts":
                project["scripts"] = {f"{local.name}-{number}": f"{local.module}:main"}
            case _ if local is not ROOT and "dependencies" in project and not local.against:
                project["dependencies"] = [] if project["dependencies"] else [name]
            case _:
                raise NotNow

    world.application.change(change, local.path)
    _lock(world.application)
    return f"{local.name}: {kind} {number}"


def wheel_in_tree(world: World, random: Random) -> str:
    """Replace the wheel that lies in the application by one with equal name and version."""
    number = random.randrange(1000)
    rewrite_wheel(world.application, f"wheeled {number}")
    # The lock has its digest, and keeps it while name and version are equal.
    _lock(world.application, "--upgrade-package", "wheeled", "--refresh")
    return f"wheeled.whl {number}"


def add_dependency(world: World, random: Random) -> str:
    """`uv add` a package of the index, with or without a version."""
    application = world.application
    world.install_project()
    name = random.choice(INDEX_NAMES)
    versions = sorted({d.version for d in world.distributions if d.name == name})
    version = random.choice(["", *versions])
    extra = "[more]" if name == "chain" and version == "2.0" else ""
    _uv(application, "add", "--no-sync", f"{name}{extra}{'==' if version else ''}{version}")
    return f"uv add {name}{extra} {version}"


def remove_dependency(world: World, random: Random) -> str:
    """`uv remove` a dependency."""
    world.install_project()
    names = [name for name in world.application.dependencies() if name in INDEX_NAMES]
    if not names:
        raise NotNow
    name = random.choice(names)
    _uv(world.application, "remove", "--no-sync", name)
    return f"uv remove {name}"


def change_locked_version(world: World, random: Random) -> str:
    """`uv lock --upgrade-package name==version`, or without a version."""
    locked = world.application.locked()
    names = sorted(name for name in locked if name in INDEX_NAMES)
    if not names:
        raise NotNow
    name = random.choice(names)
    version = random.choice(sorted({d.version for d in world.distributions if d.name == name} - {locked[name]}))
    _lock(world.application, "--upgrade-package", f"{name}=={version}")
    return f"uv lock --upgrade-package {name}=={version}"


def add_local(world: World, random: Random) -> str:
    """Depend on a local package, or no longer."""
    name = random.choice((*(local.name for local in LOCALS), "wheeled"))

    def change(document: dict[str, Any]) -> None:
        names = document["project"]["dependencies"]
        document["project"]["dependencies"] = [n for n in names if n != name] if name in names else [*names, name]

    world.application.change(change)
    _lock(world.application)
    return f"toggle the dependency on {name}"


def editable_path(world: World, random: Random) -> str:
    """Change whether a path dependency is editable."""
    name = random.choice([local.name for local in LOCALS if local.path.startswith("vendor/")])

    def change(document: dict[str, Any]) -> None:
        source = document["tool"]["uv"]["sources"][name]
        source["editable"] = not source.get("editable", False)

    world.application.change(change)
    _lock(world.application)
    return f"toggle editable of {name}"


def packaged(world: World, _: Random) -> str:
    """Make the project a package, or virtual."""

    def change(document: dict[str, Any]) -> None:
        document["tool"]["uv"]["package"] = not document["tool"]["uv"]["package"]

    world.application.change(change)
    _lock(world.application)
    return "toggle whether the project is a package"


def development_group(world: World, random: Random) -> str:
    """Change a group that is not installed unless it is chosen."""
    group = random.choice(("dev", "operations"))
    name = random.choice(INDEX_NAMES)
    known = [text.split("=")[0] for text in world.application.document()["dependency-groups"][group]]
    if name in known:
        _uv(world.application, "remove", "--no-sync", "--group", group, name)
        return f"uv remove --group {group} {name}"
    _uv(world.application, "add", "--no-sync", "--group", group, name)
    return f"uv add --group {group} {name}"


def dynamic_requirements(world: World, random: Random) -> str:
    """Change the file that a backend takes dependencies from, and lock."""
    name = random.choice(("plain", "single", "odd", "tool"))
    write_requirements(world.application.directory, name)
    # Of what a backend declared uv keeps the answer, whatever file other than pyproject.toml changes.
    _lock(world.application, "--refresh-package", "path-dynamic")
    return f"path-dynamic depends on {name}"


def data_file(world: World, random: Random) -> str:
    """Edit, add or remove a file that a local package installs below `sys.prefix`."""
    path = world.application.directory / ASSETS / f"data-{random.randrange(2)}.ini"
    number = random.randrange(1000)
    if path.exists() and number % 3 == 0:
        path.unlink()
        return f"remove {path.name}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{number}\n", encoding="utf-8")
    return f"{path.name}: {number}"


def member(world: World, random: Random) -> str:
    """Add a member to the workspace, with or without a dependency on it, or remove it."""
    application = world.application
    place = application.directory / GUEST.path
    aside = world.root / "guest"
    known, needed = place.exists(), random.random() < 0.7
    if known:
        place.rename(aside)
    else:
        write_local(application.directory, GUEST)

    def change(document: dict[str, Any]) -> None:
        project, sources = document["project"], document["tool"]["uv"]["sources"]
        project["dependencies"] = [name for name in project["dependencies"] if name != GUEST.name]
        sources.pop(GUEST.name, None)
        if needed and not known:
            project["dependencies"].append(GUEST.name)
            sources[GUEST.name] = {"workspace": True}

    application.change(change)
    try:
        _lock(application)
    except NotNow:
        if known:
            aside.rename(place)
        else:
            shutil.rmtree(place)
        raise
    shutil.rmtree(aside, ignore_errors=True)
    return f"{GUEST.name} {'goes' if known else 'comes'}"


def comment(world: World, random: Random) -> str:
    """Touch a comment in a pyproject.toml."""
    local: Local = random.choice(world.application.locals())
    number = random.randrange(1000)
    path = world.application.directory / local.path / "pyproject.toml"
    text = path.read_text(encoding="utf-8").partition("# Comment")[0]
    path.write_text(f"{text}# Comment {number}\n", encoding="utf-8")
    return f"comment in {local.name}"


def touch(world: World, random: Random) -> str:
    """Change the times of files."""
    moment = random.randrange(1_000_000_000, 1_700_000_000)
    for path in world.application.directory.rglob("*"):
        os.utime(path, (moment, moment), follow_symlinks=False)
    return "touch everything"


def outdated_requirements(world: World, _: Random) -> str:
    """Forget to lock after a change that only a backend sees; the build must fail, and the step mends it."""
    application = world.application
    world.install_project()
    names = [name for name in INDEX_NAMES if name not in application.locked()]
    if not names or "path-dynamic" not in application.dependencies():
        raise NotNow
    saved = application.saved()
    write_requirements(application.directory, names[0])
    world.check(code=BUILD_FAILED)
    application.restore(saved)
    return f"forget to lock {names[0]} of path-dynamic"


def outdated_lock(world: World, random: Random) -> str:
    """Forget to lock after a change; the build must fail, and the step fixes it."""
    application = world.application
    path = application.directory / "pyproject.toml"
    before = path.read_text(encoding="utf-8")
    world.install_project()
    # One that is locked for another reason may change nothing of what is installed: that is a warning.
    names = [name for name in INDEX_NAMES if name not in application.locked()]
    if not names:
        raise NotNow
    name = random.choice(names)
    document = application.document()
    document["project"]["dependencies"].append(name)
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    world.check(code=BUILD_FAILED)
    path.write_text(before, encoding="utf-8")
    return f"forget to lock {name}"


def _lock(application: Application, *arguments: str) -> None:
    """Lock, or take the step back."""
    _uv(application, "lock", "--quiet", *arguments)


def _uv(application: Application, *arguments: str) -> None:
    try:
        application.uv(*arguments)
    except subprocess.CalledProcessError as error:
        raise NotNow(error.stderr) from error

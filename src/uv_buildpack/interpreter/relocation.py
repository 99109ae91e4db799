"""What makes a CPython installation independent of the place it was built for.

Two parties need this: the `python` layer, which unpacks an archive that was configured for `/install`, and
`scripts/python-archive`, which makes such archives. The script runs on a bare interpreter, so this module imports the
standard library only.
What an archive holds: https://github.com/astral-sh/python-build-standalone/blob/20260814/docs/distributions.rst
What names its prefix: https://docs.python.org/3/library/sysconfig.html and https://peps.python.org/pep-0739/
"""

import ast
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

#: The prefix for which python-build-standalone configures CPython; our own archives follow it.
BUILD_PREFIX: Final = "/install"

_DROPPED_DIRECTORIES: Final = frozenset({"ensurepip", "idlelib", "test", "tests", "tkinter", "turtledemo"})
_DROPPED_LIBRARIES: Final = re.compile(r"tcl|(lib)?(tcl|tk|itcl|thread|Tix)-?\d[\w.]*")
_DROPPED_MODULES: Final = re.compile(
    r"(_test\w*|_ctypes_test|_xxtestfuzz|xxlimited(_35)?|xxsubtype|_tkinter)\.(?:[\w-]+\.)?so"
)
_DROPPED_COMMANDS: Final = re.compile(r"(2to3|idle|pip|pydoc)(3?[\d.]*t?)?(-\d[\d.]*t?)?|python[\d.]+t?-gdb\.py")
_DROPPED_PACKAGES: Final = re.compile(
    r"(pip|setuptools|wheel)(-.+\.dist-info)?|pkg_resources|_distutils_hack|distutils-precedence\.pth"
)


def is_dropped(relative: PurePosixPath) -> bool:
    """Return whether a file or directory, given relative to the prefix, has no place in an application's image.

    Left out are pip (uv is the installer), its bundled copy, IDLE, Tk, the test suites, static libraries and what
    links them, manual pages, terminal descriptions and foreign bytecode. Headers and `libpython` stay: packages
    are compiled against them, and programs that embed Python load them.
    """
    if relative.name == "__pycache__" or relative.suffix in {".a", ".o", ".pyc", ".pyo"}:
        return True
    match relative.parts:
        case ("share", *_):
            return True
        case ("bin", name):
            return _DROPPED_COMMANDS.fullmatch(name) is not None
        case ("lib", name) if not name.startswith("python"):
            return _DROPPED_LIBRARIES.fullmatch(name) is not None
        case ("lib", _, *inner):
            return _is_dropped_from_library(inner)
        case _:
            return False


def _is_dropped_from_library(inner: list[str]) -> bool:
    match inner:
        case ["site-packages", *rest]:
            return bool(rest) and _DROPPED_PACKAGES.fullmatch(rest[0]) is not None
        case ["lib-dynload", name]:
            return _DROPPED_MODULES.fullmatch(name) is not None
        case [config, name] if config.startswith("config-"):
            return name not in {"Makefile", "python-config.py"} and not name.startswith("libpython")
        case _:
            return inner == ["turtle.py"] or not _DROPPED_DIRECTORIES.isdisjoint(inner)


_AT_PREFIX: Final = re.compile(r"""(?P<before>^|[\s'"=:,]|-[ILRB])/install(?=$|[/\s'":,])""", re.MULTILINE)


def move_prefix(text: str, prefix: str) -> str:
    """Replace `/install` by `prefix` wherever it starts a path: in `-L/install/lib`, but not in `/usr/bin/install`."""
    return _AT_PREFIX.sub(lambda match: match["before"] + prefix, text)


_BUILD_TOOLS: Final = {
    "AR": ("ar", re.compile(r"^\S*(?:llvm-ar|[\w-]*-(?:gcc-)?ar)(?=\s|$)")),
    "CC": ("cc", re.compile(r"^\S*(?:clang|musl-clang|[\w-]*-?gcc)(?=\s|$)")),
    "CXX": ("c++", re.compile(r"^\S*(?:clang\+\+|[\w-]*-?g\+\+)(?=\s|$)")),
}
_BUILD_TOOLS_OF: Final = {
    "AR": "AR",
    "CC": "CC",
    "LINKCC": "CC",
    "LDSHARED": "CC",
    "BLDSHARED": "CC",
    "CXX": "CXX",
    "LDCXXSHARED": "CXX",
}
# python-build-standalone takes its build container's directories out of `_sysconfigdata_*.py` (hack_sysconfig.py in
# https://github.com/astral-sh/python-build-standalone/blob/20260814/cpython-unix/build-cpython.sh), but not out of
# `_sysconfig_vars_*.json`.
_BUILD_DIRECTORIES: Final = re.compile(r"(?<!\s)\s*-(?:isysroot\s+\S+|(?:isystem\s+|[IL])/tools/\S*)")
# Debug information names the directory of the build, which uv chooses at random: extension modules would differ from
# build to build. Who wants it sets CFLAGS=-g.
_DEBUG_INFORMATION: Final = re.compile(r"(?<!\S)-g(?:gdb)?\d?(?:\s+|$)")


def move_variables(variables: Mapping[str, object], prefix: str) -> dict[str, object]:
    """Return the build-time variables of an installation at `prefix`, with tools that build images usually have.

    python-build-standalone is compiled with clang; an image that compiles an extension has whatever `cc` names.
    """
    return {name: _moved_variable(name, value, prefix) for name, value in variables.items()}


def _moved_variable(name: str, value: object, prefix: str) -> object:
    if not isinstance(value, str):
        return value
    text = _DEBUG_INFORMATION.sub("", _BUILD_DIRECTORIES.sub("", move_prefix(value, prefix)))
    if name not in _BUILD_TOOLS_OF:
        return text
    tool, spelled = _BUILD_TOOLS[_BUILD_TOOLS_OF[name]]
    return spelled.sub(tool, text)


def read_variables(path: Path) -> dict[str, object]:
    """Return the dictionary in a `_sysconfigdata_*.py` file, read without running it."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            variables: dict[str, object] = ast.literal_eval(statement.value)
            return variables
    message = f"{path}: no build_time_vars"
    raise ValueError(message)


def write_variables(path: Path, variables: Mapping[str, object]) -> None:
    """Write a `_sysconfigdata_*.py` file, a variable a line: the same bytes whichever Python writes them."""
    lines = "".join(f" {name!r}: {value!r},\n" for name, value in sorted(variables.items()))
    text = f"# system configuration generated and used by the sysconfig module\nbuild_time_vars = {{\n{lines}}}\n"
    path.write_text(text, encoding="utf-8")


def rewrite_json(path: Path, change: Callable[[str], str]) -> None:
    """Apply `change` to every string in a JSON file (`build-details.json` and the like: CPython 3.14 and newer)."""
    document = _changed(json.loads(path.read_text(encoding="utf-8")), change)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def rewrite_variables_json(path: Path, prefix: str) -> None:
    """Move the build-time variables in a `_sysconfig_vars_*.json` file (CPython 3.14 and newer)."""
    variables = move_variables(json.loads(path.read_text(encoding="utf-8")), prefix)
    path.write_text(json.dumps(variables, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _changed(value: object, change: Callable[[str], str]) -> object:
    match value:
        case str():
            return change(value)
        case list():
            return [_changed(item, change) for item in value]
        case dict():
            return {name: _changed(item, change) for name, item in value.items()}
        case _:
            return value


def move(directory: Path) -> None:
    """Write the layer's path where the archive has the path that it was configured for.

    What uv does for the interpreters it installs; the `Makefile` as well, for builds that read it.
    """
    prefix = str(directory)
    for path in directory.glob("lib/python*/_sysconfigdata_*.py"):
        write_variables(path, move_variables(read_variables(path), prefix))
    for path in directory.glob("lib/python*/_sysconfig_vars_*.json"):
        rewrite_variables_json(path, prefix)
    for path in directory.glob("lib/python*/build-details*.json"):
        rewrite_json(path, lambda text: move_prefix(text, prefix))
    for pattern in ("lib/pkgconfig/*.pc", "lib/python*/config-*/Makefile", "bin/python*-config"):
        for path in directory.glob(pattern):
            if not path.is_symlink():
                text = path.read_text(encoding="utf-8")
                path.write_text(move_prefix(text, prefix), encoding="utf-8")


def is_wanted(path: PurePosixPath) -> bool:
    """Return whether a layer needs a file or directory of an archive."""
    return not any(is_dropped(part) for part in (path, *path.parents) if part.parts)

"""A build backend without requirements, copied into source trees: a wheel of what lies in `src`, or a `.pth` to it.

`[tool.tiny]` says what else it does, as other backends do. With `stamp = true` it writes a module with the version into
the tree first (hatch-vcs, setuptools-scm). `against` names a module that it imports when it builds, and whose value is
in the wheel then (a torch extension). `requirements.txt` has the dependencies where they are dynamic (setuptools), and
what is in `assets` is installed below `etc`. It runs in the interpreter of a build, never in that of the campaign.
"""

import base64
import hashlib
import importlib
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TIME = (1980, 1, 1, 0, 0, 0)


def build_wheel(wheel_directory: str, _config: object = None, _metadata_directory: object = None) -> str:
    """Make a wheel of what lies in `src` (PEP 517)."""
    return _wheel(wheel_directory, _sources() | _more())


def build_editable(wheel_directory: str, _config: object = None, _metadata_directory: object = None) -> str:
    """Make a wheel that leads to `src` (PEP 660)."""
    _sources()
    name = _project()["name"].replace("-", "_")
    return _wheel(wheel_directory, {f"__editable__.{name}.pth": f"{Path('src').absolute()}\n".encode()} | _more())


def _document() -> dict[str, Any]:
    return tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))


def _project() -> dict[str, Any]:
    project: dict[str, Any] = _document()["project"]
    return project


def _base() -> str:
    project = _project()
    return f"{project['name'].replace('-', '_')}-{project['version']}"


def _sources() -> dict[str, bytes]:
    """Return path → content of all below `src`, after writing the version where that is asked for."""
    project = _project()
    if _settings().get("stamp"):
        module = Path("src", project["name"].replace("-", "_"))
        (module / "stamp.py").write_text(f"VERSION = {project['version']!r}\n", encoding="utf-8")
    paths = [path for path in sorted(Path("src").rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to("src")): path.read_bytes() for path in paths}


def _settings() -> dict[str, Any]:
    settings: dict[str, Any] = _document().get("tool", {}).get("tiny", {})
    return settings


def _more() -> dict[str, bytes]:
    """Return path → content of what is in the wheel whether it is editable or not."""
    files = {}
    if module := _settings().get("against"):
        value = importlib.import_module(module).VALUE
        files[f"{_project()['name'].replace('-', '_')}_against.py"] = f"VALUE = {value!r}\n".encode()
    for path in sorted(Path("assets").glob("*")):
        files[f"{_base()}.data/data/etc/{path.name}"] = path.read_bytes()
    return files


def _dependencies() -> list[str]:
    if "dependencies" in _project().get("dynamic", []):
        return Path("requirements.txt").read_text(encoding="utf-8").split()
    dependencies: list[str] = _project().get("dependencies", [])
    return dependencies


def _wheel(directory: str, files: Mapping[str, bytes]) -> str:
    info, project = f"{_base()}.dist-info", _project()
    contents = dict(files)
    requires = "".join(f"Requires-Dist: {line}\n" for line in _dependencies())
    metadata = f"Metadata-Version: 2.3\nName: {project['name']}\nVersion: {project['version']}\n{requires}"
    contents[f"{info}/METADATA"] = metadata.encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if scripts := "".join(f"{name} = {entry}\n" for name, entry in project.get("scripts", {}).items()):
        contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    record = "".join(_record_line(name, content) for name, content in contents.items())
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    target = f"{_base()}-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory, target), "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _TIME), content)
    return target


def _record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"

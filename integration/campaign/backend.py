"""A build backend without requirements, copied into source trees: a wheel of what lies in `src`, or a `.pth` to it.

With `[tool.tiny] stamp = true` it writes a module with the version into the tree first, as hatch-vcs and setuptools-scm
do. It runs in the interpreter of a build, never in that of the campaign.
"""

import base64
import hashlib
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TIME = (1980, 1, 1, 0, 0, 0)


def build_wheel(wheel_directory: str, _settings: object = None, _metadata_directory: object = None) -> str:
    """Make a wheel of what lies in `src` (PEP 517)."""
    return _wheel(wheel_directory, _sources())


def build_editable(wheel_directory: str, _settings: object = None, _metadata_directory: object = None) -> str:
    """Make a wheel that leads to `src` (PEP 660)."""
    _sources()
    name = _project()["name"].replace("-", "_")
    return _wheel(wheel_directory, {f"__editable__.{name}.pth": f"{Path('src').absolute()}\n".encode()})


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
    if _document().get("tool", {}).get("tiny", {}).get("stamp"):
        module = Path("src", project["name"].replace("-", "_"))
        (module / "stamp.py").write_text(f"VERSION = {project['version']!r}\n", encoding="utf-8")
    paths = [path for path in sorted(Path("src").rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to("src")): path.read_bytes() for path in paths}


def _wheel(directory: str, files: Mapping[str, bytes]) -> str:
    info, project = f"{_base()}.dist-info", _project()
    contents = dict(files)
    requires = "".join(f"Requires-Dist: {line}\n" for line in project.get("dependencies", []))
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

"""A build backend without requirements, copied into source trees: a wheel of what lies in `src`, or a `.pth` to it.

With `[tool.tiny] stamp = true` it writes a module with the version into the tree first, as hatch-vcs and setuptools-scm
do. It runs in the interpreter of a build, never in that of the campaign.
"""

import base64
import hashlib
import io
import os
import tarfile
import tomllib
import zipfile

_TIME = (1980, 1, 1, 0, 0, 0)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return _wheel(wheel_directory, _sources())


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    _sources()
    name = _project()["name"].replace("-", "_")
    return _wheel(wheel_directory, {f"__editable__.{name}.pth": f"{os.path.abspath('src')}\n".encode()})


def build_sdist(sdist_directory, config_settings=None):
    project = _project()
    base = f"{project['name'].replace('-', '_')}-{project['version']}"
    with tarfile.open(os.path.join(sdist_directory, f"{base}.tar.gz"), "w:gz") as archive:
        archive.add(".", base)
    return f"{base}.tar.gz"


def _document():
    with open("pyproject.toml", "rb") as opened:
        return tomllib.load(opened)


def _project():
    return _document()["project"]


def _sources():
    """Give path → content of all below `src`, after writing the version where that is asked for."""
    project = _project()
    if _document().get("tool", {}).get("tiny", {}).get("stamp"):
        module = project["name"].replace("-", "_")
        with open(f"src/{module}/stamp.py", "w", encoding="utf-8") as opened:
            opened.write(f"VERSION = {project['version']!r}\n")
    found = {}
    for parent, directories, names in os.walk("src"):
        directories[:] = sorted(name for name in directories if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(parent, name)
            with open(path, "rb") as opened:
                found[os.path.relpath(path, "src")] = opened.read()
    return found


def _wheel(directory, files):
    project = _project()
    base = f"{project['name'].replace('-', '_')}-{project['version']}"
    scripts = "".join(f"{name} = {entry}\n" for name, entry in project.get("scripts", {}).items())
    requires = "".join(f"Requires-Dist: {line}\n" for line in project.get("dependencies", []))
    metadata = f"Metadata-Version: 2.3\nName: {project['name']}\nVersion: {project['version']}\n{requires}"
    contents = dict(files)
    contents[f"{base}.dist-info/METADATA"] = metadata.encode()
    contents[f"{base}.dist-info/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if scripts:
        contents[f"{base}.dist-info/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    record = io.StringIO()
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record.write(f"{name},sha256={digest},{len(content)}\n")
    record.write(f"{base}.dist-info/RECORD,,\n")
    contents[f"{base}.dist-info/RECORD"] = record.getvalue().encode()
    target = f"{base}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, target), "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _TIME), content)
    return target

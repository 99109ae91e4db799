"""One input of a build: the files of an app and of a platform, made from valid ones by a few hostile changes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integration.fuzz import values

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

_REGISTRY = {"registry": "https://index.example/simple"}


def _wheel(name: str, tag: str = "py3-none-any") -> dict[str, Any]:
    return {"url": f"https://index.example/f/{name}-1.0-{tag}.whl", "hash": f"sha256:{'0' * 64}", "size": 10}


PYPROJECT: dict[str, Any] = {
    "project": {
        "name": "shop",
        "version": "0.1.0",
        "requires-python": ">=3.11",
        "readme": "README.md",
        "license-files": ["LICENSE*"],
        "dependencies": ["fastapi>=1", "uvicorn", "toolbox"],
        "optional-dependencies": {"fast": ["orjson"]},
        "scripts": {"shop": "shop:main"},
    },
    "build-system": {"requires": ["hatchling", "hatch-vcs"], "build-backend": "hatchling.build"},
    "dependency-groups": {"dev": ["pytest", {"include-group": "lint"}], "lint": ["ruff"]},
    "tool": {
        "uv": {
            "package": True,
            "required-version": ">=0.1",
            "workspace": {"members": ["libs/*"], "exclude": ["libs/old"]},
            "sources": {"toolbox": {"workspace": True}},
            "index": [{"name": "corp", "url": "https://index.example/simple", "default": True}],
            "no-binary-package": ["orjson"],
            "config-settings": {"a": "b"},
            "no-build-isolation-package": ["orjson"],
            "extra-build-variables": {"orjson": {"A": "b"}},
        },
        "uv-buildpack": {
            "groups": ["dev"],
            "extras": ["fast"],
            "environment-link": ".venv",
            "heavy-packages": "10MB",
            "processes": {
                "web": "uvicorn shop:app --port $PORT",
                "job": {"command": ["shop"], "args": ["x"], "working-dir": "src"},
            },
            "default-process": "web",
        },
        "hatch": {"build": {"hooks": {}}, "version": {"source": "vcs"}},
        "fastapi": {"entrypoint": "shop:app"},
        "pdm": {"version": {"source": "scm"}},
        "poetry": {"scripts": {"a": {"x": 1}}},
    },
}
_SHOP: dict[str, Any] = {
    "name": "shop",
    "version": "0.1.0",
    "source": {"editable": "."},
    "dependencies": [
        {"name": "fastapi", "extra": ["standard"]},
        {"name": "uvicorn", "marker": "sys_platform == 'linux'"},
        {"name": "toolbox"},
    ],
    "optional-dependencies": {"fast": [{"name": "orjson", "version": "1.0", "source": _REGISTRY}]},
    "dev-dependencies": {"dev": [{"name": "pytest"}, {"name": "ruff"}], "lint": [{"name": "ruff"}]},
    "metadata": {
        "requires-dist": [
            {"name": "fastapi", "specifier": ">=1"},
            {"name": "uvicorn"},
            {"name": "toolbox", "editable": "libs/toolbox"},
            {"name": "orjson", "marker": "extra == 'fast'"},
        ],
        "provides-extras": ["fast"],
        "requires-dev": {"dev": [{"name": "pytest"}, {"name": "ruff"}], "lint": [{"name": "ruff"}]},
    },
}
LOCK: dict[str, Any] = {
    "version": 1,
    "revision": 3,
    "requires-python": ">=3.11",
    "resolution-markers": ["python_full_version >= '3.12'", "python_full_version < '3.12'"],
    "supported-markers": ["sys_platform == 'linux'"],
    "conflicts": [[{"package": "shop", "extra": "fast"}, {"package": "shop", "group": "lint"}]],
    "manifest": {"members": ["shop", "toolbox"], "dependency-groups": {"ops": [{"name": "ruff"}]}},
    "package": [
        _SHOP,
        {"name": "toolbox", "version": "1.0", "source": {"editable": "libs/toolbox"}, "metadata": {}},
        {
            "name": "fastapi",
            "version": "1.0",
            "source": _REGISTRY,
            "wheels": [_wheel("fastapi")],
            "optional-dependencies": {"standard": [{"name": "ruff"}]},
        },
        {"name": "uvicorn", "version": "1.0", "source": _REGISTRY, "wheels": [_wheel("uvicorn")]},
        {
            "name": "pytest",
            "version": "1.0",
            "source": {"git": f"https://git.example/p?rev=x#{'0' * 40}", "subdirectory": "x"},
        },
        {
            "name": "ruff",
            "version": "1.0",
            "source": {"url": "https://files.example/ruff-1.0.tar.gz"},
            "sdist": {"hash": "sha256:00"},
        },
        {
            "name": "orjson",
            "version": "1.0",
            "source": _REGISTRY,
            "wheels": [_wheel("orjson", "cp313-cp313-manylinux_2_17_x86_64")],
            "sdist": {"url": "https://index.example/f/orjson-1.0.tar.gz", "hash": "sha256:00", "size": 3},
            "resolution-markers": ["python_full_version >= '3.12'"],
        },
    ],
}
_SOURCE = b"""import fastapi
from .factory import create_app
try:
    app: fastapi.FastAPI = fastapi.FastAPI()
except ImportError:
    app = create_app()
if __name__ == "__main__":
    app.run()
"""
FILES: dict[str, bytes] = {
    ".python-version": b"3.13\n",
    "Procfile": b"web: uvicorn shop:app --port $PORT\nworker: shop && exec x 'y z' # comment\n",
    "README.md": b"# Shop\n",
    "LICENSE": b"MIT\n",
    "src/shop/__init__.py": _SOURCE,
    "src/shop/factory.py": b"def create_app():\n    from fastapi import FastAPI\n    return FastAPI()\n",
    "main.py": b"import fastapi\napp = fastapi.FastAPI()\n",
    "uv.toml": b'no-binary-package = ["ruff"]\n[config-settings]\na = "b"\n',
    "libs/toolbox/pyproject.toml": b'[project]\nname = "toolbox"\nversion = "1.0"\ndynamic = ["readme"]\n',
    "libs/toolbox/setup.py": b"from setuptools import setup\nsetup()\n",
}
VARIABLES = [
    "BP_UV_PROJECT_DIR",
    "BP_UV_PACKAGE",
    "BP_UV_GROUPS",
    "BP_UV_EXTRAS",
    "BP_UV_NO_EDITABLE",
    "BP_UV_ENVIRONMENT_LINK",
    "BP_UV_VERSION",
    "BP_UV_SNAPSHOTS",
    "BP_UV_HEAVY_PACKAGES",
    "BP_PYTHON_VERSION",
    "BP_PYTHON_MIRROR",
    "BP_PYTHON_CATALOGUE",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_0",
    "BP_LOG_FORMAT",
    "BP_LOG_LEVEL",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON_INSTALL_MIRROR",
    "BP_UV_OFFLINE",
    "BP_UV_FIND_LINKS",
    "BP_UV_SCRIPT",
    "UV_NO_BINARY",
    "UV_NO_BINARY_PACKAGE",
    "UV_INDEX_CORP_PASSWORD",
    "UV_INDEX_URL",
    "PIP_INDEX_URL",
    "HTTPS_PROXY",
    "SSL_CERT_FILE",
    "NETRC",
    "HOME",
    "PATH",
    "TMPDIR",
    "PYTHONPATH",
    "CNB_TARGET_ARCH",
    "CNB_TARGET_DISTRO_NAME",
    "CNB_EXEC_ENV",
    "CARGO_X",
    "GIT_CONFIG_VALUE_0",
    "BP_UV_TYPO",
    "SETUPTOOLS_SCM_PRETEND_VERSION",
]
CATALOGUE: dict[str, Any] = {
    "builds": [
        {
            "version": f"3.{minor}.9",
            "date": "20251120",
            "arch": arch,
            "libc": libc,
            "variant": "default",
            "path": f"20251120/cpython-3.{minor}.9-{arch}-{libc}.tar.gz",
            "sha256": "0" * 64,
        }
        for minor in (12, 13)
        for arch in ("x86_64", "aarch64")
        for libc in ("gnu", "musl")
    ]
}
BINDING = {
    "type": b"uv",
    "provider": b"corp",
    "UV_INDEX_CORP_USERNAME": b"deploy",
    "UV_INDEX_CORP_PASSWORD": b"word-of-the-platform",
    "netrc": b"machine index.example login deploy password word-of-the-platform\n",
    "uv.toml": b"no-binary-package = []\n",
}


_NETRC = "../platform/bindings/index/netrc"


@dataclass(slots=True)
class Input:
    """What lies on the disk and in the environment when a phase begins."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Below the root of the input: `app/…`, `platform/…`, `layers/…`."""
    instead: dict[str, str] = field(default_factory=dict)
    """Paths that become something else: `link:<target>`, `pipe`, `directory`, `unreadable`."""
    variables: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    changes: list[str] = field(default_factory=list)
    """What was changed, for a person who looks at a failure."""

    def plant(self, root: Path) -> None:
        """Write the input below an empty directory, as far as file systems take it."""
        for name, content in self.files.items():
            _write(root / name, content, self.instead.get(name, ""))


def _write(path: Path, content: bytes, instead: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if instead == "pipe":
            os.mkfifo(path)
        elif instead == "directory":
            path.mkdir()
        elif instead.startswith("link:"):
            path.symlink_to(instead.removeprefix("link:"))
        else:
            path.write_bytes(content)
            path.chmod(0 if instead == "unreadable" else 0o644)
    except (OSError, ValueError):
        return  # a name that no file system takes is no input


def make(random: Random, layers: dict[str, dict[str, str]]) -> Input:
    """Make an input; `layers` are metadata of a build of the valid app: `venv` → its strings."""
    made = Input()
    documents: dict[str, dict[str, Any]] = _documents()
    documents |= {f"layers/{name}.toml": {"metadata": dict(metadata)} for name, metadata in layers.items()}
    _choose_lock(made, random, documents)
    damaged = 0
    for number in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        match random.choice(
            ("document",) * 4 + ("bytes", "bytes", "variable", "variable", "place", "platform", "source", "missing")
        ):
            case "document":
                name = random.choice(list(documents))
                made.changes.append(f"value in {name}")
                documents[name] = _changed(documents[name], random)
            case "bytes":
                damaged += 1
            case "variable":
                name = random.choice(VARIABLES)
                made.variables[name] = random.choice(values.TEXTS).replace("\0", "")
                made.changes.append(f"{name}={made.variables[name][:40]!r}")
            case "place":
                _change_place(made, random)
            case "platform":
                made.files[f"platform/env/{random.choice(VARIABLES)}"] = values.damaged(b"x", random)
                made.files[f"platform/bindings/b{number}/type"] = b"uv"
                made.files[f"platform/bindings/b{number}/{random.choice(list(BINDING))}"] = values.damaged(
                    b"uv", random
                )
                made.changes.append("files of the platform")
            case "source":
                name = random.choice(values.TEXTS)[:250] or "x"
                made.files[f"app/{name}.py"] = values.damaged(_SOURCE, random)
                made.changes.append(f"a source {name[:40]!r}")
            case _:
                made.missing.add(f"app/{random.choice(sorted(FILES))}")
    add_files(made, documents)
    for name in made.missing:
        made.files.pop(name, None)
    for _ in range(damaged):
        name = random.choice(list(made.files))
        made.files[name] = values.damaged(made.files[name], random)
        made.changes.append(f"bytes of {name}")
    return made


def _changed(document: dict[str, Any], random: Random) -> dict[str, Any]:
    if isinstance(document.get("metadata"), dict) and document["metadata"] and random.random() < 0.9:
        return {**document, "metadata": _changed_metadata(document["metadata"], random)}
    return dict(values.changed(document, random))


def _changed_metadata(metadata: dict[str, Any], random: Random) -> dict[str, Any]:
    """Change a value of a layer's metadata, or the JSON in it."""
    name = random.choice(list(metadata))
    try:
        inner = json.loads(metadata[name])
    except (TypeError, ValueError):
        return {**metadata, name: values.value(random)}
    if not isinstance(inner, (dict, list)):
        return {**metadata, name: values.value(random)}
    return {**metadata, name: values.json_text(values.changed(inner, random))}


def _change_place(made: Input, random: Random) -> None:
    documents = ("app/pyproject.toml", "app/uv.lock", "catalogue.json")
    name = random.choice((*documents, *(f"app/{name}" for name in FILES)))
    target = random.choice((name.rpartition("/")[2], "/dev/zero", "/etc/passwd", "README.md", _NETRC, "nowhere"))
    made.instead[name] = random.choice(("pipe", "directory", "unreadable", f"link:{target}", f"link:{target}"))
    made.changes.append(f"{name} is {made.instead[name]}")


def add_files(made: Input, documents: dict[str, dict[str, Any]] | None = None) -> None:
    """Add the documents, which are the valid ones where none are given, and all other files as they should be."""
    for name, document in (documents or _documents()).items():
        text = values.json_text(document) if name.endswith(".json") else values.toml_text(document)
        made.files[name] = text.encode("utf-8", "replace")
    for name, content in FILES.items():
        made.files[f"app/{name}"] = content
    for name, content in BINDING.items():
        made.files.setdefault(f"platform/bindings/index/{name}", content)


_PYLOCK: dict[str, Any] = {
    "lock-version": "1.0",
    "created-by": "uv",
    "requires-python": ">=3.11",
    "extras": ["fast"],
    "dependency-groups": ["dev"],
    "default-groups": ["dev"],
    "environments": ["sys_platform == 'linux'"],
    "packages": [
        {
            "name": "fastapi",
            "version": "1.0",
            "marker": "'dev' in dependency_groups or 'fast' in extras or python_version > '3.8'",
            "index": "https://index.example/simple",
            "wheels": [
                {
                    "url": "https://index.example/f/fastapi-1.0-py3-none-any.whl",
                    "size": 10,
                    "hashes": {"sha256": "0" * 64},
                }
            ],
            "sdist": {"name": "fastapi-1.0.tar.gz", "path": "f/fastapi-1.0.tar.gz", "hashes": {"sha256": "0" * 64}},
        },
        {"name": "toolbox", "directory": {"path": "libs/toolbox", "editable": True}},
        {"name": "own", "vcs": {"type": "git", "url": "https://git.example/own", "commit-id": "0" * 40}},
        {"name": "ruff", "archive": {"url": "https://files.example/ruff.tar.gz", "hashes": {"sha256": "0" * 64}}},
    ],
}
_SCRIPT = b"""# /// script
# requires-python = ">=3.11"
# dependencies = ["fastapi"]
# [tool.uv-buildpack.processes]
# web = "python tool.py"
# ///
import fastapi
"""


def _choose_lock(made: Input, random: Random, documents: dict[str, dict[str, Any]]) -> None:
    """Let some inputs have the other kinds of locks: `pylock.toml`, or that of a script."""
    match random.randrange(8):
        case 0:
            documents["app/pylock.toml"] = _PYLOCK
            made.missing.add("app/uv.lock")
        case 1:
            documents["app/tool.py.lock"] = {**LOCK, "package": LOCK["package"][2:4], "manifest": {}}
            made.files["app/tool.py"] = _SCRIPT if random.random() < 0.7 else values.damaged(_SCRIPT, random)
            made.variables["BP_UV_SCRIPT"] = "tool.py"
        case 2:
            made.files["app/vendor/fastapi-1.0-py3-none-any.whl"] = values.damaged(b"PK", random)
            made.variables |= {"BP_UV_FIND_LINKS": "vendor", "BP_UV_OFFLINE": random.choice(("true", "false"))}


def _documents() -> dict[str, dict[str, Any]]:
    plan = {"entries": [{"name": "python", "metadata": {"build": True, "version": "3.13"}}, {"name": "venv"}]}
    return {"app/pyproject.toml": PYPROJECT, "app/uv.lock": LOCK, "catalogue.json": CATALOGUE, "plan.toml": plan}

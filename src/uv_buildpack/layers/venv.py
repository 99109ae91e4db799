"""The `venv` layer: third-party packages of the lock, made by `uv sync` through `UV_PROJECT_ENVIRONMENT`, compiled."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from cnb.layer import LayerTypes, Scope, Variable
from uv_buildpack import key_changes, log
from uv_buildpack.bytecode import compiling
from uv_buildpack.errors import WrongInterpreter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

NAME = "venv"
SCHEME = "1"
"""Raised when what this module makes of equal inputs changes."""

LINK_FILE = "_uv_buildpack_venv_project.pth"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenvKey:
    """All that decides what is in the layer. Strings only; a difference is computed over the fields."""

    scheme: str
    python: str
    """Version, build, variant and digest of the interpreter."""
    target: str
    """Operating system, architecture, C library, distribution and its version."""
    path: str
    build_environment: str
    """JSON: variables and settings that reach build backends → digest; empty when nothing is built from source."""
    heavy_packages: str
    """Which packages have layers of their own."""
    packages: str
    """JSON: name → identity (`selection.identity`)."""


def types(*, build: bool) -> LayerTypes:
    """Launch, and for later buildpacks where one asks."""
    return LayerTypes(launch=True, build=build)


def environment(layer: Path, python: Path) -> tuple[Variable, ...]:
    """What the layer sets (`PATH` is the lifecycle's work)."""
    return (
        Variable(name="VIRTUAL_ENV", value=str(layer)),
        Variable(name="UV_PROJECT_ENVIRONMENT", value=str(layer), scope=Scope.BUILD),
        Variable(name="UV_PYTHON", value=str(python), scope=Scope.BUILD),
    )


def packages_text(identities: Mapping[str, str]) -> str:
    """Write the packages of a key."""
    return json.dumps(dict(sorted(identities.items())), separators=(",", ":"))


def differences(old: Mapping[str, object], new: VenvKey) -> list[str]:
    """Say what differs between stored metadata and a key, in words a person can act on; packages by name."""
    return key_changes.differences(old, asdict(new), key_changes.third_party)


def compatible(old: Mapping[str, str], new: VenvKey) -> bool:
    """Tell whether an environment with the key `old` can become one with `new`: all but the packages is equal."""
    return all(
        old.get(field) == value for field, value in asdict(new).items() if field not in {"packages", "heavy_packages"}
    )


def write_link(layer: Path, project_layer: Path) -> None:
    """Write the file by which the environment finds the local packages.

    Static: the layer it names may be missing, and may change without this one. `addsitedir`, so that `.pth` files of
    editable packages there are read.
    """
    place = str(site_packages_below(project_layer, layer))
    text = f"import site; site.addsitedir({place!r})\n"
    (site_packages_of(layer) / LINK_FILE).write_text(text, encoding="utf-8")


def compile_packages(python: Path, sources: Iterable[Path]) -> None:
    """Compile modules of packages; files that do not compile are left, as uv and pip do."""
    for failure in compiling.compile_files(python, sorted(sources), "unchecked-hash"):
        # Unchecked, bytecode of what was there before would be believed.
        compiling.place_of(python, failure.path).unlink(missing_ok=True)
        log.debug(f"not compiled: {failure}")


def verify_interpreter(venv: Path, python: Path) -> None:
    """Check that uv made the environment with `python`, and no other. Raises `WrongInterpreter`.

    uv replaces an environment silently when it finds it unfit, on whatever Python it prefers.
    """
    configuration = dict(
        re.findall(r"^(\S+) = (.*)$", (venv / "pyvenv.cfg").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    if configuration.get("home") != str(python.parent):
        raise WrongInterpreter(str(python.parent), str(configuration.get("home")))


def normalise(venv: Path) -> None:
    """Take out what differs between equal builds: uv's version and its lock file."""
    path = venv / "pyvenv.cfg"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("uv = ")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (venv / ".lock").unlink(missing_ok=True)


def site_packages_of(venv: Path) -> Path:
    """Give `lib/pythonX.Y/site-packages` (`X.Yt` when free-threaded), which uv has made."""
    return next(iter(venv.glob("lib/python*/site-packages")))


def site_packages_below(prefix: Path, venv: Path) -> Path:
    """Give the directory that is in `prefix` what site-packages is in `venv`."""
    return prefix / site_packages_of(venv).relative_to(venv)


def installed(site_packages: Path) -> dict[str, str]:
    """Give name → version of what is installed, from the names of the `dist-info` directories."""
    found = site_packages.glob("*.dist-info")
    return {distribution_name(path): path.name.removesuffix(".dist-info").rpartition("-")[2] for path in found}


def distribution_name(dist_info: Path) -> str:
    """Give the normalised name of the distribution that a `dist-info` directory is of."""
    return canonicalize_name(dist_info.name.removesuffix(".dist-info").rpartition("-")[0])


def unexpected(site_packages: Path, expected: Mapping[str, str | None]) -> list[str]:
    """Compare what uv installed with the selection (name → version); one line for each difference."""
    present = installed(site_packages)
    return [
        *(f"{name} was not installed" for name in sorted(set(expected) - set(present))),
        *(f"{name} was installed as well" for name in sorted(set(present) - set(expected))),
    ]

"""What is in an environment: how it is laid out, what is checked of it, and what of it is ours.

`pyvenv.cfg`, and how an interpreter finds its prefix by it: https://docs.python.org/3/library/site.html
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from uv_buildpack import log
from uv_buildpack.bytecode import compiling
from uv_buildpack.errors import WrongInterpreter
from uv_buildpack.installed import distributions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from uv_buildpack.installed.distributions import SitePackages

LINK_FILE = "_uv_buildpack_venv_project.pth"


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

    uv replaces an environment silently when it finds it unfit, on whatever Python it prefers (`ProjectEnvironment` in
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv/src/commands/project/mod.rs).
    """
    configuration = dict(
        re.findall(r"^(\S+) = (.*)$", (venv / "pyvenv.cfg").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    if configuration.get("home") != str(python.parent):
        raise WrongInterpreter(str(python.parent), str(configuration.get("home")))


def normalise(venv: Path) -> None:
    """Take out what differs between equal builds: uv's version and its lock file, and when files were written."""
    # Written by https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-virtualenv/src/virtualenv.rs
    path = venv / "pyvenv.cfg"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("uv = ")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (venv / ".lock").unlink(missing_ok=True)
    # Written by https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-install-wheel/src/wheel.rs
    for path in venv.glob("lib/python*/site-packages/*.dist-info/uv_cache.json"):
        if json.loads(path.read_bytes()).get("timestamp") is not None:
            _forget_times(path)


def _forget_times(path: Path) -> None:
    """Remove a file that says when an archive was written, as uv has it for those of an index in the app directory.

    uv compares it for direct references only; what comes from an index it knows by the version
    (https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-installer/src/satisfies.rs).
    """
    record, row = path.with_name("RECORD"), f"{path.parent.name}/{path.name},".encode()
    path.unlink()
    _rewrite(record, [line for line in record.read_bytes().splitlines(keepends=True) if not line.startswith(row)])


def note_addresses(site_packages: Path, addresses: Mapping[str, str]) -> None:
    """Write what uv writes of the addresses that packages come from (PEP 610), where it was led to a file instead.

    With the same bytes: an environment that was made without a network is the one that is made with it (0.12.5:
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-install-wheel/src/wheel.rs).
    """
    for distribution in distributions.read(site_packages).named(addresses) if addresses else ():
        path, record = distribution.dist_info / "direct_url.json", distribution.dist_info / "RECORD"
        if path.exists():
            continue
        document = {"url": addresses[distribution.name], "archive_info": {}}
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        path.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        name = f"{distribution.dist_info.name}/{path.name}".encode()
        lines = record.read_bytes().splitlines(keepends=True)
        before = sum(line.partition(b",")[0] < name for line in lines)
        lines.insert(before, b"%b,sha256=%b,%d\n" % (name, digest, len(content)))
        _rewrite(record, lines)


def _rewrite(record: Path, lines: Iterable[bytes]) -> None:
    """Write RECORD as a file of its own: the one that is there may be a hard link into uv's cache."""
    record.unlink()
    record.write_bytes(b"".join(lines))


def site_packages_of(venv: Path) -> Path:
    """Return `lib/pythonX.Y/site-packages` (`X.Yt` when free-threaded), which uv has made. Raises `FileNotFoundError`."""
    for path in venv.glob("lib/python*/site-packages"):
        return path
    raise FileNotFoundError(errno.ENOENT, "no site-packages", str(venv))


def site_packages_below(prefix: Path, venv: Path) -> Path:
    """Return the directory that is in `prefix` what site-packages is in `venv`."""
    return prefix / site_packages_of(venv).relative_to(venv)


def unexpected(site_packages: SitePackages, expected: Collection[str]) -> list[str]:
    """Compare what uv installed with the names of what was selected; one line for each difference."""
    present = {distribution.name for distribution in site_packages.distributions}
    return [
        *(f"{name} was not installed" for name in sorted(set(expected) - present)),
        *(f"{name} was installed as well" for name in sorted(present - set(expected))),
    ]


def files_of(site_packages: SitePackages, python: Path, names: Collection[str], *, but: Collection[str]) -> set[Path]:
    """Return what distributions have in an environment, `but` not the files of others.

    These are files, those of bytecode as well, and the directories of metadata: uv takes an empty one for a package.
    """
    files = _files_of(site_packages, names) - _files_of(site_packages, but)
    files.update(distribution.dist_info for distribution in site_packages.named(names))
    return files | {compiling.place_of(python, path) for path in files if path.suffix == ".py"}


def _files_of(site_packages: SitePackages, names: Collection[str]) -> set[Path]:
    return {Path(os.path.normpath(path)) for path in site_packages.files_of(names)}

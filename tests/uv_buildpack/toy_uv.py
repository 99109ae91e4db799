"""A program named uv that does what the buildpack relies on, with packages from a directory instead of an index.

It knows a lock's packages by name and version, installs and removes them by their RECORD as uv does, and writes down
how it was called. Run as a program: `toy_uv.py WAREHOUSE ARGUMENT…`, where the warehouse has `<name>-<version>.json`
(path → text) for each package, and gets the file `calls`. It imports nothing of ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sys
import tomllib
from pathlib import Path


def main(warehouse: Path, arguments: list[str]) -> int:
    """Do what uv does for these arguments, and return the exit status."""
    with (warehouse / "calls").open("a", encoding="utf-8") as calls:
        calls.write(" ".join(arguments) + "\n")
    broken = warehouse / "broken"
    if broken.is_file() and broken.read_text(encoding="utf-8").strip() == arguments[0]:
        broken.unlink()
        sys.stderr.write("error: it broke\n")
        return 2
    match arguments:
        case ["venv", *_, python, place]:
            _make_environment(Path(python), Path(place))
        case ["sync", *_]:
            _sync(warehouse, Path(os.environ["UV_PROJECT_ENVIRONMENT"]), arguments)
        case ["pip", "install", "--no-deps", "--target", target, _]:
            _install_another_uv(warehouse, Path(target) / "bin" / "uv")
        case ["pip", "install", *_]:
            _install_in_place(arguments)
        case ["lock", "--check"] | ["cache", "prune", "--ci"]:
            pass
        case _:
            sys.stderr.write(f"error: unexpected arguments: {arguments}\n")
            return 2
    return 0


def _make_environment(python: Path, place: Path) -> None:
    (place / "lib" / python.name / "site-packages").mkdir(parents=True)
    (place / "bin").mkdir()
    (place / "bin" / "python").symlink_to(python)
    (place / "pyvenv.cfg").write_text(f"home = {python.parent}\nuv = 0.0.0\n", encoding="utf-8")


def _sync(warehouse: Path, environment: Path, arguments: list[str]) -> None:
    site_packages = next(environment.glob("lib/python*/site-packages"))
    again = {arguments[number + 1] for number, word in enumerate(arguments) if word == "--reinstall-package"}
    locked = _locked()
    for dist_info in sorted(site_packages.glob("*.dist-info")):
        name, _, version = dist_info.name.removesuffix(".dist-info").rpartition("-")
        if locked.get(name) != version or name in again:
            sys.stderr.write(f" - {name}=={version}\n")
            _remove(site_packages, dist_info)
    for name, version in sorted(locked.items()):
        if not (site_packages / f"{name}-{version}.dist-info").is_dir():
            sys.stderr.write(f" + {name}=={version}\n")
            _install(site_packages, warehouse, name, version)


def _locked() -> dict[str, str]:
    lock = tomllib.loads(Path("uv.lock").read_text(encoding="utf-8"))
    return {each["name"]: each["version"] for each in lock["package"] if "registry" in each["source"]}


def _remove(site_packages: Path, dist_info: Path) -> None:
    for row in (dist_info / "RECORD").read_text(encoding="utf-8").splitlines():
        (site_packages / row.split(",")[0]).unlink(missing_ok=True)
    shutil.rmtree(dist_info)


def _install(site_packages: Path, warehouse: Path, name: str, version: str) -> None:
    files: dict[str, str] = json.loads((warehouse / f"{name}-{version}.json").read_text(encoding="utf-8"))
    files[f"{name}-{version}.dist-info/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    rows = [f"{path},{_hash(text)},{len(text)}" for path, text in files.items()]
    files[f"{name}-{version}.dist-info/RECORD"] = "".join(f"{row}\n" for row in rows)
    for path, text in files.items():
        (site_packages / path).parent.mkdir(parents=True, exist_ok=True)
        (site_packages / path).write_text(text, encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _install_another_uv(warehouse: Path, place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.write_text(f'#!/bin/sh\nexec {sys.executable} -I {__file__} {warehouse} "$@"\n', encoding="utf-8")
    place.chmod(0o755)


def _install_in_place(arguments: list[str]) -> None:
    prefix = Path(arguments[arguments.index("--prefix") + 1])
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = prefix / "lib" / version / "site-packages"
    dist_info = site_packages / "shop-0.1.0.dist-info"
    dist_info.mkdir(parents=True)
    (site_packages / "shop.pth").write_text(f"{Path.cwd() / 'src'}\n", encoding="utf-8")
    (dist_info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 0.1.0\n", encoding="utf-8")
    (dist_info / "RECORD").write_text("shop.pth,,\nshop-0.1.0.dist-info/METADATA,,\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))

"""The steps of a release: its versions and changelog, its notes, and bills of materials of its packages."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from release_steps.changelog import NothingToRelease, notes, released
from release_steps.materials import bill_of_materials

_REPOSITORY = Path(__file__).resolve().parents[2]
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_VERSIONED = ("buildpack.toml", "pyproject.toml")
DOCUMENTED = re.compile(
    r'(?P<before>uv-buildpack(?:/python)?:|uv buildpack |/blob/v|id = "uv-buildpack/python"\nversion = ")'
    r"(?P<version>\d+\.\d+\.\d+)"
)
"""Where pages name the version: in addresses of the image and of pages, in the log, and in `builder.toml`."""


def main() -> int:
    """Do one step; return the exit code."""
    options = _parser().parse_args()
    try:
        if options.step == "prepare":
            prepare(_REPOSITORY, options.version, datetime.now(tz=UTC).date().isoformat())
            print("Now run scripts/refresh-error-docs: errors link to the documentation of their version.")
        elif options.step == "notes":
            print(notes((_REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"), options.version))
        else:
            options.output.write_bytes(bill_of_materials(_REPOSITORY, options.package))
    except (NothingToRelease, OSError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def prepare(repository: Path, version: str, date: str) -> None:
    """Write the version and the changelog of a release, and the version in pages. Raises NothingToRelease."""
    changelog = repository / "CHANGELOG.md"
    text = released(changelog.read_text(encoding="utf-8"), version, date)
    changelog.write_text(text, encoding="utf-8")
    for name in _VERSIONED:
        path = repository / name
        before = path.read_text(encoding="utf-8")
        after = re.sub(r'^version = ".*"$', f'version = "{version}"', before, count=1, flags=re.MULTILINE)
        path.write_text(after, encoding="utf-8")
    for path in pages(repository):
        before = path.read_text(encoding="utf-8")
        path.write_text(DOCUMENTED.sub(rf"\g<before>{version}", before), encoding="utf-8")


def pages(repository: Path) -> list[Path]:
    """Return the pages that may name the version."""
    return sorted([*repository.glob("README.md"), *repository.glob("docs/*.md")])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    preparing = steps.add_parser("prepare", help="write a version into its files, changelog and docs")
    preparing.add_argument("version", type=_version)
    noting = steps.add_parser("notes", help="print what the changelog says of a version")
    noting.add_argument("version", type=_version)
    listing = steps.add_parser("sbom", help="write a CycloneDX bill of materials of a packaged directory")
    listing.add_argument("package", type=Path)
    listing.add_argument("output", type=Path)
    return parser


def _version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        message = f"{text} is not a version of three numbers, such as 1.2.3"
        raise argparse.ArgumentTypeError(message)
    return text

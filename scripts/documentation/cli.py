"""The command line of `scripts/docs`."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from cnb.context import read_buildpack
from documentation import recipes, workflows
from documentation.links import broken_links, pages_without_a_place
from documentation.sources import write_sources

_REPOSITORY = Path(__file__).resolve().parents[2]
_CACHE = _REPOSITORY / ".cache"
_DESCRIPTION = """\
site       build the documentation site in .cache/site; a link that leads nowhere is an error
recipes    validate every YAML, TOML and JSON in docs, README and examples, and show that a broken copy is refused
workflows  run zizmor, and actionlint where it is installed, over .github
serve      build the site and show it on http://127.0.0.1:8000

Without a name: site, recipes and workflows.
"""
_CHECKS = ("site", "recipes", "workflows")


def main() -> int:
    """Run what was asked for, all of it even if something fails; return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *_CHECKS, "serve"], metavar="PART")
    parts = parser.parse_args().parts or list(_CHECKS)
    codes = [_run(part) for part in parts]
    return max(codes)


def _run(part: str) -> int:
    print(f"=== {part}", flush=True)
    if part == "recipes":
        return recipes.check(_REPOSITORY)
    if part == "workflows":
        return workflows.check(_REPOSITORY)
    about = read_buildpack(_REPOSITORY)
    write_sources(_REPOSITORY, _CACHE / "site-source", f"{about.homepage}/blob/v{about.version}")
    if part == "serve":
        return _zensical("serve", "--dev-addr", "127.0.0.1:8000")
    shutil.rmtree(_CACHE / "site", ignore_errors=True)
    code = _zensical("build", "--strict")
    navigation = (_REPOSITORY / "zensical.toml").read_text(encoding="utf-8")
    complaints = [
        *(f"broken link: {line}" for line in broken_links(_CACHE / "site")),
        *(f"not in the navigation: {page}" for page in pages_without_a_place(_CACHE / "site-source", navigation)),
    ]
    print("\n".join(complaints) or f"every link leads somewhere; the site is in {_CACHE / 'site'}")
    return code or int(bool(complaints))


def _zensical(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "zensical", *words], cwd=_REPOSITORY, check=False).returncode

"""The command line of `scripts/try`."""

from __future__ import annotations

import argparse
import errno
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from trial.causes import NotEnoughDisk, check_disk, likely_cause
from trial.prerequisites import REPOSITORY
from trial.progress import CommandFailed
from trial.visit import NoAnswer, visit

_DESCRIPTION = """\
Build an application with the packaged buildpack, start it, send it a request, and build it a second time.

APP_DIR is your own project, or one of examples/. It is copied, so nothing in it changes. Without `uv.lock` the copy is
locked first.

Uses the best platform there is: pack with Docker, else the embedded platform in Docker containers, else the embedded
platform alone. Needs Python 3.11 or newer and a package index. Leaves no container, image, volume or directory behind;
downloads are kept in .cache of this checkout.
"""
_INTERRUPTED = 130


def main() -> int:
    """Try it; return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("app", nargs="?", type=Path, default=REPOSITORY / "examples" / "fastapi", metavar="APP_DIR")
    app: Path = parser.parse_args().app.resolve()
    if not app.is_dir():
        parser.error(f"{app} is not a directory")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        check_disk(Path(tempfile.gettempdir()))
        with tempfile.TemporaryDirectory(prefix="uv-buildpack-try-", ignore_cleanup_errors=True) as scratch:
            Path(scratch).chmod(0o755)  # started by root, builds run as another user, who has to read it
            visit(app, Path(scratch))
    except CommandFailed as error:
        print(error.output, file=sys.stderr)
        return _failed(str(error), likely_cause(error.output))
    except subprocess.CalledProcessError as error:
        return _failed(f"`{' '.join(map(str, error.cmd[:3]))} …` failed with exit code {error.returncode}; see above")
    except (NoAnswer, NotEnoughDisk) as error:
        return _failed(str(error))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _failed(str(error), likely_cause("no space left on device"))
    except KeyboardInterrupt:
        print("\ntry: interrupted; everything that was started is removed", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _failed(*words: str) -> int:
    print("\ntry: " + "\n     ".join(filter(None, words)), file=sys.stderr)
    return 1


def _leave(number: int, _frame: object) -> NoReturn:
    """End as after an exception, so that everything is removed."""
    sys.exit(128 + number)

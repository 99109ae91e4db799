"""Entry point of `bin/detect` and `bin/build`: Python is given this directory, or a zip made of it.

Kept to syntax that Python 3.6 reads, so that an old interpreter gets a message and not a SyntaxError.
"""

import os
import sys

_OLDEST = (3, 11)
_OURS = ("cnb", "uv_buildpack")


def _start() -> int:
    """Run the phase that the first argument names, and return the exit code; 2 if this Python cannot, or for a bug."""
    if sys.version_info < _OLDEST:
        return _say(
            "the python3 on PATH is Python {}.{}; the buildpack needs 3.11 or newer".format(*sys.version_info[:2]),
            "Put a newer python3 first on PATH, or use the packaged buildpack (scripts/package).",
        )
    try:
        from uv_buildpack.__main__ import main  # noqa: PLC0415 (an older Python cannot read it)

        return main()
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in _OURS or name in sys.stdlib_module_names:
            raise
        return _say(
            f"this is a source checkout, and {sys.executable} has no module {name}",
            "Put a Python with requirements/vendor.txt first on PATH, or use the packaged buildpack (scripts/package).",
        )
    except Exception:  # noqa: BLE001 (the last resort: whatever comes here is our bug, and 1 would say it is the reader's)
        import traceback  # noqa: PLC0415 (detection does not pay for it)

        traceback.print_exc()
        return 2


def _say(*lines: str) -> int:
    for line in lines:
        sys.stderr.write("uv-buildpack: " + line + "\n")
    return 2


def _leave(code: int) -> None:
    """End the process without taking the interpreter down: a twentieth of a hot build, an eighth of a detection."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(_start())

"""The launcher stand-in: a POSIX sh script made for one image.

What it does, and in which order: https://github.com/buildpacks/lifecycle/blob/v0.21.17/launch/launcher.go
"""

import shlex
from collections.abc import Sequence
from importlib import resources

from cnb_platform.buildpack import Buildpack
from cnb_platform.launch_toml import ARRAY_COMMANDS_SINCE, Launch, Process

EXEC_ENV_SINCE = 15
REPLACED_ARGUMENTS_SINCE = ARRAY_COMMANDS_SINCE


def script(launch: Launch, group: Sequence[Buildpack], *, layers: str, app: str, platform_minor: int) -> bytes:
    """Return the script for these processes and buildpacks, in order; `layers` and `app` are paths in the image."""
    template = resources.files("cnb_platform").joinpath("launcher.sh").read_text(encoding="utf-8")
    parts = {
        "@LAYERS@": shlex.quote(layers),
        "@APP@": shlex.quote(app),
        "@BUILDPACKS@": "\n".join(buildpack.directory_name for buildpack in group),
        "  # @PROCESSES@\n": "".join(_arm(process, platform_minor) for process in launch.processes),
    }
    for mark, text in parts.items():
        template = template.replace(mark, text)
    return template.encode()


def _arm(process: Process, platform_minor: int) -> str:
    """Return the branch for one process type: its words become the positional parameters."""
    lines = []
    if process.exec_env and "*" not in process.exec_env and platform_minor >= EXEC_ENV_SINCE:
        names = " | ".join(map(shlex.quote, process.exec_env))
        failure = shlex.quote(f"process type {process.type} is not for this execution environment")
        lines.append(f"case ${{CNB_EXEC_ENV:-production}} in {names}) ;; *) _cnb_fail {failure} ;; esac")
    if process.working_dir:
        lines.append(f"_cnb_dir={shlex.quote(process.working_dir)}")
    command, args = shlex.join(process.command), shlex.join(process.args or ())
    if platform_minor >= REPLACED_ARGUMENTS_SINCE:
        if args:
            lines.append(f'[ "$#" -gt 0 ] || set -- {args}')
        lines.append(f'set -- {command} "$@"')
    else:
        lines.append(f'set -- {command} {args} "$@"')
    body = "".join(f"    {line}\n" for line in lines)
    return f"  {shlex.quote(process.type)})\n{body}    ;;\n"

"""Which processes start as many workers as the container's limits allow, and which start one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Programs that take the number of their workers from WEB_CONCURRENCY and are given the name of an application.
_SERVERS = re.compile(
    r"(?<![\w.-])(gunicorn|uvicorn|hypercorn|granian|fastapi|litestar|WEB_CONCURRENCY)(?![\w-])", re.ASCII
)


def starts_one_worker(command: str, installed: Mapping[str, str]) -> bool:
    """Return whether a command line may hand an application object to uvicorn, which refuses more than one worker.

    `installed` maps packages to their versions. See `layers/processes.py`.
    """
    return "uvicorn" in installed and _SERVERS.search(command) is None

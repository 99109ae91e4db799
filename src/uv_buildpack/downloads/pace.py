"""The pace of a download: a build does not wait for a server that sends one byte a second.

httpx limits the time between two pieces, not that of the whole: a drip would go on for months
(https://www.python-httpx.org/advanced/timeouts/).
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from threading import Timer
from typing import TYPE_CHECKING, Any

from uv_buildpack.errors import DownloadTooSlow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SECONDS_OF_ANSWER = 60.0
"""Until the header of an answer is complete, redirections included."""
_SECONDS_IN_ALL = 3600.0
"""Of all attempts."""
_WINDOW = 60.0
"""Seconds over which the speed is looked at: a network may stand still for a while."""
_LEAST = 1000
"""Bytes a second: at that pace a small archive would take eight hours."""


_BOTH_WAYS = 2
"""`socket.SHUT_RDWR`: a reader of the connection then finds that it has ended."""


class Pace:
    """The pace of a download. `shown` is its address; `clock` tells seconds."""

    def __init__(self, shown: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now."""
        self._shown = shown
        self._clock = clock
        self._begin = self._window_begin = clock()
        self._in_window = 0
        self._sockets: list[Any] = []
        self._expired = False

    def count(self, size: int) -> None:
        """Note what came in. Raises `DownloadTooSlow`."""
        now = self._clock()
        self._in_window += size
        if now - self._begin > _SECONDS_IN_ALL:
            raise DownloadTooSlow(self._shown, f"It was not complete after {_SECONDS_IN_ALL / 60:.0f} minutes.")
        if now - self._window_begin > _WINDOW:
            speed = self._in_window / (now - self._window_begin)
            if speed < _LEAST:
                raise DownloadTooSlow(
                    self._shown, f"Only {speed:.0f} bytes per second arrived in the last {_WINDOW:.0f} seconds."
                )
            self._window_begin, self._in_window = now, 0

    def extensions(self) -> dict[str, Any]:
        """Return what a request needs so that its connection can be closed (httpcore, "Extensions": trace)."""
        return {"trace": self._trace}

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Close the connections if the block takes too long, and raise `DownloadTooSlow` then."""
        self._expired = False
        timer = Timer(_SECONDS_OF_ANSWER, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:
            if self._expired:
                reason = f"There was no answer within {_SECONDS_OF_ANSWER:g} seconds."
                raise DownloadTooSlow(self._shown, reason) from error
            raise
        finally:
            timer.cancel()
        self._window_begin, self._in_window = self._clock(), 0

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        # connection.connect_tcp.complete and connection.start_tls.complete, also those of proxies, give a stream:
        # https://www.encode.io/httpcore/extensions/
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._sockets.append(info["return_value"].get_extra_info("socket"))

    def _expire(self) -> None:
        self._expired = True
        for each in self._sockets:
            with suppress(OSError):  # it has ended by itself
                each.shutdown(_BOTH_WAYS)

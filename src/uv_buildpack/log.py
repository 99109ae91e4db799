"""The one home of output: a handful of events over structlog; the last processor renders them as text or JSON.

Everything a user reads goes through here, so this is where credentials are masked.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

import structlog

from uv_buildpack import masking
from uv_buildpack.errors import OutputRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
    from pathlib import Path
    from typing import TextIO

LayerState = Literal["created", "changed", "reused"]

_LOGGER = structlog.get_logger()
_secrets: list[str] = []
"""The longest first: a short one may be part of a long one."""


def configure(stream: TextIO, *, form: str = "text", level: str = "info") -> None:
    """Send events to `stream` as `text` or `json`; events below `level` (`info`, `debug`) are dropped."""
    structlog.configure(
        processors=[_mask, _render_json if form == "json" else _render_text],
        wrapper_class=structlog.make_filtering_bound_logger(10 if level == "debug" else 20),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Stream(stream))),
    )


class _Stream:
    """A stream that raises `OutputRefused` when it cannot be written: the disk is full, or the reader has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with self._refusals_reported():
            self._stream.write(text)

    def flush(self) -> None:
        with self._refusals_reported():
            self._stream.flush()

    @contextmanager
    def _refusals_reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputRefused(str(error.strerror)) from error


def keep_secret(values: Iterable[str]) -> None:
    """Mask these values wherever they turn up, in what tools print as well, and in the forms that tools print."""
    found = {form for value in values for form in masking.forms(value)}
    _secrets[:] = sorted(found.union(_secrets), key=len, reverse=True)


def masked(text: str) -> str:
    """Return the text without credentials."""
    return masking.without_secrets(text, _secrets)


def title(text: str) -> None:
    """Log the name and version of the buildpack, once."""
    _LOGGER.info(text, kind="title")


def heading(text: str) -> None:
    """Log the start of a step."""
    _LOGGER.info(text, kind="heading")


def step(text: str) -> None:
    """Log one thing that was decided or done, and its origin."""
    _LOGGER.info(text, kind="step")


def detail(text: str) -> None:
    """Log a line that belongs to the step above."""
    _LOGGER.info(text, kind="detail")


def command(argv: Sequence[str | Path]) -> None:
    """Log a command that is about to run."""
    _LOGGER.info(" ".join(str(word) for word in argv), kind="command")


def debug(text: str) -> None:
    """Log a line that only `BP_LOG_LEVEL=debug` shows."""
    _LOGGER.debug(text, kind="debug")


def layer(name: str, state: LayerState, reasons: Sequence[str] = ()) -> None:
    """Log what became of a layer, and why it was not reused."""
    _LOGGER.info(name, kind="layer", state=state, reasons=list(reasons))


def warning(what: str, *advice: str) -> None:
    """Log something that works but should be changed."""
    _LOGGER.warning(what, kind="warning", advice=list(advice))


def error(what: str, facts: Sequence[str], advice: Sequence[str], link: str) -> None:
    """Log what happened, facts, what to do, where to read more."""
    _LOGGER.error(what, kind="error", facts=list(facts), advice=list(advice), link=link)


@contextmanager
def timed(title: str) -> Iterator[None]:
    """Log the start of a step, and at its end how long it took."""
    heading(title)
    begin = time.monotonic()
    yield
    _LOGGER.info(title, kind="duration", seconds=round(time.monotonic() - begin, 3))


def table(rows: Sequence[Sequence[str]]) -> None:
    """Log rows of equal length, the first of them the heading."""
    _LOGGER.info(rows[0][0], kind="table", rows=[list(row) for row in rows])


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 (structlog's)
    return {key: _mask_value(value) for key, value in event.items()}


def _mask_value(value: object) -> object:
    if isinstance(value, str):
        return masking.without_controls(masked(value))
    if isinstance(value, list):
        return [_mask_value(entry) for entry in value]
    return value


def _render_json(_: Any, level: str, event: MutableMapping[str, Any]) -> str:  # noqa: ANN401 (structlog's)
    return json.dumps({"level": level, **event}, ensure_ascii=False)


def _render_text(_: Any, __: str, event: MutableMapping[str, Any]) -> str:  # noqa: ANN401 (structlog's)
    render = _RENDERERS.get(str(event["kind"]), _render_step)
    return "\n".join(render(event))


def _render_step(event: MutableMapping[str, Any]) -> list[str]:
    indent = {"title": "", "heading": "", "detail": "    ", "command": "    $ ", "debug": "    . "}
    text = str(event["event"])
    prefix = indent.get(str(event["kind"]), "  ")
    lines = [f"{prefix}{line}" for line in text.splitlines() or [""]]
    return ["", *lines] if event["kind"] == "heading" else lines


def _render_layer(event: MutableMapping[str, Any]) -> list[str]:
    reasons = event["reasons"]
    before_reasons = {"created": "created:", "changed": "changed because"}
    head = f"  {event['event']}: {before_reasons[event['state']] if reasons else event['state']}"
    if len(reasons) == 1:
        return [f"{head} {reasons[0]}"]
    return [head, *(f"    {line}" for line in reasons)]


def _render_warning(event: MutableMapping[str, Any]) -> list[str]:
    return [f"  warning: {event['event']}", *(f"           {line}" for line in event["advice"])]


def _render_error(event: MutableMapping[str, Any]) -> list[str]:
    lines = ["", f"error: {event['event']}"]
    lines += [f"  {line}" for fact in event["facts"] for line in str(fact).splitlines()]
    if event["advice"]:
        lines += ["  what to do:", *(f"    {line}" for line in event["advice"])]
    return [*lines, f"  more: {event['link']}"]


def _render_table(event: MutableMapping[str, Any]) -> list[str]:
    rows = event["rows"]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _render_duration(event: MutableMapping[str, Any]) -> list[str]:
    return [f"  ({event['seconds']:.2f} s)"]


_RENDERERS: dict[str, Callable[[MutableMapping[str, Any]], list[str]]] = {
    "duration": _render_duration,
    "layer": _render_layer,
    "warning": _render_warning,
    "error": _render_error,
    "table": _render_table,
}

"""End-of-life dates of Python's minor versions: data, and the warning before and after.

The dates are those of https://devguide.python.org/versions/
"""

from __future__ import annotations

import json
from datetime import date, timedelta

from uv_buildpack import log, package_data

_NOTICE = timedelta(days=183)


def warn(version: str, today: date) -> None:
    """Warn when a version no longer gets security fixes, or soon will not: from half a year before."""
    minor = ".".join(version.split(".")[:2])
    dates = json.loads(package_data.read("eol.json"))
    if minor not in dates:
        return
    end = date.fromisoformat(dates[minor])
    if today > end:
        log.warning(f"Python {minor} has had no security fixes since {end}.", "Move to a newer minor version.")
    elif today >= end - _NOTICE:
        log.warning(f"Python {minor} gets no security fixes after {end}.", "Plan the move to a newer minor version.")

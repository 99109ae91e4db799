"""JSON as Go writes and reads it: labels must have the lifecycle's bytes, and metadata must lose what it loses.

https://pkg.go.dev/encoding/json#Marshal
"""

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any

Value = Any  # whatever JSON can say
_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_LARGEST_PLAIN = 1e21  # Go writes larger floats with an exponent


def dumps(value: object) -> str:
    """Compact JSON with Go's escapes; mappings keep their order (see `ordered` for free-form data).

    Raises ValueError for infinities and NaN, which JSON has no word for.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escape in _HTML.items():  # these five never occur outside strings
        text = text.replace(character, escape)
    return text


def loads(text: str | bytes) -> Value:
    """Read JSON as Go reads it into `interface{}`: every number becomes a float."""
    return json.loads(text, parse_int=float)


def ordered(value: object) -> object:
    """Return a TOML value as Go's JSON encoder sees it: keys sorted, dates as strings, whole floats without a point."""
    if isinstance(value, Mapping):
        return {key: ordered(value[key]) for key in sorted(value, key=str.encode)}
    if isinstance(value, list | tuple):
        return [ordered(item) for item in value]
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < _LARGEST_PLAIN:
        return int(value)
    return value

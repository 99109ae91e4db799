"""Documents that somebody else wrote: their values with the type that is expected, or an error that names their place.

Such as `uv.lock: package[4].wheels[0].hash: expected a string, got 5`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHOWN = 40


class DocumentError(ValueError):
    """A value is missing or has the wrong type; the message begins with its place."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a document, and where it is. Each getter raises `DocumentError` for a value of another type."""

    values: Mapping[str, object]
    """The table as it was parsed."""
    file: str
    """How users know the document."""
    path: tuple[str | int, ...] = ()
    """The keys, and positions in arrays, that lead to the table."""

    def __contains__(self, key: str) -> bool:
        """Return whether there is a value."""
        return key in self.values

    def text(self, key: str) -> str:
        """Return a string that must be there."""
        value = self.values.get(key)
        if isinstance(value, str):
            return value
        raise self.wrong("a string", key)

    def optional_text(self, key: str) -> str | None:
        """Return a string, `None` where there is none."""
        return self.text(key) if key in self.values else None

    def integer(self, key: str) -> int:
        """Return an integer that must be there."""
        value = self.values.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.wrong("an integer", key)

    def optional_integer(self, key: str) -> int | None:
        """Return an integer, `None` where there is none."""
        return self.integer(key) if key in self.values else None

    def optional_boolean(self, key: str) -> bool | None:
        """Return a boolean, `None` where there is none."""
        if key not in self.values:
            return None
        value = self.values[key]
        if isinstance(value, bool):
            return value
        raise self.wrong("true or false", key)

    def array(self, key: str) -> list[object]:
        """Return an array, which is empty where there is none."""
        value = self.values.get(key, [])
        if isinstance(value, list):
            return value
        raise self.wrong("an array", key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return an array of strings, which is empty where there is none."""
        found = []
        for number, value in enumerate(self.array(key)):
            if not isinstance(value, str):
                raise self.wrong("a string", key, number)
            found.append(value)
        return tuple(found)

    def table(self, *keys: str) -> Table:
        """Return the table at `keys`, which is empty where there is none."""
        found = self
        for key in keys:
            value = found.values.get(key, {})
            if not isinstance(value, dict):
                raise found.wrong("a table", key)
            found = Table(value, self.file, (*found.path, key))
        return found

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables, which is empty where there is none."""
        found = []
        for number, value in enumerate(self.array(key)):
            if not isinstance(value, dict):
                raise self.wrong("a table", key, number)
            found.append(Table(value, self.file, (*self.path, key, number)))
        return found

    def named_tables(self) -> Iterator[tuple[str, Table]]:
        """Return each value with its name, all of them tables."""
        for key in self.values:
            yield key, self.table(key)

    def wrong(self, expected: str, *place: str | int) -> DocumentError:
        """Make the error for a value below the table that is not what was expected."""
        value: object = self.values
        for step in place:
            if not isinstance(value, (dict, list)) or (isinstance(value, dict) and step not in value):
                return DocumentError(f"{self.place(*place)}: expected {expected}, and it is missing")
            value = value[step]  # type: ignore[index]  # a key of a table, or a position in an array
        return DocumentError(f"{self.place(*place)}: expected {expected}, got {_shown(value)}")

    def lacking(self, *keys: str) -> DocumentError:
        """Make the error for a table that has to have one of these keys, and has none of them."""
        return DocumentError(f"{self.place()}: expected one of {', '.join(keys)}, and none of them is there")

    def place(self, *below: str | int) -> str:
        """Return the place of a value in words: `uv.lock: package[4].wheels[0].hash`."""
        text = ""
        for step in (*self.path, *below):
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                text += f"{'.' if text else ''}{step if _BARE_KEY.fullmatch(step) else json.dumps(step)}"
        return f"{self.file}: {text}" if text else self.file


def parse_json(text: str | bytes, file: str) -> object:
    """Parse JSON. Raises `DocumentError`."""
    try:
        return json.loads(text)
    except ValueError as error:  # not UTF-8, no JSON, or an integer of more than 4300 digits
        message = f"{file}: not JSON ({error})"
        raise DocumentError(message) from None
    except RecursionError:
        message = f"{file}: not JSON that can be read (it is nested too deeply)"
        raise DocumentError(message) from None


def json_table(text: str | bytes, file: str) -> Table:
    """Parse a JSON object. Raises `DocumentError`."""
    value = parse_json(text, file)
    if not isinstance(value, dict):
        message = f"{file}: expected a table, got {_shown(value)}"
        raise DocumentError(message)
    return Table(value, file)


def _shown(value: object) -> str:
    """Return a value as the document has it, shortened; containers by their kind."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, int) and value.bit_length() > _SHOWN * 3:
        return "a number with too many digits"  # Python refuses to write it (sys.set_int_max_str_digits)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

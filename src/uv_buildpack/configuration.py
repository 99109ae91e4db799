"""Everything a user can set, read once into one frozen value.

Environment beats `[tool.uv-buildpack]` in the project's `pyproject.toml`, which beats the default. To add a setting,
add a field to `Configuration`, and give it an entry in `docs/configuration.md`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from uv_buildpack import log
from uv_buildpack.downloads import addresses
from uv_buildpack.errors import Collector, Problem, ProjectEnvironmentOutside, SettingInvalid, UnknownKey
from uv_buildpack.installed.heavy.setting import HeavySetting, parse_setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
TABLE = "[tool.uv-buildpack]"
_LONGEST_NAME = 255
"""Bytes: no file system of Linux takes a longer one."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its field, the names it is set by, and how a text or a TOML value becomes the field's value.

    The parser gets the value and raises `ValueError`, whose message says what would be accepted.
    """

    field: str
    variable: str | None
    key: str | None
    parse: Callable[[object], Any]
    decides: bool
    """Whether it decides what is installed: if so, decisions of the previous build do not count when it changes."""


def gather(
    environment: Mapping[str, str], table: Mapping[str, Any], app_dir: Path
) -> tuple[Configuration, list[Problem]]:
    """Read all settings, and return those that are valid with everything that is wrong: the rest may be wrong too."""
    collector = Collector()
    values, origins = _values(SETTINGS, environment, table, collector)
    with collector.collecting():
        _adopt_project_environment(environment, app_dir, values, origins)
    collector.problems.extend(_unknown_keys(table))
    return Configuration(**values, origins=origins), collector.problems


def of_log(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return format and level of the log, which begins before the rest is read; `gather` says what is wrong there."""
    settings = [setting for setting in SETTINGS if setting.field in {"log_format", "log_level"}]
    values, _ = _values(settings, environment, {}, Collector())
    configuration = Configuration(**values)
    return configuration.log_format, configuration.log_level


def _values(
    settings: Iterable[Setting], environment: Mapping[str, str], table: Mapping[str, Any], collector: Collector
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return field → value and field → origin of what is set and valid."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for setting in settings:
        candidates = _candidates(setting, environment, table)
        # A field may be set by two variables (ours and uv's own): the first one wins.
        if candidates and setting.field not in values:
            origin, raw = candidates[0]
            with collector.collecting():
                values[setting.field] = _parsed(setting, origin, raw)
                origins[setting.field] = origin
    return values, origins


def variables() -> set[str]:
    """Return the names of all variables that set something."""
    return {setting.variable for setting in SETTINGS if setting.variable} | {PROJECT_DIR}


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return a question with the name that was probably meant, if one is near."""
    return [f"Did you mean {match}?" for match in get_close_matches(name, sorted(known), n=1, cutoff=0.6)]


def announce(configuration: Configuration) -> None:
    """Log what differs from the defaults and where it came from."""
    for name, origin in sorted(configuration.origins.items()):
        value = getattr(configuration, name)
        shown = ", ".join(value) if isinstance(value, (tuple, dict)) else value
        log.step(f"{name.replace('_', ' ')}: {shown} ({origin})")


def _candidates(setting: Setting, environment: Mapping[str, str], table: Mapping[str, Any]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    # An empty variable is how pipelines say "not set".
    if setting.variable and environment.get(setting.variable, "").strip():
        found.append((setting.variable, environment[setting.variable].strip()))
    if setting.key and setting.key in table:
        found.append((f"{setting.key} in {TABLE}", table[setting.key]))
    return found


def _parsed(setting: Setting, origin: str, raw: object) -> Any:  # noqa: ANN401 (as many types as settings)
    try:
        return setting.parse(raw)
    except ValueError as error:
        raise SettingInvalid(origin, raw, str(error)) from None


def _adopt_project_environment(
    environment: Mapping[str, str], app_dir: Path, values: dict[str, Any], origins: dict[str, str]
) -> None:
    """Take uv's own variable as `BP_UV_ENVIRONMENT_LINK` when it names a path inside the app directory."""
    wanted = environment.get("UV_PROJECT_ENVIRONMENT", "")
    if not wanted:
        return
    try:
        link = _path_below(app_dir, wanted)
    except ValueError:
        raise ProjectEnvironmentOutside(wanted) from None
    if "environment_link" not in values:
        values["environment_link"] = link
        origins["environment_link"] = "UV_PROJECT_ENVIRONMENT"


def _path_below(app_dir: Path, text: str) -> str:
    # Compared without resolving links: the path need not exist, and may be the link that an earlier build made.
    relative = Path(os.path.normpath(app_dir / text)).relative_to(app_dir)
    if not relative.parts:
        raise ValueError
    return relative.as_posix()


def _unknown_keys(table: Mapping[str, Any]) -> list[Problem]:
    known = {setting.key for setting in SETTINGS if setting.key}
    return [UnknownKey(key, nearest(key, known)) for key in table if key not in known]


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    message = "one of true, false, 1, 0, yes, no, on, off"
    raise ValueError(message)


def _automatic(value: object) -> str:
    """Read a boolean, or `auto`."""
    if isinstance(value, str) and value.lower() == "auto":
        return "auto"
    try:
        return "true" if _boolean(value) else "false"
    except ValueError as error:
        message = f"auto, or {error}"
        raise ValueError(message) from None


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    message = "a non-empty string"
    raise ValueError(message)


def _names(value: object) -> tuple[str, ...]:
    """Read a list of names: comma-separated in the environment, an array (or one string) in the file."""
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        message = "names, separated by commas (an array of strings in pyproject.toml)"
        raise ValueError(message)
    names = [entry.strip() for entry in entries if entry.strip()]
    wrong = [name for name in names if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\*", name)]
    if wrong:
        message = f"names, separated by commas; {wrong[0]!r} is not a name"
        raise ValueError(message)
    return tuple(dict.fromkeys(name if name == "*" else canonicalize_name(name) for name in names))


def _paths(value: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.strip() for entry in _text(value).split(",") if entry.strip()))


def _mirror(value: object) -> str:
    text = _text(value)
    if not addresses.is_allowed(text):
        message = "an address that begins with https: or file:///, or with http: and is on this machine"
        raise ValueError(message)
    return text


def _one_of(*allowed: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if isinstance(value, str) and value.lower() in allowed:
            return value.lower()
        message = f"one of {', '.join(allowed)}"
        raise ValueError(message)

    return parse


def _link(value: object) -> str:
    text = _text(value)
    parts = text.split("/")
    too_long = any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts)
    if text.startswith("/") or ".." in parts or text.strip("./") == "" or "\0" in text or too_long:
        message = "a path inside the app directory, such as .venv"
        raise ValueError(message)
    return text


def _table(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    message = "a table of process types and commands"
    raise ValueError(message)


PROJECT_DIR = "BP_UV_PROJECT_DIR"
"""Not in the table: it says where the table is."""

SCRIPT = "BP_UV_SCRIPT"
"""A setting for the log and the check of names; the project is found by it before the rest is read."""

_ROWS = "rows"
_NO = False
_HEAVY = parse_setting("auto")


def _setting(
    default: object, variables: Sequence[str], key: str | None, parse: Callable[[object], Any], *, decides: bool
) -> Any:  # noqa: ANN401 (as `dataclasses.field` does)
    """Declare a field that is a setting; of several variables the first that is set wins. `Setting` says the rest."""
    rows = [(variable, key, parse, decides) for variable in variables or (None,)]
    return field(default_factory=lambda: default, metadata={_ROWS: rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What was set, validated. `origins` says where each value that is not the default came from."""

    members: tuple[str, ...] = _setting((), ["BP_UV_PACKAGE"], "package", _names, decides=True)
    groups: tuple[str, ...] = _setting((), ["BP_UV_GROUPS"], "groups", _names, decides=True)
    extras: tuple[str, ...] = _setting((), ["BP_UV_EXTRAS"], "extras", _names, decides=True)
    no_editable: bool = _setting(_NO, ["BP_UV_NO_EDITABLE"], "no-editable", _boolean, decides=True)
    script: str | None = _setting(None, [SCRIPT], None, _text, decides=True)
    environment_link: str | None = _setting(None, ["BP_UV_ENVIRONMENT_LINK"], "environment-link", _link, decides=False)
    snapshots: str = _setting("auto", ["BP_UV_SNAPSHOTS"], None, _one_of("auto", "always", "never"), decides=False)
    heavy_packages: HeavySetting = _setting(  # noqa: RUF009 (it declares the field, as `dataclasses.field` does)
        _HEAVY, ["BP_UV_HEAVY_PACKAGES"], "heavy-packages", parse_setting, decides=True
    )
    uv_version: str | None = _setting(None, ["BP_UV_VERSION"], None, _text, decides=True)
    offline: bool = _setting(_NO, ["BP_UV_OFFLINE"], None, _boolean, decides=False)
    find_links: tuple[str, ...] = _setting((), ["BP_UV_FIND_LINKS"], None, _paths, decides=False)
    python_version: str | None = _setting(None, ["BP_PYTHON_VERSION"], None, _text, decides=True)
    python_mirror: str | None = _setting(
        None, ["BP_PYTHON_MIRROR", "UV_PYTHON_INSTALL_MIRROR"], None, _mirror, decides=True
    )
    python_catalogue: str | None = _setting(None, ["BP_PYTHON_CATALOGUE"], None, _text, decides=True)
    collectstatic: str = _setting("auto", ["BP_DJANGO_COLLECTSTATIC"], "collectstatic", _automatic, decides=False)
    execution_environment: str = _setting("production", ["CNB_EXEC_ENV"], None, _text, decides=True)
    log_format: str = _setting("text", ["BP_LOG_FORMAT"], None, _one_of("text", "json"), decides=False)
    log_level: str = _setting("info", ["BP_LOG_LEVEL"], None, _one_of("info", "debug"), decides=False)
    processes: Mapping[str, Any] = _setting({}, [], "processes", _table, decides=False)
    default_process: str | None = _setting(None, [], "default-process", _text, decides=False)
    origins: Mapping[str, str] = field(default_factory=dict)

    def deciding(self) -> dict[str, object]:
        """Return what decides what is installed: field → value."""
        return {setting.field: getattr(self, setting.field) for setting in SETTINGS if setting.decides}


SETTINGS = tuple(Setting(each.name, *row) for each in fields(Configuration) for row in each.metadata.get(_ROWS, ()))

"""Heavy packages: found among what is installed, moved out of the environment and linked back.

An environment's bytes are a few packages. In layers of their own they are taken from the previous image whatever else
changes. Nothing here knows layers or uv: these are functions over a `site-packages` directory.
"""

from uv_buildpack.installed.heavy.facts import Group, Package, from_text, group, to_text
from uv_buildpack.installed.heavy.links import damages, move_out, take_apart
from uv_buildpack.installed.heavy.setting import HeavySetting, parse_setting
from uv_buildpack.installed.heavy.shared import SharedFile, keep_shared, put_back
from uv_buildpack.installed.heavy.survey import refusals, survey

__all__ = [
    "Group",
    "HeavySetting",
    "Package",
    "SharedFile",
    "damages",
    "from_text",
    "group",
    "keep_shared",
    "move_out",
    "parse_setting",
    "put_back",
    "refusals",
    "survey",
    "take_apart",
    "to_text",
]

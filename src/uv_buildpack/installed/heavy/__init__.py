"""Heavy packages: found among what is installed, moved out of the environment and linked back.

An environment's bytes are a few packages. In layers of their own they are taken from the previous image whatever else
changes. Nothing here knows layers or uv: these are functions over a `site-packages` directory. A hot build needs no
more than is named here; `survey`, `links` and `shared` look into the directory and change it.
"""

from uv_buildpack.installed.heavy.facts import Bundle, Package, bundle, from_text, to_text
from uv_buildpack.installed.heavy.setting import HeavySetting, parse_setting

__all__ = [
    "Bundle",
    "HeavySetting",
    "Package",
    "bundle",
    "from_text",
    "parse_setting",
    "to_text",
]

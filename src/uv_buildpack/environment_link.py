"""The link in the app directory that leads to the environment (`BP_UV_ENVIRONMENT_LINK`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from uv_buildpack import decisions, log
from uv_buildpack.errors import EnvironmentLinkOccupied, FileOutside, FileRefused
from uv_buildpack.project import app_files

if TYPE_CHECKING:
    from cnb.context import BuildContext


def check(context: BuildContext, link: str | None) -> None:
    """Check that the link can be made, before an environment is made for it. Raises `Problem`."""
    if link is None:
        return
    place = context.app_dir / link
    if os.path.lexists(place):
        raise EnvironmentLinkOccupied(link)
    above = next(directory for directory in place.parents if directory.is_dir())
    if not above.resolve().is_relative_to(context.app_dir.resolve()):
        raise FileOutside(app_files.shown(context.app_dir, above))
    if not os.access(above, os.W_OK | os.X_OK):
        raise FileRefused(str(above), "It cannot be written.", "Let the build's user write to the app directory.")


def make(context: BuildContext, link: str | None) -> None:
    """Make the link, if one is wanted. Raises `OSError`."""
    if link is not None:
        place = context.app_dir / link
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(context.layers_dir / decisions.LAYER)
        log.step(f"{link} is a link to the environment")

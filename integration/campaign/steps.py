"""All steps, how often each comes, and those that change choices and circumstances."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from integration.campaign import edits
from integration.campaign.damage import flip, kill
from integration.campaign.packages import HEAVY_THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from integration.campaign.world import World

Step: TypeAlias = "Callable[[World, Random], str]"
_IMAGES, _CACHES = 4, 3


def _groups(world: World, random: Random) -> str:
    groups = random.choice(((), ("operations",), ("dev",), ("dev", "operations"), ("empty",), ("old",)))
    # That group is for one Python alone, which no request may contradict.
    python = "" if "old" in groups else world.choices.python
    world.choices = replace(world.choices, groups=groups, python=python)
    return f"groups {groups}"


def _extras(world: World, random: Random) -> str:
    extras = random.choice(((), ("more",), ("space",), ("*",)))
    world.choices = replace(world.choices, extras=extras, packages=())
    return f"extras {extras}"


def _packages(world: World, random: Random) -> str:
    packages = random.choice(((), ("member-static",), ("member-stamped",), ("app", "member-stamped")))
    world.choices = replace(world.choices, packages=packages, groups=(), extras=())
    return f"packages {packages}"


def _python(world: World, random: Random) -> str:
    python = random.choice(("", *world.interpreters.minors))
    groups = tuple(name for name in world.choices.groups if name != "old")
    world.choices = replace(world.choices, python=python, groups=groups)
    return f"Python {python or 'as required'}"


def _patched(world: World, _: Random) -> str:
    world.choices = replace(world.choices, patched=not world.choices.patched)
    return f"a catalogue {'with' if world.choices.patched else 'without'} a later build of CPython"


def _editable(world: World, _: Random) -> str:
    world.choices = replace(world.choices, no_editable=not world.choices.no_editable)
    return f"no-editable {world.choices.no_editable}"


def _heavy(world: World, random: Random) -> str:
    heavy = random.choice((HEAVY_THRESHOLD, HEAVY_THRESHOLD, HEAVY_THRESHOLD, "auto", "none", "weight,plain"))
    world.choices = replace(world.choices, heavy=heavy)
    return f"heavy packages: {heavy}"


def _platform_api(world: World, random: Random) -> str:
    world.choices = replace(world.choices, platform_api=random.choice(("0.9", "0.15")))
    return f"Platform API {world.choices.platform_api}"


def _place(world: World, _: Random) -> str:
    world.choices = replace(world.choices, place=1 - world.choices.place)
    return f"layers and application at place {world.choices.place}"


def _snapshots(world: World, random: Random) -> str:
    world.circumstances = replace(world.circumstances, snapshots=random.choice(("auto", "always", "never")))
    return f"snapshots {world.circumstances.snapshots}"


def _drop_cache(world: World, _: Random) -> str:
    shutil.rmtree(world.cache(world.circumstances.cache), ignore_errors=True)
    return "drop the cache"


def _drop_image(world: World, _: Random) -> str:
    shutil.rmtree(world.image(world.circumstances.image), ignore_errors=True)
    return "drop the image"


def _drop_both(world: World, random: Random) -> str:
    return f"{_drop_image(world, random)} and {_drop_cache(world, random)}"


def _new_tag(world: World, random: Random) -> str:
    """Return a tag for this commit: the platform knows no previous image, or is told one."""
    image = f"image-{random.randrange(_IMAGES)}"
    told = random.random() < 0.5
    old = world.circumstances.image
    if image != old:
        shutil.rmtree(world.image(image), ignore_errors=True)
    world.circumstances = replace(world.circumstances, image=image, previous=old if told and image != old else "")
    return f"new tag {image}{f', previous image {old}' if told else ''}"


def _old_tag(world: World, random: Random) -> str:
    """Return an image that was built before others, whose cache has changed since."""
    image = f"image-{random.randrange(_IMAGES)}"
    world.circumstances = replace(world.circumstances, image=image, previous="")
    return f"back to {image}"


def _other_cache(world: World, random: Random) -> str:
    world.circumstances = replace(world.circumstances, cache=f"cache-{random.randrange(_CACHES)}")
    return f"another machine with {world.circumstances.cache}"


def _umask(world: World, random: Random) -> str:
    umask = random.choice((0o022, 0o077, 0o002, 0o027, 0))
    world.circumstances = replace(world.circumstances, umask=umask)
    return f"umask {umask:03o}"


def _user(world: World, random: Random) -> str:
    uid = random.choice((1000, 1000, 1001, 2000))
    world.circumstances = replace(world.circumstances, uid=uid)
    world.uids.add(uid)
    return f"user {uid}"


def _nothing(world: World, _: Random) -> str:
    """Build twice: the second build must be hot."""
    world.check()
    world.settle()
    log = world.build()
    added = [name for name, row in log.layers.items() if row.state != "reused without contents" and ":" in name]
    if added or "$ uv" in log.log:
        world.fail(f"nothing changed, but the build was not hot: {added or 'uv ran'}\n{log.log}")
    return "nothing"


def _source_edit(world: World, random: Random) -> str:
    """Edit source only, and see that no dependency layer is touched."""
    world.check()
    world.settle()
    what = edits.local_source(world, random)
    outcome = world.check()
    touched = [
        name
        for name, row in outcome.layers.items()
        if ":" in name and not name.endswith(":venv-project") and row.state != "reused without contents"
    ]
    if touched:
        world.fail(f"a source edit ({what}) touched {touched}\n{outcome.log}")
    return f"source only: {what}"


EDITS: dict[Step, int] = {
    edits.application_file: 5,
    edits.local_source: 9,
    edits.local_metadata: 6,
    edits.wheel_in_tree: 2,
    edits.add_dependency: 14,
    edits.remove_dependency: 7,
    edits.change_locked_version: 12,
    edits.add_local: 5,
    edits.editable_path: 3,
    edits.packaged: 3,
    edits.development_group: 5,
    edits.dynamic_requirements: 3,
    edits.data_file: 4,
    edits.member: 3,
    edits.comment: 3,
    edits.touch: 2,
    _groups: 4,
    _extras: 4,
    _packages: 3,
    _python: 2,
    _patched: 1,
    _editable: 3,
    _heavy: 4,
    _platform_api: 1,
    _place: 1,
}
"""Steps that change what has to be built."""

SURROUNDINGS: dict[Step, int] = {
    _snapshots: 3,
    _drop_cache: 3,
    _drop_image: 4,
    _drop_both: 1,
    _new_tag: 6,
    _old_tag: 4,
    _other_cache: 3,
    _umask: 3,
    _user: 2,
    flip: 7,
}
"""Steps that must not make a difference."""

CLAIMS: dict[Step, int] = {
    _nothing: 5,
    _source_edit: 4,
    edits.outdated_lock: 2,
    edits.outdated_requirements: 2,
    kill: 8,
}
"""Steps that claim more."""


def draw(random: Random) -> tuple[Step, ...]:
    """Return the steps to take before the next comparison: mostly one, at times several."""
    everything = EDITS | SURROUNDINGS | CLAIMS
    count = random.choice((1, 1, 1, 2, 3))
    return tuple(random.choices(list(everything), list(everything.values()), k=count))

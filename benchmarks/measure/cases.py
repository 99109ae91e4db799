"""The builds of each case, in an order in which one leaves what the next needs. The contenders take turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from measure.measurements import ADDED, CHANGED, DEVELOPMENT, EDIT, HOT, PATCH, REMOVED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from measure.apps import App
    from measure.builds import Contender, Sample

Take: TypeAlias = "Callable[[Contender, int], Sample]"
Samples: TypeAlias = "dict[str, list[Sample]]"
IMAGE = "app"
"""The image, and the cache, of all cases but the last two."""


def cold(app: App, contenders: Sequence[Contender], repeat: int) -> Samples:
    """Build without image and cache; the last image and cache stay for what follows. Raises PlatformError."""

    def take(contender: Contender, _: int) -> Sample:
        app.set_state("base")
        contender.forget(IMAGE, IMAGE)
        return contender.build(app.directory, IMAGE, IMAGE)

    return _turns(take, contenders, repeat)


def changes(
    app: App, contenders: Sequence[Contender], patched: Mapping[str, str], repeat: int, wanted: Sequence[str]
) -> Iterator[tuple[str, Samples]]:
    """Build after one change at a time, on image and cache of the build before. Gives each case when it is complete.

    A version that changes, and a dev dependency, are measured forth and back: twice as many builds.
    """

    def in_state(state: str) -> Take:
        def take(contender: Contender, _: int) -> Sample:
            app.set_state(state)
            return contender.build(app.directory, IMAGE, IMAGE)

        return take

    def edited(contender: Contender, number: int) -> Sample:
        app.edit(number + 1)
        return contender.build(app.directory, IMAGE, IMAGE)

    def other_python(contender: Contender, number: int) -> Sample:
        app.set_state("base")
        return contender.build(app.directory, IMAGE, IMAGE, patched if number % 2 == 0 else {})

    base = in_state("base")
    plan: Sequence[tuple[str, Take, str, Take | None]] = (
        (HOT, base, HOT, None),
        (EDIT, edited, EDIT, None),
        (CHANGED, in_state("changed"), CHANGED, base),
        (ADDED, in_state("added"), REMOVED, base),
        (DEVELOPMENT, in_state("development"), DEVELOPMENT, base),
        (PATCH, other_python, PATCH, None),
    )
    for case, take, undone, back in plan:
        if case not in wanted and undone not in wanted:
            continue
        found: dict[str, Samples] = {case: {}, undone: {}}
        for number in range(repeat):
            _add(found[case], _turns(take, contenders, 1, number))
            if back is not None:
                _add(found[undone], _turns(back, contenders, 1, number))
        yield from found.items()


def new_tags(app: App, contenders: Sequence[Contender], repeat: int) -> Samples:
    """Build with a tag that is new and the cache of the builds before; from the third build on it counts."""
    app.set_state("base")

    def take(contender: Contender, number: int) -> Sample:
        app.edit(1000 + number)
        return contender.build(app.directory, f"tag-{number}", "tag")

    _turns(take, contenders, 2)
    found = _turns(take, contenders, repeat, 2)
    for contender in contenders:
        for number in range(repeat + 2):
            contender.forget(f"tag-{number}", "tag")
    return found


def packaged(app: App, contenders: Sequence[Contender], repeat: int) -> Samples:
    """Edit the source of a project that is a package."""

    def take(contender: Contender, number: int) -> Sample:
        app.edit(number + 1)
        return contender.build(app.directory, "packaged", "packaged")

    _turns(take, contenders, 1, -1)
    found = _turns(take, contenders, repeat)
    for contender in contenders:
        contender.forget("packaged", "packaged")
    return found


def _turns(take: Take, contenders: Sequence[Contender], repeat: int, first: int = 0) -> Samples:
    found: Samples = {contender.name: [] for contender in contenders}
    for number in range(first, first + repeat):
        for contender in contenders:
            found[contender.name].append(take(contender, number))
    return found


def _add(found: Samples, more: Samples) -> None:
    for name, samples in more.items():
        found.setdefault(name, []).extend(samples)

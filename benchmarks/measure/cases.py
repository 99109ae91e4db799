"""The cases, in the order in which one leaves what the next needs. The contenders take turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from measure.builds import Contender, EmbeddedBuilder, Sample, start_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from measure.apps import App

Take: TypeAlias = "Callable[[Contender, int], Sample]"
CASES = (
    "cold", "hot", "source edit", "one dependency changed", "one dependency added", "one dependency removed",
    "a dev dependency changed", "Python patch changed", "new tag", "source edit, packaged",
)  # fmt: skip


def virtual_cases(
    app: App, contenders: Sequence[Contender], patched: Mapping[str, str], repeat: int, wanted: Sequence[str]
) -> Iterator[tuple[str, str, Sample]]:
    """Run the cases of a project that is no package; gives case, contender and sample as they come."""

    def in_state(state: str) -> Callable[[Contender, int], Sample]:
        def build(contender: Contender, _: int) -> Sample:
            app.set_state(state)
            return contender.build(app.directory, "app", "app")

        return build

    def cold(contender: Contender, _: int) -> Sample:
        app.set_state("base")
        contender.forget("app", "app")
        return contender.build(app.directory, "app", "app")

    def edited(contender: Contender, number: int) -> Sample:
        app.edit(number + 1)
        return contender.build(app.directory, "app", "app")

    def other_python(contender: Contender, number: int) -> Sample:
        app.set_state("base")
        return contender.build(app.directory, "app", "app", patched if number % 2 == 0 else {})

    yield from _turns("cold", cold, contenders, repeat if "cold" in wanted else 1)
    base, changed, added, development = (in_state(name) for name in ("base", "changed", "added", "development"))
    plan: list[tuple[str, Take, Take | None]] = [
        ("hot", base, None),
        ("source edit", edited, None),
        ("one dependency changed", changed, base),
        ("one dependency added", added, base),
        ("a dev dependency changed", development, base),
    ]
    for case, take, back in plan:
        if case in wanted:
            yield from _turns(case, take, contenders, repeat, back)
    if "Python patch changed" in wanted:
        yield from _turns("Python patch changed", other_python, contenders, repeat)
    if "new tag" in wanted:
        yield from _new_tags(app, contenders, repeat)


def _turns(
    case: str, take: Take, contenders: Sequence[Contender], repeat: int, back: Take | None = None
) -> Iterator[tuple[str, str, Sample]]:
    """Measure `take` in turns; `back` undoes it, which is a case of its own for an added dependency."""
    for number in range(repeat):
        for contender in contenders:
            yield case, contender.name, take(contender, number)
        undone = "one dependency removed" if case == "one dependency added" else case
        if back is not None:
            for contender in contenders:
                yield undone, contender.name, back(contender, number)


def _new_tags(app: App, contenders: Sequence[Contender], repeat: int) -> Iterator[tuple[str, str, Sample]]:
    """Every build has a tag that is new, and the cache of the ones before; from the third build on it counts."""
    app.set_state("base")
    for contender in contenders:
        contender.forget("tag", "tag")
    for number in range(repeat + 2):
        for contender in contenders:
            app.edit(1000 + number)
            sample = contender.build(app.directory, f"tag-{number}", "tag")
            if number > 1:
                yield "new tag", contender.name, sample
    for number in range(repeat + 2):
        for contender in contenders:
            contender.forget(f"tag-{number}", "tag")


def packaged_cases(app: App, contenders: Sequence[Contender], repeat: int) -> Iterator[tuple[str, str, Sample]]:
    """Edit the source of a project that is a package."""
    for contender in contenders:
        contender.forget("packaged", "packaged")
        contender.build(app.directory, "packaged", "packaged")
    for number in range(repeat):
        for contender in contenders:
            app.edit(number + 1)
            yield "source edit, packaged", contender.name, contender.build(app.directory, "packaged", "packaged")
    for contender in contenders:
        contender.forget("packaged", "packaged")


def start_ups(app: App, contenders: Sequence[Contender], repeat: int) -> dict[str, float]:
    """Give the seconds to import the application from the layers of a build of everything."""
    found = {}
    app.set_state("base")
    for contender in contenders:
        if not isinstance(contender.builder, EmbeddedBuilder):
            continue
        contender.forget("start", "start")
        contender.build(app.directory, "start", "start")
        venv = next((contender.builder.root / "layers").glob("*/venv"))
        found[contender.name] = start_up(venv, contender.builder.root / "workspace", repeat)
        contender.forget("start", "start")
    return found

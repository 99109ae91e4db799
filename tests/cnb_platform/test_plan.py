"""Build plans: which buildpacks of a group stay, and what each is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnb_platform.buildpack import Buildpack, Group, Member, Reference, Shelf, members
from cnb_platform.errors import ContractBroken, UnusableArgument
from cnb_platform.plan import Resolved, Unresolved, read_options, resolve


def a_buildpack(name: str) -> Buildpack:
    return Buildpack(directory=Path(name), id=name, version="1.0.0", api="0.10")


def table(provides: str = "", requires: str = "") -> dict[str, Any]:
    return {"provides": [{"name": n} for n in provides.split()], "requires": [{"name": n} for n in requires.split()]}


def outcome(*group: tuple[str, dict[str, Any]]) -> Resolved | Unresolved:
    """Resolve a group given as (name, plan); a name in parentheses is optional."""
    passed = []
    for name, plan in group:
        buildpack = a_buildpack(name.strip("()"))
        passed.append((Member(buildpack, name.startswith("(")), read_options(plan, buildpack)))
    return resolve(passed)


def kept(*group: tuple[str, dict[str, Any]]) -> list[str]:
    resolved = outcome(*group)
    assert isinstance(resolved, Resolved), resolved
    return [buildpack.id for buildpack in resolved.group]


def test_buildpacks_without_plans_form_a_group() -> None:
    assert kept(("a", {}), ("b", {})) == ["a", "b"]


def test_what_a_later_buildpack_requires_is_provided() -> None:
    assert kept(("a", table("python")), ("b", table(requires="python"))) == ["a", "b"]


def test_a_buildpack_may_provide_what_it_requires() -> None:
    assert kept(("a", table("python", "python"))) == ["a"]


def test_a_require_without_provider_fails_the_group() -> None:
    resolved = outcome(("a", table(requires="python")), ("b", table("python", "python")))
    assert resolved == Unresolved("a@1.0.0 requires python, which neither it nor an earlier buildpack provides")


def test_a_provide_that_nobody_requires_fails_the_group() -> None:
    resolved = outcome(("a", table(requires="")), ("b", table("python")))
    assert resolved == Unresolved("b@1.0.0 provides python, which neither it nor a later buildpack requires")


def test_optional_buildpacks_are_dropped_instead_and_what_depends_on_them_too() -> None:
    chain = ("(a)", table("x", "missing")), ("(b)", table("y", "x y")), ("c", table("z", "z"))
    assert kept(*chain) == ["c"]


def test_nothing_left_is_no_group() -> None:
    assert outcome(("(a)", table("x"))) == Unresolved("no buildpack of the group is left")


def test_alternatives_are_tried_from_the_left_depth_first() -> None:
    first = table("a") | {"or": [table("b"), table("c")]}
    second = table(requires="c") | {"or": [table(requires="b")]}
    resolved = outcome(("one", first), ("two", second))
    assert isinstance(resolved, Resolved)
    assert [entry.name for entry in resolved.entries] == ["b"], "or[0] of the first comes before or[1]"


def test_every_require_of_a_name_reaches_its_providers_in_order() -> None:
    plan = {"provides": [{"name": "x"}], "requires": [{"name": "x", "metadata": {"n": 1}}]}
    resolved = outcome(("a", plan), ("b", table("x")), ("c", {"requires": [{"name": "x", "metadata": {"n": 2}}]}))
    assert isinstance(resolved, Resolved)
    (entry,) = resolved.entries
    assert entry.providers == ("a", "b")
    assert [require.document() for require in entry.requires] == [
        {"name": "x", "metadata": {"n": 1}},
        {"name": "x", "metadata": {"n": 2}},
    ]


@pytest.mark.parametrize(
    "plan",
    [{"requires": [{"name": "x", "version": "1"}]}, {"requires": [{}]}, {"provides": "x"}, {"or": [{"provides": [1]}]}],
)
def test_a_malformed_plan_breaks_a_clause(plan: dict[str, Any]) -> None:
    with pytest.raises(ContractBroken, match=r"buildpack spec, Build Plan \(TOML\)"):
        read_options(plan, a_buildpack("a"))


def ref(name: str, *, optional: bool = False) -> Reference:
    return Reference(id=name, optional=optional)


def names(group: Group, shelf: Shelf) -> str:
    return " ".join(f"({m.buildpack.id})" if m.optional else m.buildpack.id for m in members(group, shelf))


def test_of_a_buildpack_named_twice_the_first_counts() -> None:
    shelf = Shelf(tuple(map(a_buildpack, "ab")))
    assert names((ref("a"), ref("b", optional=True), ref("a", optional=True)), shelf) == "a (b)"


def test_a_name_that_is_not_there_or_ambiguous_is_an_error() -> None:
    twins = Shelf((a_buildpack("a"), Buildpack(directory=Path("b"), id="a", version="2.0.0", api="0.10")))
    with pytest.raises(UnusableArgument, match="are several"):
        names((ref("a"),), twins)
    with pytest.raises(UnusableArgument, match=r"is none among: a@1\.0\.0, a@2\.0\.0"):
        names((ref("b"),), twins)

"""Grouping: a function of facts, and of nothing else."""

from __future__ import annotations

import json
import random

import pytest

from uv_buildpack.installed.heavy import Bundle, HeavySetting, Package, bundle, from_text, to_text

BIG = 20_000_000
AUTO = HeavySetting(least=10_000_000)


def package(
    name: str, *directories: str, size: int = BIG, reaches: tuple[str, ...] = (), movable: bool = True
) -> Package:
    return Package(name=name, directories=directories or (name,), size=size, reaches=reaches, movable=movable)


def layers(*packages: Package, setting: HeavySetting = AUTO) -> dict[str, list[str]]:
    return {each.layer: [member.name for member in each.packages] for each in bundle(packages, setting)}


def test_each_heavy_package_has_a_layer_of_its_own() -> None:
    assert layers(package("torch"), package("numpy"), package("six", size=30_000)) == {
        "packages-numpy": ["numpy"],
        "packages-torch": ["torch"],
    }


def test_packages_that_share_a_directory_lie_together_under_the_first_name() -> None:
    opencv = package("opencv-python", "cv2", "opencv_python.libs"), package("opencv-contrib-python", "cv2")
    assert layers(*opencv) == {"packages-opencv-contrib-python": ["opencv-contrib-python", "opencv-python"]}


def test_a_directory_inside_that_of_another_package_is_shared() -> None:
    assert layers(package("host", "host"), package("add-on", "host/add_on", size=5)) == {
        "packages-add-on": ["add-on", "host"]
    }


def test_files_inside_the_directory_of_another_package_are_enough() -> None:
    module = Package(name="module", directories=(), strays=("host/modules", "elsewhere"), size=0)
    assert layers(package("host"), module) == {"packages-host": ["host", "module"]}
    assert layers(package("other"), module) == {"packages-other": ["other"]}


def test_sharing_is_transitive() -> None:
    chain = package("a", "x"), package("c", "y"), package("b", "x", "y", size=1), package("d", "z")
    assert layers(*chain) == {"packages-a": ["a", "b", "c"], "packages-d": ["d"]}


def test_the_size_of_what_lies_together_decides() -> None:
    assert layers(package("a", "cu/lib", size=6_000_000), package("b", "cu/lib", size=6_000_000)) == {
        "packages-a": ["a", "b"]
    }
    assert layers(package("a", size=6_000_000), package("b", size=6_000_000)) == {}


def test_named_packages_are_heavy_whatever_their_size_and_no_others() -> None:
    setting = HeavySetting(names=frozenset({"six"}))
    assert layers(package("six", size=1), package("torch"), setting=setting) == {"packages-six": ["six"]}


def test_a_package_that_has_to_stay_keeps_those_that_share_a_directory_with_it() -> None:
    assert layers(package("a", "x"), package("b", "x", movable=False), package("c")) == {"packages-c": ["c"]}


def test_no_more_than_24_the_largest_sorted_by_layer() -> None:
    many = [package(f"p{number:02}", size=BIG + number) for number in range(30)]
    assert list(layers(*many)) == [f"packages-p{number:02}" for number in range(6, 30)]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_facts_does_not_matter(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a seed that can be replayed)
    places = ["a", "a/b", "a/b/c", "n/x", "n/y", "n/y/z", "m"]
    packages = [package(f"p{number}", *sorted(set(chance.choices(places, k=2)))) for number in range(5)]
    shuffled = chance.sample(packages, k=len(packages))
    assert bundle(packages, AUTO) == bundle(shuffled, AUTO)


def test_a_directory_below_a_moved_one_is_not_moved_again() -> None:
    (together,) = bundle([package("a", "nvidia/cu13/include"), package("b", "nvidia/cu13/include/thrust", "x")], AUTO)
    assert together.directories == ("nvidia/cu13/include", "x")


def test_a_way_back_lies_beside_the_packages_and_as_high_as_it_can() -> None:
    (torch,) = bundle([package("torch", reaches=("nvidia/cublas/lib", "nvidia/cudnn/lib"))], AUTO)
    assert torch.ways_back == ("nvidia",)
    (solver,) = bundle(
        [package("solver", "nvidia/solver", reaches=("nvidia/cublas/lib", "nvidia/solver", "nvidia"))], AUTO
    )
    assert solver.ways_back == ("nvidia/cublas",)


def test_what_lies_in_the_same_layer_needs_no_way_back() -> None:
    (both,) = bundle([package("a", "a", "s", reaches=("b/lib",)), package("b", "b", "s")], AUTO)
    assert both.ways_back == ()


def test_bundles_survive_being_remembered_as_text() -> None:
    bundles = bundle([package("a", "x", reaches=("n/l",)), package("b", "x", size=3), package("c")], AUTO)
    assert from_text(to_text(bundles)) == bundles
    assert from_text(to_text(())) == ()


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "3", "[3]", '[{"layer": "l"}]', '[{"layer": "l", "packages": [{"size": 1}]}]']
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_text(text)


@pytest.mark.parametrize(
    "wrong", [{"size": "1"}, {"size": None}, {"name": {"a": 1}}, {"directories": [1]}, {"reaches": [["a"]]}]
)
def test_values_of_other_types_are_refused(wrong: dict[str, object]) -> None:
    fields = {"name": "a", "directories": ["a"], "size": 1, **wrong}
    with pytest.raises(ValueError, match=r"^metadata: bundles\[0\]\.packages\[0\]\.\w+(\[0\])?: expected "):
        from_text(json.dumps([{"layer": "packages-a", "packages": [fields]}]))


def test_a_bundle_is_as_large_as_its_packages() -> None:
    assert Bundle(layer="packages-a", packages=(package("a", size=3), package("b", size=4))).size == 7

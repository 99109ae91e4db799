"""The mutants of `scripts/test --mutants`: one fault each, and every module of the list is there with its tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from checks.mutants import MODULES, mutants

REPOSITORY = Path(__file__).parents[2]
SOURCE = """
if TYPE_CHECKING:
    from collections.abc import Iterable
@dataclass(frozen=True)
class A:
    pass
def f(a, b):
    if a == 1 and b:
        return a < b or a in b
    return True
"""


def test_each_mutant_has_one_fault() -> None:
    found = [mutant.change for mutant in mutants(SOURCE)]
    assert sorted(found) == [
        "1 → 2",
        "True → False",
        "a < b or a in b → a < b and a in b",
        "a < b → a <= b",
        "a == 1 and b → a == 1 or b",
        "a == 1 → a != 1",
        "a in b → a not in b",
        "if a == 1 and b:\n    return a < b or a in b → if not (a == 1 and b):\n    return a < b or a in b",
    ]


def test_a_mutant_is_a_program() -> None:
    for mutant in mutants(SOURCE):
        assert ast.dump(ast.parse(mutant.text)) != ast.dump(ast.parse(SOURCE))


@pytest.mark.parametrize("module", MODULES)
def test_each_module_and_its_tests_are_there(module: str) -> None:
    assert (REPOSITORY / "src" / module).is_file()
    assert all((REPOSITORY / "tests/uv_buildpack" / name).exists() for name in MODULES[module])

"""The SDK is read by authors of buildpacks: everything public in it says what it is."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SDK = Path(__file__).resolve().parents[2] / "src" / "cnb"
CLASSES = [
    pytest.param(node, id=f"{path.stem}.{node.name}")
    for path in sorted(SDK.glob("*.py"))
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
]


def values(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Return each field of a class, or member of an enumeration, with the text below it."""
    for statement, below in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                yield name, ast.unparse(below) if documented else ""


def test_the_classes_of_the_sdk_are_found() -> None:
    assert len(CLASSES) >= 15


@pytest.mark.parametrize("node", CLASSES)
def test_every_field_of_a_public_class_is_documented(node: ast.ClassDef) -> None:
    assert [name for name, text in values(node) if not text] == []

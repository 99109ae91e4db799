"""Checking the recipes, each against what its own tool accepts; and that a broken copy of each is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from documentation.found import Recipe, Unreadable, recipes
from documentation.kinds import Kind, UnknownRecipe, kind_of

if TYPE_CHECKING:
    from pathlib import Path


def check(repository: Path) -> int:
    """Check all of them, print a line for each, and return 1 if one is wrong or its broken copy passes."""
    failed = False
    for recipe in recipes(repository):
        try:
            kind = kind_of(recipe)
        except UnknownRecipe as error:
            print(error)
            failed = True
            continue
        found = complaints(recipe, kind)
        failed |= bool(found)
        print(f"{recipe.place}: {recipe.name}: {kind.validator}: {'WRONG' if found else 'valid'}")
        for complaint in found:
            print(f"    {complaint}")
        broken = broken_copy(recipe, kind)
        refused = complaints(broken, kind)
        failed |= not refused
        edit = next(f"{before!r} → {after!r}" for before, after in kind.breaks if before in recipe.text)
        print(f"    broken copy ({edit}): {refused[0][:150] if refused else 'NOT REFUSED'}")
    return int(failed)


def complaints(recipe: Recipe, kind: Kind) -> list[str]:
    """Return what is wrong with a recipe, in the words of what checked it."""
    try:
        return [line for document in recipe.documents() for line in kind.complaints(document)]
    except Unreadable as error:
        return [str(error)]


def broken_copy(recipe: Recipe, kind: Kind) -> Recipe:
    """Return the recipe with a mistake that a person makes: a misspelled key, a value of another type."""
    for before, after in kind.breaks:
        if before in recipe.text:
            return replace(recipe, text=recipe.text.replace(before, after, 1))
    message = f"{recipe.place}: no mistake is known that a {recipe.name} could have"
    raise LookupError(message)

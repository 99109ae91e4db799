"""The `python` layer: what makes it another one."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from uv_buildpack.interpreter.catalogue import CPythonBuild
from uv_buildpack.layers.python import key
from uv_buildpack.layers.reuse import differences

LAYER = Path("/layers/x/python")
BUILD = CPythonBuild(
    version="3.13.4", date="20260101", arch="x86_64", libc="gnu", variant="default", path="a.tar.gz", sha256="0" * 64
)


def test_equal_builds_have_equal_keys() -> None:
    assert differences(asdict(key(BUILD, LAYER)), key(BUILD, LAYER)) == []


@pytest.mark.parametrize("field", ["version", "date", "variant", "arch", "libc", "sha256"])
def test_whatever_differs_in_the_build_is_a_reason(field: str) -> None:
    stored = asdict(key(BUILD, LAYER))
    other = key(replace(BUILD, **{field: "other"}), LAYER)
    assert differences(stored, other) == [f"{field}: {stored[field]} → other"]

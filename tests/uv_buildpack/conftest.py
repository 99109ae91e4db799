"""What tests of the buildpack share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog
from tests.uv_buildpack.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have each test log like a process of its own, which begins with nothing to mask."""
    monkeypatch.setattr("uv_buildpack.log._secrets", [])
    yield
    structlog.reset_defaults()


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A directory with what whole builds need."""
    return Workshop(tmp_path)

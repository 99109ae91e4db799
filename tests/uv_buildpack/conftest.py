"""What tests of the buildpack share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each test begin like a process, which masks nothing yet: the log keeps secrets until the process ends."""
    monkeypatch.setattr("uv_buildpack.log._secrets", [])

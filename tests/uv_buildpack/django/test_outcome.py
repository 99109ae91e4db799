"""What the log says of each outcome, and which of them are errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.trees import plant

from cnb.documents import DocumentError
from uv_buildpack import errors
from uv_buildpack.django.outcome import Outcome, check, inputs, names, read_outcome

if TYPE_CHECKING:
    from pathlib import Path

OUTCOMES: dict[str, tuple[dict[str, Any], type[errors.Problem]]] = {
    "unimportable": (
        {"error": "KeyError: 'BUCKET_NAME'", "place": "shop/settings.py:8"},
        errors.DjangoSettingsNotImportable,
    ),
    "not-enabled": ({}, errors.CollectstaticImpossible),
    "no-root": ({}, errors.StaticRootInvalid),
    "outside": ({"root": "/var/www"}, errors.StaticRootInvalid),
}


def said(outcome: Outcome, *, required: bool = False) -> list[str]:
    with capture_logs() as events:
        check(outcome, required=required)
    return [f"{event['kind']}: {event['event']}" for event in events]


@pytest.mark.parametrize("kind", OUTCOMES)
def test_what_cannot_be_collected_is_an_error_only_if_it_was_asked_for(kind: str) -> None:
    more, problem = OUTCOMES[kind]
    outcome = Outcome(outcome=kind, **more)
    with pytest.raises(problem):
        check(outcome, required=True)
    (line,) = said(outcome)
    quiet = kind in {"not-enabled", "no-root"}
    assert line.startswith("step: not collected: " if quiet else "warning: ")
    assert outcome.collected == ""


def test_a_failure_is_always_an_error() -> None:
    outcome = Outcome(outcome="failed", error="ValueError: Missing", traceback="a\nb\n")
    for required in (True, False):
        with pytest.raises(errors.CollectstaticFailed, match="collectstatic"):
            check(outcome, required=required)


def test_files_that_are_kept_elsewhere_are_said_to_be() -> None:
    outcome = Outcome(outcome="elsewhere", storage="storages.backends.s3.S3Storage")
    (line,) = said(outcome)
    assert line.startswith("step: the storage storages.backends.s3.S3Storage keeps static files outside of the image: ")
    assert line.endswith("not collected, unless BP_DJANGO_COLLECTSTATIC=true")
    assert said(outcome, required=True)[0].endswith("outside of the image: collected there")


def test_collected_files_are_no_news() -> None:
    outcome = Outcome(outcome="collected", root="staticfiles")
    assert said(outcome) == []
    assert outcome.collected == "staticfiles"


def test_inputs_are_all_names_and_the_contents_of_what_was_read(tmp_path: Path) -> None:
    plant(tmp_path, {"settings.py": "A = 1\n", "views.py": "B = 1\n", "node_modules/x.js": ""})
    reads = ["settings.py", ".env"]
    first = inputs(tmp_path, names(tmp_path), reads)
    assert names(tmp_path) == ["node_modules/x.js", "settings.py", "views.py"]
    plant(tmp_path, {"views.py": "B = 2\n"})
    assert inputs(tmp_path, names(tmp_path), reads) == first
    plant(tmp_path, {"settings.py": "A = 2\n"})
    second = inputs(tmp_path, names(tmp_path), reads)
    plant(tmp_path, {".env": "A=3\n"})
    third = inputs(tmp_path, names(tmp_path), reads)
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"outcome": 5}', b'{"outcome": "collected", "reads": "x"}'])
def test_an_answer_that_the_app_has_spoiled_is_an_error_that_names_it(content: bytes) -> None:
    with pytest.raises(DocumentError, match="the answer of collectstatic"):
        read_outcome(content)

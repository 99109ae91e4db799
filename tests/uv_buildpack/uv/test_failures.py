"""What uv's words mean, and which index they are about."""

from __future__ import annotations

import pytest
from tests.uv_buildpack.error_docs import classes
from tests.uv_buildpack.uv_words import WORDS

from uv_buildpack.errors import GitAccessRefused, HashMismatch, TLSVerificationFailed, WorkFailed
from uv_buildpack.uv.failures import failure
from uv_buildpack.uv.indexes import Index, Indexes

CORP = Index("https://index.example/simple", "corp-main")
OTHER = Index("https://other.example/simple/", "other")
REFUSED = """error: Failed to download `six==1.16.0`
  cause: Failed to fetch: https://files.example/six-1.16.0-py2.py3-none-any.whl
  cause: HTTP status client error (401 Unauthorized) for url (https://files.example/six-1.16.0-py2.py3-none-any.whl)"""


@pytest.mark.parametrize(("problem", "said"), WORDS, ids=[kind.__name__ for kind, _ in WORDS])
def test_a_failure_is_told_by_uvs_words_which_stand_below_it(problem: type[WorkFailed], said: str) -> None:
    found = failure(said, "uv sync")
    assert type(found) is problem
    assert found.what.startswith("uv sync")
    assert found.facts == tuple(said.splitlines())
    assert found.advice


def test_every_class_of_failure_is_told_apart() -> None:
    assert {kind for kind, _ in WORDS} == set(classes(WorkFailed))


@pytest.mark.parametrize(("problem", "said"), WORDS, ids=[kind.__name__ for kind, _ in WORDS])
def test_no_sentence_has_a_gap(problem: type[WorkFailed], said: str) -> None:
    found = failure(said, "uv sync", indexes=Indexes((CORP, OTHER), (("six", CORP.url),)))
    assert type(found) is problem
    assert not any("{" in line or "  " in line for line in (found.what, *found.advice))


def test_a_warning_beside_a_failure_does_not_explain_it() -> None:
    said = "warning: Failed to parse `pyproject.toml` during settings discovery:\nerror: Hash mismatch for `six==1`"
    assert type(failure(said, "uv sync")) is HashMismatch


def test_of_long_output_the_end_is_kept() -> None:
    problem = failure("\n".join(f"line {number}" for number in range(100)), "uv sync")
    assert problem.facts[0] == "line 60"
    assert problem.facts[-1] == "line 99"


def test_credentials_in_what_uv_says_are_masked() -> None:
    problem = failure("error: https://user:hunter2@index.example/six", "uv sync")
    assert problem.facts == ("error: https://****@index.example/six",)


def test_the_index_is_the_one_that_the_lock_has_the_package_from() -> None:
    problem = failure(REFUSED, "uv sync", indexes=Indexes((OTHER, CORP), (("six", "https://index.example/simple/"),)))
    assert problem.what == "uv sync: the index corp-main (https://index.example/simple) refused access (401)."
    assert problem.advice[0].startswith("Set UV_INDEX_CORP_MAIN_USERNAME and UV_INDEX_CORP_MAIN_PASSWORD")
    assert problem.facts[-1] == "Neither UV_INDEX_CORP_MAIN_USERNAME nor UV_INDEX_CORP_MAIN_PASSWORD is set."


@pytest.mark.parametrize("address", ["https://index.example/simple/six/", "https://user:pw@index.example/files/a.whl"])
def test_without_a_package_the_index_is_found_by_the_address(address: str) -> None:
    problem = failure(f"error: Failed to fetch: {address}\n  403 Forbidden", "uv lock", indexes=Indexes((OTHER, CORP)))
    assert "the index corp-main (https://index.example/simple)" in problem.what


def test_credentials_that_are_set_are_a_fact() -> None:
    said = {"UV_INDEX_CORP_MAIN_PASSWORD": "hunter2"}
    problem = failure(REFUSED, "uv sync", indexes=Indexes((CORP,), (("six", CORP.url),)), environment=said)
    assert problem.facts[-1] == "UV_INDEX_CORP_MAIN_USERNAME or UV_INDEX_CORP_MAIN_PASSWORD is set."


def test_an_index_without_a_name_gets_the_advice_to_name_it() -> None:
    index = Index("https://user:hunter2@index.example/simple")
    problem = failure(REFUSED, "uv sync", indexes=Indexes((index,), (("six", index.url),)))
    assert "the index https://index.example/simple refused" in problem.what
    assert problem.advice[0].startswith("The index has no name")
    assert "hunter2" not in f"{problem.what} {problem.facts} {problem.advice}"


def test_the_proxy_that_refused_is_named_without_its_password() -> None:
    said = "error: Failed to fetch: https://index.example/x\n  cause: tunnel error: unsuccessful"
    problem = failure(said, "uv sync", environment={"HTTPS_PROXY": "http://user:hunter2@proxy.example:3128"})
    assert problem.facts[-1] == "The request went to the proxy of HTTPS_PROXY=http://****@proxy.example:3128."


def test_gits_failures_name_the_repository_and_no_index() -> None:
    said = next(said for kind, said in WORDS if kind is GitAccessRefused)
    assert failure(said, "uv sync", indexes=Indexes((CORP,))).what == (
        "uv sync: the git repository https://git.example/team/x refused access."
    )
    certificate = next(said for kind, said in WORDS if kind is TLSVerificationFailed and "git fetch" in said)
    assert failure(certificate, "uv sync", indexes=Indexes((CORP,))).what == (
        "uv sync: the certificate of git.example is not trusted (the git repository https://git.example/team/x)."
    )

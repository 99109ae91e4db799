"""The command line of `scripts/starters`."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from integration.application import App, project
from integration.machine import CONTAINERS, EMBEDDED, available_interpreters, make_platform
from integration.starters.cases import Case, all_cases
from integration.workbench import free_port

from cnb_platform.platforms import BuildFailed, Options
from trial.prerequisites import REPOSITORY, package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnb_platform.platforms import Platform, Started

_DESCRIPTION = """\
Small applications of every framework, server and layout, locked with real packages, built, started and asked over HTTP.
Prints a row of a table for each, and ends with 1 if one does not answer as it should.
"""
_PATIENCE = 180
_HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The row of a case, and what to look at if it failed."""

    row: str
    failure: str = ""


def main() -> int:
    """Run the cases and return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pattern", nargs="?", default="", help="a regular expression of names (default: all)")
    parser.add_argument("--containers", action="store_true", help="build and start in Docker")
    parser.add_argument("--list", action="store_true", help="show the names of the cases")
    arguments = parser.parse_args()
    cases = [case for case in all_cases() if re.search(arguments.pattern, case.name)]
    if arguments.list:
        _say("\n".join(case.name for case in cases))
        return 0
    root = Path(tempfile.mkdtemp(prefix="uv-buildpack-starters-"))
    root.chmod(0o755)
    try:
        failures = sum(_show(outcome) for outcome in _run(cases, root, containers=arguments.containers))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    _say(f"{len(cases) - failures} of {len(cases)} answer")
    return 1 if failures else 0


def _run(cases: list[Case], root: Path, *, containers: bool) -> Iterator[_Outcome]:
    interpreters = available_interpreters(os.environ, REPOSITORY / ".cache").copied_to(root / "interpreters")
    buildpack = package(interpreters, root / "dist")
    certificates = [Path(os.environ["SSL_CERT_FILE"])] if "SSL_CERT_FILE" in os.environ else []
    shared = [*certificates, *([interpreters.directory] if interpreters.directory else [])]
    passed_on = {name: os.environ[name] for name in ("UV_DEFAULT_INDEX", "SSL_CERT_FILE") if name in os.environ}
    variables = {**interpreters.variables(str(interpreters.directory)), **passed_on}
    platform = make_platform(CONTAINERS if containers else EMBEDDED, root / "platform", shared, os.environ)
    _say("| framework | server | layout | started | request | answer |\n| --- | --- | --- | --- | --- | --- |")
    for case in cases:
        yield _outcome(case, platform, buildpack, variables, root)
        if containers:
            tag = f"cnb-platform/{case.name}:embedded"
            subprocess.run(["docker", "image", "rm", "--force", tag], capture_output=True, check=False)


def _outcome(case: Case, platform: Platform, buildpack: Path, variables: dict[str, str], root: Path) -> _Outcome:
    app = App(root / "apps" / case.name)
    app.write(case.files)
    scripts = '[project.scripts]\nshop = "shop:main"\n' if case.layout == "script" else ""
    pyproject = project("shop", case.dependencies, more=scripts, packaged=case.packaged)
    app.write({"pyproject.toml": pyproject.replace(">=3.9", ">=3.11")})
    app.lock()
    try:
        result = platform.build(app.directory, [buildpack], case.name, Options(env=variables, cache="shared"))
    except BuildFailed as failed:
        return _row(case, "the build fails", "", failed.log)
    command = _default(result.log)
    port = free_port()
    with platform.start(case.name, env={"PORT": str(port)}) as started:
        answer = _asked(case, f"http://127.0.0.1:{port}{case.path}", started)
        return _row(case, command, answer, "" if answer.startswith("200, as expected") else started.output())


def _row(case: Case, command: str, answer: str, failure: str) -> _Outcome:
    request = f"{'POST' if case.body else 'GET'} {case.path}"
    cells = (case.framework, case.server or "its own", case.layout, f"`{command}`", request, answer)
    return _Outcome(f"| {' | '.join(cells)} |", failure)


def _default(log: str) -> str:
    match = re.search(r"^\s*\w\S* \(default\): (.*)$", log, re.MULTILINE)
    return match[1].replace("|", "\\|") if match else "no default process"


def _asked(case: Case, address: str, started: Started) -> str:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and started.alive:
        try:
            if case.body:
                response = httpx.post(address, content=case.body, headers=_HEADERS, timeout=30, follow_redirects=True)
            else:
                response = httpx.get(address, timeout=30, follow_redirects=True)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        expected = response.status_code == httpx.codes.OK and case.answer in response.text
        return f"{response.status_code}, {'as expected' if expected else repr(response.text[:80])}"
    return "no answer"


def _show(outcome: _Outcome) -> bool:
    _say(outcome.row)
    if outcome.failure:
        _say(f"\n```text\n{outcome.failure[-3000:]}\n```\n")
    return bool(outcome.failure)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (the table is what the script is for)

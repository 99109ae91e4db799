"""Detection: which group of buildpacks builds this app, and the plan they agree on.

Buildpack specification, "Phase #1: Detection": https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#phase-1-detection
and https://github.com/buildpacks/lifecycle/blob/v0.21.17/phase/detector.go
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from cnb import toml
from cnb_platform.buildpack import Buildpack, Group, Member, Shelf, Target, members
from cnb_platform.command import Command
from cnb_platform.console import Log
from cnb_platform.errors import ContractBroken, DetectionErrored, DetectionFailed
from cnb_platform.plan import Option, Resolved, read_options, resolve
from cnb_platform.session import Session, phase_environment

PASSED, FAILED = 0, 100
TARGET_CHECK_SINCE = 12
EXEC_ENV_CHECK_SINCE = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one bin/detect said: exit code (-1: not run, or unusable plan), plan, and what it printed."""

    code: int
    options: tuple[Option, ...] = ()
    output: str = ""


@dataclass(slots=True)
class _Detector:
    session: Session
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # a buildpack is asked once, whatever groups it is in

    def ask(self, asked: Sequence[Member]) -> list[tuple[Member, Outcome]]:
        unknown = [member.buildpack for member in asked if member.buildpack.key not in self.outcomes]
        if unknown:
            with ThreadPoolExecutor(len(unknown)) as pool:
                for buildpack, outcome in zip(unknown, pool.map(self._run, unknown), strict=True):
                    self.outcomes[buildpack.key] = outcome
        return [(member, self.outcomes[member.buildpack.key]) for member in asked]

    def _run(self, buildpack: Buildpack) -> Outcome:
        refusal = _refusal(buildpack, self.session)
        return Outcome(code=-1, output=f"{refusal}\n") if refusal else _run_detect(buildpack, self.session)


def _refusal(buildpack: Buildpack, session: Session) -> str:
    """Return why a buildpack is not for this build at all; "" when it is."""
    if session.platform_minor >= TARGET_CHECK_SINCE and not _admitted(buildpack.targets, session.target):
        return "unable to satisfy target os/arch constraints"
    if session.platform_minor >= EXEC_ENV_CHECK_SINCE and buildpack.exec_env:
        wanted = session.exec_env
        if wanted not in buildpack.exec_env and "*" not in buildpack.exec_env:
            return f"not for execution environment {wanted}"
    return ""


def _admitted(targets: Sequence[Target], target: Target) -> bool:
    return not targets or any(mine.admits(target) for mine in targets)


def _run_detect(buildpack: Buildpack, session: Session) -> Outcome:
    plan = session.plan_file(f"detect-{buildpack.directory_name}-{buildpack.version}.toml", "")
    program = f"{session.buildpack_place(buildpack).inside}/bin/detect"
    environment = phase_environment(session, buildpack) | {"CNB_BUILD_PLAN_PATH": plan.inside}
    printed = bytearray()
    command = Command(
        argv=(program, session.platform.inside, plan.inside), cwd=session.app.inside, environment=environment
    )
    try:
        code = session.machine.run(command, printed.extend)
    except OSError as error:
        problem = f"bin/detect cannot be started: {error}"
        raise ContractBroken(buildpack=buildpack.key, section="Buildpack Interface", problem=problem) from error
    output = printed.decode(errors="replace")
    if code != PASSED:
        return Outcome(code=code, output=output)
    try:
        return Outcome(code=code, options=read_options(toml.load(plan.host), buildpack), output=output)
    except (toml.TOMLError, ContractBroken) as error:
        text = str(error) if isinstance(error, ContractBroken) else _not_toml(buildpack, error)
        return Outcome(code=-1, output=f"{output}{text}\n")


def _not_toml(buildpack: Buildpack, error: Exception) -> str:
    return str(ContractBroken(buildpack=buildpack.key, section="Build Plan (TOML)", problem=str(error)))


def detect(session: Session, order: Sequence[Group], shelf: Shelf) -> Resolved:
    """Try the groups of the order until one passes and its plan resolves.

    Raises DetectionFailed (20), DetectionErrored (21) after printing what every buildpack printed.
    """
    detector = _Detector(session)
    reasons: list[str] = []
    for group in order:
        tried = members(group, shelf)
        results = detector.ask(tried)
        passed = [(member, outcome.options) for member, outcome in results if outcome.code == PASSED]
        if any(outcome.code != PASSED and not member.optional for member, outcome in results):
            continue
        resolved = resolve(passed)
        if isinstance(resolved, Resolved):
            _announce(detector, tried, resolved, session.log)
            return resolved
        reasons.append(resolved.reason)
    raise _failure(detector, reasons, session.log)


def _announce(detector: _Detector, tried: Sequence[Member], resolved: Resolved, log: Log) -> None:
    for key, outcome in detector.outcomes.items():
        if outcome.code not in (PASSED, FAILED):
            _print_outcome(key, outcome, log)
    log.line(f"{len(resolved.group)} of {len(tried)} buildpacks participating")
    for buildpack in resolved.group:
        log.line(f"  {buildpack.id} {buildpack.version}")


def _print_outcome(key: str, outcome: Outcome, log: Log) -> None:
    word = {PASSED: "pass", FAILED: "fail"}.get(outcome.code, "err")
    log.line(f"======== {word}: {key} ({outcome.code})")
    log.raw(outcome.output.encode())
    if outcome.output and not outcome.output.endswith("\n"):
        log.line("")


def _failure(detector: _Detector, reasons: Sequence[str], log: Log) -> DetectionFailed | DetectionErrored:
    for key, outcome in detector.outcomes.items():
        _print_outcome(key, outcome, log)
    for reason in reasons:
        log.line(f"fail: {reason}")
    if any(outcome.code not in (PASSED, FAILED) for outcome in detector.outcomes.values()):
        return DetectionErrored("no group of buildpacks passed detection, and at least one buildpack failed to answer")
    return DetectionFailed("no group of buildpacks passed detection")

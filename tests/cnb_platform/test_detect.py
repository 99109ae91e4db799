"""Detection: exit codes, groups, environment, target check."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.cnb_platform.toys import SELF_SUFFICIENT, buildpack

from cnb_platform.errors import (
    ContractBroken,
    DetectionErrored,
    DetectionFailed,
    UnsupportedBuildpackApi,
    UnsupportedPlatformApi,
    UnusableArgument,
)
from cnb_platform.machine import home_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cnb_platform.toys import Workshop

SAY = 'echo "I was built" >&2'


def test_exit_100_of_the_only_buildpack_fails_with_20_and_prints_why(
    workshop: Workshop, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    toy = buildpack(tmp_path, detect="echo no pyproject.toml here\nexit 100")
    with pytest.raises(DetectionFailed) as failure:
        workshop.build(toy)
    assert failure.value.exit_code == 20
    assert workshop.printed() == ["======== fail: toy/one@1.2.3 (100)", "no pyproject.toml here"]
    assert not workshop.layout.exists()
    assert capsysbinary.readouterr().out == b""


def test_another_exit_code_fails_with_21(workshop: Workshop, tmp_path: Path) -> None:
    passing = buildpack(tmp_path, name="toy/good", detect="echo fine")
    with pytest.raises(DetectionErrored) as failure:
        workshop.build(passing, buildpack(tmp_path, detect="echo broken >&2\nexit 3"))
    assert failure.value.exit_code == 21
    assert workshop.printed() == [
        "======== pass: toy/good@1.2.3 (0)",
        "fine",
        "======== err: toy/one@1.2.3 (3)",
        "broken",
    ]


def test_the_output_of_a_passing_buildpack_is_not_shown(workshop: Workshop, tmp_path: Path) -> None:
    result = workshop.build(buildpack(tmp_path, detect="echo found it", build=SAY))
    assert "found it" not in result.log
    assert "I was built" in result.log


def test_an_order_tries_its_groups_and_drops_what_is_optional(workshop: Workshop, tmp_path: Path) -> None:
    failing = buildpack(tmp_path, name="toy/no", detect="exit 100")
    passing = buildpack(tmp_path, name="toy/yes")
    order = tmp_path / "order.toml"
    order.write_text(
        '[[order]]\ngroup = [{id = "toy/no"}]\n'
        '[[order]]\ngroup = [{id = "toy/no", optional = true}, {id = "toy/yes", version = "1.2.3"}]\n'
    )
    result = workshop.build(failing, passing, order=order)
    assert "1 of 2 buildpacks participating\n  toy/yes 1.2.3" in result.log


def test_an_optional_buildpack_that_errors_does_not_fail_the_group_but_is_shown(
    workshop: Workshop, tmp_path: Path
) -> None:
    order = tmp_path / "order.toml"
    order.write_text('[[order]]\ngroup = [{id = "toy/bad", optional = true}, {id = "toy/yes"}]\n')
    bad = buildpack(tmp_path, name="toy/bad", detect="echo oops; exit 7")
    result = workshop.build(bad, buildpack(tmp_path, name="toy/yes"), order=order)
    assert "err: toy/bad@1.2.3 (7)\noops" in result.log


def test_a_plan_that_is_not_toml_is_an_error_that_names_the_clause(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(DetectionErrored):
        workshop.build(buildpack(tmp_path, detect='echo "[[" >"$CNB_BUILD_PLAN_PATH"'))
    assert "contract broken: buildpack spec, Build Plan (TOML):" in workshop.log.text()


def test_a_plan_that_does_not_resolve_says_what_is_missing(workshop: Workshop, tmp_path: Path) -> None:
    detect = """printf '[[requires]]\\nname = "jdk"\\n' >"$2" """
    with pytest.raises(DetectionFailed):
        workshop.build(buildpack(tmp_path, detect=detect))
    assert "fail: toy/one@1.2.3 requires jdk, which neither it nor an earlier" in workshop.log.text()


def test_detect_sees_only_what_the_contract_gives_it(workshop: Workshop, tmp_path: Path) -> None:
    workshop.caller = {**workshop.caller, "LANG": "xx", "SECRET": "s", "no_proxy": "here"}
    (workshop.app / "file").write_text("")
    toy = buildpack(
        tmp_path,
        detect=f"""
            env >&3
            test -f file; test "$1" = "$CNB_PLATFORM_DIR"; test "$2" = "$CNB_BUILD_PLAN_PATH"; test ! -s "$2"
            test "$(stat -c %a "$2")" = 600
            {SELF_SUFFICIENT}""".replace(">&3", f">'{tmp_path}/seen'"),
    )
    workshop.build(toy, env={"LATE": "2", "PATH": "/first"})
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    for name in ("CNB_PLATFORM_DIR", "CNB_BUILD_PLAN_PATH", "CNB_TARGET_DISTRO_NAME", "CNB_TARGET_DISTRO_VERSION"):
        seen.pop(name, None)
    seen.pop("PWD")  # the shell's own
    seen.pop("_", None)
    assert seen.pop("HOME") == (home_of(0) if os.geteuid() == 0 else workshop.caller["HOME"])
    assert seen == {
        "CNB_BUILDPACK_DIR": str(toy),
        "CNB_TARGET_ARCH": "amd64",
        "CNB_TARGET_OS": "linux",
        "LATE": "2",
        "PATH": "/first:/usr/bin:/bin",
        "no_proxy": "here",
    }


def test_clear_env_keeps_the_user_s_variables_in_files_only(workshop: Workshop, tmp_path: Path) -> None:
    toy = buildpack(
        tmp_path,
        about="clear-env = true",
        build='echo "variable ${WISH-unset}, file $(cat "$CNB_PLATFORM_DIR/env/WISH")"',
    )
    assert "variable unset, file cake" in workshop.build(toy, env={"WISH": "cake"}).log


def test_the_execution_environment_is_for_api_0_12(workshop: Workshop, tmp_path: Path) -> None:
    tell = 'echo "$CNB_BUILDPACK_DIR ${CNB_EXEC_ENV-unset}" | sed "s,.*/,,"'
    old = buildpack(tmp_path, tell, name="toy/old")
    new = buildpack(tmp_path, tell, name="toy/new", api="0.12")
    log = workshop.build(old, new).log
    assert "toy_old unset\ntoy_new production\n" in log


@pytest.mark.parametrize("targets", ['arch = "s390x"', 'distros = [{name = "plan9", version = "4"}]'])
def test_a_buildpack_for_another_target_does_not_run(workshop: Workshop, tmp_path: Path, targets: str) -> None:
    toy = buildpack(tmp_path, more=targets)
    with pytest.raises(DetectionErrored):
        workshop.build(toy)
    assert "err: toy/one@1.2.3 (-1)\nunable to satisfy target os/arch constraints" in workshop.log.text()
    workshop.build(toy, platform_api="0.11")  # no such check before Platform 0.12


def test_a_buildpack_for_another_execution_environment_does_not_run(workshop: Workshop, tmp_path: Path) -> None:
    toy = buildpack(tmp_path, api="0.12", about='exec-env = ["test"]')
    with pytest.raises(DetectionErrored):
        workshop.build(toy)
    workshop.build(toy, env={"CNB_EXEC_ENV": "test"})


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        ('id = "app"', "not be one of app"),
        ('id = "a b"', "must match"),
        ('version = "1.2"', r"must be X\.Y\.Z"),
        ('version = "01.2.3"', r"must be X\.Y\.Z"),
        ("exec-env = [{}]", "array of strings"),
    ],
)
def test_a_faulty_buildpack_toml_names_the_clause(workshop: Workshop, tmp_path: Path, about: str, problem: str) -> None:
    toy = buildpack(tmp_path)
    path = toy / "buildpack.toml"
    key = about.split(" ", 1)[0]
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key} =")]
    lines.insert(lines.index("[buildpack]") + 1, about)
    path.write_text("\n".join(lines))
    with pytest.raises(ContractBroken, match=rf"buildpack spec, buildpack\.toml \(TOML\): .*{problem}"):
        workshop.build(toy)


def test_an_unknown_api_fails_with_11_or_12(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedBuildpackApi) as of_buildpack:
        workshop.build(buildpack(tmp_path, api="0.13"))
    with pytest.raises(UnsupportedPlatformApi) as of_platform:
        workshop.build(buildpack(tmp_path), platform_api="0.16")
    assert (of_platform.value.exit_code, of_buildpack.value.exit_code) == (11, 12)


def test_a_program_that_cannot_be_started_breaks_the_interface(workshop: Workshop, tmp_path: Path) -> None:
    toy = buildpack(tmp_path)
    (toy / "bin" / "detect").chmod(0o644)
    with pytest.raises(ContractBroken, match="buildpack spec, Buildpack Interface: bin/detect cannot be started"):
        workshop.build(toy)


def test_what_is_not_there_is_named(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(UnusableArgument, match="nowhere is not a buildpack"):
        workshop.build(tmp_path / "nowhere")
    with pytest.raises(UnusableArgument, match="missing does not exist"):
        workshop.build(buildpack(tmp_path), app=tmp_path / "missing")
    with pytest.raises(UnusableArgument, match="--volume needs --container"):
        workshop.build(buildpack(tmp_path), volumes=("a:b",))

"""The build phase: environment, plans, and the checks of what a buildpack leaves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.cnb_platform.toys import SELF_SUFFICIENT, buildpack

from cnb_platform.errors import BuildpackFailed, ContractBroken, ExportFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cnb_platform.toys import Workshop

DEFAULT = '[[processes]]\\ntype = "a"\\ncommand = ["x"]\\ndefault = true\\n'
CDX = 'sbom-formats = ["application/vnd.cyclonedx+json; version=1.6"]'


def test_a_build_gets_its_directories_as_variables_and_arguments(workshop: Workshop, tmp_path: Path) -> None:
    toy = buildpack(
        tmp_path,
        """test "$1" = "$CNB_LAYERS_DIR"; test "$2" = "$CNB_PLATFORM_DIR"; test "$3" = "$CNB_BP_PLAN_PATH"
        test "$(pwd)" = "$(dirname "$(dirname "$CNB_LAYERS_DIR")")/workspace"; echo "$CNB_LAYERS_DIR" """,
    )
    assert str(workshop.layers / "toy_one") in workshop.build(toy).log


def test_stdout_and_stderr_come_in_order(workshop: Workshop, tmp_path: Path) -> None:
    log = workshop.build(buildpack(tmp_path, "echo one; echo two >&2; echo three; printf four")).log
    assert "BUILDING\none\ntwo\nthree\nfour" in log


def test_a_failing_build_has_exit_code_51_and_leaves_the_previous_image(workshop: Workshop, tmp_path: Path) -> None:
    before = workshop.build(buildpack(tmp_path)).digest
    with pytest.raises(BuildpackFailed, match="exited with 7") as failure:
        workshop.build(buildpack(tmp_path, "exit 7"))
    assert failure.value.exit_code == 51
    assert workshop.image().digest == before


def test_later_buildpacks_get_the_environment_of_earlier_build_layers(workshop: Workshop, tmp_path: Path) -> None:
    first = buildpack(
        tmp_path,
        """for layer in b a; do
            mkdir -p "$1/$layer/bin" "$1/$layer/env.build"
            printf "$layer" >"$1/$layer/env.build/WHO.append"
            printf '[types]\\nbuild = true\\n' >"$1/$layer.toml"
        done
        mkdir -p "$1/launch-only/bin"; printf '[types]\\nlaunch = true\\n' >"$1/launch-only.toml"
        echo "mine: ${WHO-unset}" """,
        name="toy/first",
    )
    second = buildpack(tmp_path, 'echo "$PATH $WHO"', name="toy/second")
    log = workshop.build(first, second, env={"PATH": "/user"}).log
    layers = workshop.layers / "toy_first"
    assert "mine: unset\n" in log, "a buildpack does not get its own layers"
    assert f"/user:{layers}/b/bin:{layers}/a/bin:/usr/bin:/bin ab\n" in log


def test_plan_entries_go_to_the_first_provider_and_on_to_the_next_when_unmet(
    workshop: Workshop, tmp_path: Path
) -> None:
    provide = """printf '[[provides]]\\nname = "x"\\n[[provides]]\\nname = "y"\\n' >"$2" """
    require = (
        """printf '[[requires]]\\nname = "x"\\n[requires.metadata]\\nn = 3\\n[[requires]]\\nname = "y"\\n' >"$2" """
    )
    show = 'echo "$(basename "$1"):" $(grep -o "name = ..\\|n = ." "$3")'
    unmet = """printf '[[unmet]]\\nname = "y"\\n' >"$1/build.toml" """
    group = (
        buildpack(tmp_path, f"{show}\n{unmet}", detect=provide, name="toy/a"),
        buildpack(tmp_path, show, detect=provide, name="toy/b"),
        buildpack(tmp_path, show, detect=require, name="toy/c"),
    )
    log = workshop.build(*group).log
    assert 'toy_a: name = "x n = 3 name = "y\ntoy_b: name = "y\ntoy_c:\n' in log


def leave(files: str) -> str:
    """Return a build that writes `name: content` lines, `\\n` in contents meaning a newline."""
    commands = (line.strip().partition(": ")[::2] for line in files.strip().splitlines())
    return "\n".join(f"""mkdir -p "$(dirname "$1/{n}")"; printf '{c}' >"$1/{n}" """ for n, c in commands)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("a.toml: launch = true", r"Layer Content Metadata \(TOML\): a.toml: launch must be in the \[types\] table"),
        ('a.toml: [types]\\nlaunch = "yes"', "types\\] must be a table of booleans"),
        ("a.toml: metadata = 3", "metadata must be a table"),
        ("a.toml: [", r"Layer Content Metadata \(TOML\): a.toml is not TOML"),
        ("launch/x: y", "Layer Types: a layer must not be called 'launch'"),
        ("a.sbom.spdx.json: {}", "Software-Bill-of-Materials: a.sbom.spdx.json: undeclared SBOM media type"),
        ("a.sbom.odd.json: {}", "undeclared SBOM media type 'odd.json'"),
        ('build.toml: [[unmet]]\\nname = "z"', r"build.toml \(TOML\): unmet names \['z'\]"),
        ("build.toml: [[unmet]]", r"\[\[unmet\]\] needs a name"),
        ("store.toml: metadata = 1", r"store.toml \(TOML\): metadata must be a table"),
        ('launch.toml: [[processes]]\\ntype = "a/b"\\ncommand = ["x"]', r"launch.toml \(TOML\): process type 'a/b'"),
        ('launch.toml: [[processes]]\\ntype = "a"\\ncommand = "x"', "'command' must be an array of strings"),
        ('launch.toml: [[processes]]\\ntype = "a"\\ncommand = []', "empty command"),
        (
            'launch.toml: [[processes]]\\ntype = "a"\\ncommand = ["x"]\\ndirect = true',
            "process.direct is not supported",
        ),
        (
            f"launch.toml: {DEFAULT}{DEFAULT}",
            "at most one process",
        ),
        ('launch.toml: [[labels]]\\nkey = "a"', "'value' must be a string"),
        ('launch.toml: [[slices]]\\npaths = "a"', "'paths' must be an array of strings"),
    ],
)
def test_what_breaks_the_contract_is_named_with_its_clause(
    workshop: Workshop, tmp_path: Path, files: str, message: str
) -> None:
    toy = buildpack(tmp_path, leave(files), detect=SELF_SUFFICIENT, about=CDX)
    with pytest.raises(ContractBroken, match=f"contract broken: buildpack spec, .*{message}") as broken:
        workshop.build(toy)
    assert broken.value.exit_code == 52
    assert str(broken.value).endswith("(buildpack toy/one@1.2.3)")


def test_a_layer_of_no_type_is_set_aside(workshop: Workshop, tmp_path: Path) -> None:
    workshop.build(buildpack(tmp_path, leave("a.toml: [types]\na/file: x\nb/file: without toml")))
    assert sorted(path.name for path in (workshop.layers / "toy_one").iterdir()) == ["a.ignore", "a.toml", "b"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("a.toml: [types]\\nlaunch = true", "cannot reuse 'toy/one:a', previous image has no metadata for layer"),
        ("a.toml: [types]\\nlaunch = true\\ncache = true", "layer 'toy/one:a' is cache=true but has no contents"),
    ],
)
def test_a_layer_without_contents_needs_a_previous_image(
    workshop: Workshop, tmp_path: Path, files: str, message: str
) -> None:
    with pytest.raises(ExportFailed, match=message) as failure:
        workshop.build(buildpack(tmp_path, leave(files)))
    assert failure.value.exit_code == 62
    assert not (workshop.layout / "index.json").exists()


def test_phases_run_under_the_umask_that_is_asked_for(workshop: Workshop, tmp_path: Path) -> None:
    show = 'umask; stat -c %a "$1"'
    assert "\n0022\n755\n" in workshop.build(buildpack(tmp_path, show)).log
    assert "\n0077\n700\n" in workshop.build(buildpack(tmp_path, show), umask=0o077).log


def test_variables_and_bindings_are_files_of_the_platform(workshop: Workshop, tmp_path: Path) -> None:
    binding = tmp_path / "my-binding"
    binding.mkdir()
    (binding / "type").write_text("uv")
    toy = buildpack(tmp_path, 'cat "$2/bindings/my-binding/type" "$2/env/A"; echo "=$A"')
    assert "uv1\n2=1\n2\n" in workshop.build(toy, bindings=(binding,), env={"A": "1\n2"}).log


def test_the_operator_s_variables_yield_to_the_user_s(workshop: Workshop, tmp_path: Path) -> None:
    config = tmp_path / "build-config"
    (config / "env").mkdir(parents=True)
    for name in ("A", "B", "C.override"):
        (config / "env" / name).write_text("operator")
    toy = buildpack(tmp_path, 'echo "$A $B $C"')
    assert "user operator operator" in workshop.build(toy, build_config=config, env={"A": "user", "C": "user"}).log


def test_without_directories_of_its_own_a_build_cleans_up(workshop: Workshop, tmp_path: Path) -> None:
    toy = buildpack(tmp_path, 'echo "built in $(pwd) by $(id -u)"; chmod 0500 "$1"; mkdir "$1/../x" 2>/dev/null || :')
    workshop.caller = {**workshop.caller, "HOME": str(tmp_path / "home")}
    log = workshop.build(toy, layers_dir=None, app_dir=None, owner=None).log
    (line,) = [line for line in log.splitlines() if line.startswith("built in ")]
    directory, uid = line.removeprefix("built in ").split(" by ")
    assert not os.path.exists(directory) or not os.listdir(directory)  # noqa: PTH110, PTH208
    assert int(uid) == (1000 if os.geteuid() == 0 else os.geteuid())

"""Launch: the stand-in script of the image and the platform's own launch, which must do the same."""

from __future__ import annotations

import os
import subprocess
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.cnb_platform.test_restore import declare
from tests.cnb_platform.toys import Workshop, buildpack

from cnb_platform import oci
from cnb_platform.errors import LaunchFailed
from cnb_platform.launch import LaunchRequest, launch, running
from cnb_platform.oci import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

SHELLS = [shell for shell in ("/bin/dash", "/bin/bash", "/bin/busybox") if Path(shell).exists()]
BASE = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/base/lib", "FROM_IMAGE": "image"}


@dataclass(frozen=True)
class Outcome:
    code: int
    output: str


class Launcher(Protocol):
    def __call__(
        self, workshop: Workshop, *words: str, process: str = "web", env: Mapping[str, str] | None = None
    ) -> Outcome: ...


def by_this_platform(
    workshop: Workshop, *words: str, process: str = "web", env: Mapping[str, str] | None = None
) -> Outcome:
    request = LaunchRequest(image=workshop.layout, process=process, arguments=words, env=env or {})
    try:
        with (workshop.root / "printed").open("wb") as printed, running(request, printed.fileno()) as started:
            code = started.wait()
        return Outcome(code, (workshop.root / "printed").read_text())
    except LaunchFailed as error:
        return Outcome(error.exit_code, str(error))


def by_script(shell: str) -> Launcher:
    def start(workshop: Workshop, *words: str, process: str = "web", env: Mapping[str, str] | None = None) -> Outcome:
        """Run the image's script in the layers that the build left."""
        image = workshop.image()
        link = workshop.root / "process" / process
        link.parent.mkdir(exist_ok=True)
        makers = [entry["created_by"] for entry in image.config["history"]]
        blob = image.layers[makers.index("Buildpacks Application Launcher")]
        with blob.open_tar() as opened, tarfile.open(fileobj=opened) as archive:
            content = archive.extractfile(archive.getmembers()[-1])
            assert content is not None
            link.write_bytes(content.read())
        argv = [shell, *(["sh"] if shell.endswith("busybox") else []), str(link), *words]
        done = subprocess.run(
            argv,
            env={**image.environment, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout)

    return start


LAUNCHERS = {"this platform": by_this_platform} | {f"script in {shell}": by_script(shell) for shell in SHELLS}


@pytest.fixture(params=list(LAUNCHERS.values()), ids=list(LAUNCHERS))
def start(request: pytest.FixtureRequest) -> Launcher:
    launcher: Launcher = request.param
    return launcher


def base_image(root: Path) -> Path:
    """Return a run image without layers whose user is the one that runs the tests."""
    layout = root / "base"
    oci.prepare(layout)
    settings = {"User": f"{os.getuid()}:{os.getgid()}", "Env": [f"{name}={value}" for name, value in BASE.items()]}
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "config": settings}
    oci.write(layout, Image(config=config))
    return layout


def built(workshop: Workshop, *bodies: str, **changes: object) -> Workshop:
    """Build with one buildpack for each body."""
    names = ("toy/a", "toy/b")
    toys = [buildpack(workshop.root, body, name=name) for name, body in zip(names, bodies, strict=False)]
    workshop.build(*toys, run_image=base_image(workshop.root), **changes)
    return workshop


def process(*command: str, args: str = "[]", more: str = "", kind: str = "web") -> str:
    words = ", ".join(f"'{word}'" for word in command)
    return f"""cat >>"$1/launch.toml" <<'END'
[[processes]]
type = "{kind}"
command = [{words}]
args = {args}
{more}
END"""


ENV = process("sh", "-c", "env", more="default = true")


def variables(outcome: Outcome) -> dict[str, str]:
    assert outcome.code == 0, outcome
    pairs = dict(line.split("=", 1) for line in outcome.output.splitlines() if "=" in line)
    return {name: value for name, value in pairs.items() if name not in ("PWD", "OLDPWD", "SHLVL", "_", "HOME")}


def layer(name: str, files: str) -> str:
    """Return a launch layer with files given as `path: content` lines; `path/` is a directory."""
    commands = [declare(name, "ftf")]
    for line in files.strip().splitlines():
        path, _, content = line.strip().partition(": ")
        target = f'"$1/{name}/{path}"'
        commands.append(f"mkdir -p {target}" if path.endswith("/") else f'mkdir -p "$(dirname {target})"')
        if not path.endswith("/"):
            commands.append(f"printf '{content}' >{target}")
    return "\n".join(commands)


def test_layers_compose_the_environment_in_order(start: Launcher, workshop: Workshop) -> None:
    first = layer("b", "bin/\nlib/\nenv/X: 1") + "\n" + layer("a", "bin/\nenv.launch/X.append: 2\nenv.build/X: no")
    second = layer("z", "env.launch/X.append: 3\nenv.launch/web/X.append: 4\nenv.launch/other/X: no") + "\n" + ENV
    layers = built(workshop, first, second).layers
    assert variables(start(workshop)) == {
        "FROM_IMAGE": "image",
        "PATH": f"{layers}/toy_a/b/bin:{layers}/toy_a/a/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH": f"{layers}/toy_a/b/lib:/base/lib",
        "X": "134",
    }


def test_override_beats_the_container_and_default_yields(start: Launcher, workshop: Workshop) -> None:
    files = "env/A.override: layer\nenv/B.default: layer\nenv/C.default: layer\nenv/D: layer\nenv/E.default: layer"
    built(workshop, layer("a", files) + "\n" + ENV)
    found = variables(start(workshop, env={"A": "user", "B": "user", "D": "user", "E": ""}))
    assert {name: found[name] for name in "ABCDE"} == {
        "A": "layer",
        "B": "user",
        "C": "layer",
        "D": "layer",
        "E": "layer",
    }


def test_values_are_verbatim_and_delimiters_are_used_when_there_is_something_to_delimit(
    start: Launcher, workshop: Workshop
) -> None:
    files = r"""env/A.prepend: 1
        env/A.delim: ,\040
        env/B.append: 1
        env/B.delim: :
        env/C: $HOME `x` "q" \\\\
        env/D.odd.append: no
        env/E/: """
    show = process("sh", "-c", 'printf "%s|" "$A" "$B" "$C" "${D-unset}" "${E-unset}"', more="default = true")
    built(workshop, layer("a", files) + "\n" + show)
    assert start(workshop, env={"A": "0"}).output == '1, 0|1|$HOME `x` "q" \\\\|unset|unset|'


def test_a_trailing_newline_belongs_to_the_value(start: Launcher, workshop: Workshop) -> None:
    show = process("sh", "-c", 'printf "<%s>" "$A"', more="default = true")
    built(workshop, layer("a", "env/A: one\\n\\n") + "\n" + show)
    assert start(workshop).output == "<one\n\n>"


def test_the_platform_s_variables_are_hidden_from_the_process(start: Launcher, workshop: Workshop) -> None:
    built(workshop, ENV)
    assert not [name for name in variables(start(workshop)) if name.startswith("CNB_")]


def test_user_arguments_replace_the_default_ones(start: Launcher, workshop: Workshop) -> None:
    built(workshop, process("echo", "fixed", args="['a b', \"it's\"]", more="default = true"))
    assert start(workshop).output == "fixed a b it's\n"
    assert start(workshop, "x  y", "*").output == "fixed x  y *\n"


def test_before_platform_0_10_user_arguments_are_appended(start: Launcher, workshop: Workshop) -> None:
    built(workshop, process("echo", "fixed", args="['a']", more="default = true"), platform_api="0.9")
    assert start(workshop, "b").output == "fixed a b\n"


def test_a_process_type_is_chosen_by_name(start: Launcher, workshop: Workshop) -> None:
    body = process("echo", "web", more="default = true") + "\n" + process("echo", "admin", kind="admin.1_x-y")
    built(workshop, body)
    assert start(workshop, process="admin.1_x-y").output == "admin\n"


def test_the_working_directory_is_the_app_unless_the_process_says_otherwise(
    start: Launcher, workshop: Workshop
) -> None:
    body = process("pwd", more="default = true") + process("pwd", kind="tmp", more="working-dir = '/'")
    body = body.replace("END" + "cat", "END\ncat")
    built(workshop, body)
    assert start(workshop).output == f"{workshop.root}/workspace\n"
    assert start(workshop, process="tmp").output == "/\n"


def test_a_direct_command_gets_the_environment_of_no_type(start: Launcher, workshop: Workshop) -> None:
    built(workshop, layer("a", "env.launch/A: yes\nenv.launch/web/A: web") + "\n" + ENV)
    direct = start(
        workshop, *(("--",) if start is not by_this_platform else ()), "sh", "-c", "echo $A", process="launcher"
    )
    assert direct == Outcome(0, "yes\n")


def test_without_default_process_and_command_nothing_starts(start: Launcher, workshop: Workshop) -> None:
    built(workshop, "")
    outcome = start(workshop, process="launcher")
    assert outcome.code == 82
    assert "there is no default process" in outcome.output


def test_a_missing_program_fails_with_82(start: Launcher, workshop: Workshop) -> None:
    built(workshop, process("no-such-program", more="default = true"))
    outcome = start(workshop)
    assert outcome.code == 82
    assert "no-such-program is not on the PATH" in outcome.output


def test_a_process_for_another_execution_environment_does_not_start(start: Launcher, workshop: Workshop) -> None:
    built(workshop, process("echo", "hi", more="default = true\nexec-env = ['test']"))
    assert start(workshop).code == 82
    assert start(workshop, env={"CNB_EXEC_ENV": "test"}).output == "hi\n"


def test_the_exit_code_is_the_process_s(start: Launcher, workshop: Workshop) -> None:
    built(workshop, process("sh", "-c", "exit 7", more="default = true"))
    assert start(workshop).code == 7


def exec_d(name: str, body: str, *, directory: str = "exec.d") -> str:
    return f"""mkdir -p "$1/{name}/{directory}"
cat >"$1/{name}/{directory}/program" <<'END'
#!/bin/sh
{body}
END
chmod +x "$1/{name}/{directory}/program"
{declare(name, "ftf")}"""


def test_exec_d_programs_run_in_order_and_see_the_environment_so_far(start: Launcher, workshop: Workshop) -> None:
    body = "\n".join(
        [
            exec_d("a", """echo "in $(pwd)"; echo "A = \\"$B\\"" >&3"""),
            exec_d("a", 'echo "TYPED = \\"$A, typed\\"" >&3', directory="exec.d/web"),
            exec_d("a", 'echo "TYPED = \\"wrong\\"" >&3', directory="exec.d/other"),
            layer("b", "env/B: from-b"),
            process("sh", "-c", 'echo "$TYPED"', more="default = true"),
        ]
    )
    built(workshop, body)
    assert start(workshop).output == f"in {workshop.root}/workspace\nfrom-b, typed\n"


def test_exec_d_writes_toml_strings(start: Launcher, workshop: Workshop) -> None:
    toml = """cat >&3 <<'TOML'
# a comment
A = "a \\\\"quoted\\\\" \\\\\\\\ word"

  B="tab\\\\tnewline\\\\n"
C = "$HOME `x` é = #"
TOML""".replace("\\\\", "\\")
    show = process("sh", "-c", 'printf "%s|" "$A" "$B" "$C"', more="default = true")
    built(workshop, exec_d("a", toml) + "\n" + show)
    assert start(workshop).output == 'a "quoted" \\ word|tab\tnewline\n|$HOME `x` é = #|'


@pytest.mark.parametrize("body", ["exit 3", "echo 'A = 3' >&3", "echo 'nonsense' >&3", 'echo \'A = "a" b"\' >&3'])
def test_a_failing_or_babbling_exec_d_program_fails_with_82(start: Launcher, workshop: Workshop, body: str) -> None:
    built(workshop, exec_d("a", body) + "\n" + ENV)
    outcome = start(workshop)
    assert outcome.code == 82
    assert "exec.d program" in outcome.output


def test_a_layers_directory_can_be_launched_where_it_is(workshop: Workshop, capfd: pytest.CaptureFixture[str]) -> None:
    built(workshop, process("pwd", more="default = true"))
    (workshop.layers / "config").mkdir()
    (workshop.layers / "config" / "metadata.toml").write_text('[[processes]]\ntype = "web"\ncommand = ["pwd"]\n')
    workshop.root.chmod(0o711)
    request = LaunchRequest(image=workshop.layers, process="web", app_dir=Path("/"))
    assert launch(request) == 0
    assert capfd.readouterr().out == "/\n"
    with pytest.raises(LaunchFailed, match="neither an OCI image layout nor a layers directory"):
        launch(replace(request, image=workshop.app))


def test_paths_that_somebody_else_uses_are_not_taken(workshop: Workshop) -> None:
    built(workshop, ENV)
    (workshop.layers / ".cnb-platform").unlink()
    outcome = by_this_platform(workshop)
    assert outcome.code == 82
    assert f"the image's layers belong to {workshop.layers}" in outcome.output

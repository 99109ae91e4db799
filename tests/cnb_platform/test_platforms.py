"""The protocol's implementations; the real tools are played by scripts."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.cnb_platform.test_launch import base_image, process
from tests.cnb_platform.test_restore import contribute, declare
from tests.cnb_platform.toys import CALLER, Workshop, buildpack

from cnb_platform import go_json
from cnb_platform.oci import Blob
from cnb_platform.platform_embedded import Embedded
from cnb_platform.platform_lifecycle import Lifecycle
from cnb_platform.platform_pack import Pack
from cnb_platform.platforms import BuildFailed, Options, Platform, result_of, run

if TYPE_CHECKING:
    from pathlib import Path

CDX = 'sbom-formats = ["application/vnd.cyclonedx+json"]'
SERVE = process("sh", "-c", 'echo "serving $0 $WISH"', "one", more="default = true")


@pytest.fixture
def embedded(workshop: Workshop) -> Embedded:
    caller = {**CALLER, "HOME": str(workshop.root), "PATH": os.environ["PATH"]}
    return Embedded(root=workshop.root / "platform", caller=caller, run_image=base_image(workshop.root))


def test_the_embedded_platform_builds_under_a_name_and_runs_it(embedded: Embedded, workshop: Workshop) -> None:
    platform: Platform = embedded
    toy = buildpack(workshop.root, f'{contribute("venv", "ftf")}\n{SERVE}\necho "env $GIVEN"', about=CDX)
    result = platform.build(workshop.app, [toy], "shop", Options(env={"GIVEN": "g"}))
    assert "env g" in result.log
    assert result.layer("toy/one:venv").state == "added"
    assert run(platform, "shop", env={"WISH": "cake"}).output == "serving one cake\n"


def test_another_image_can_be_the_previous_one(embedded: Embedded, workshop: Workshop) -> None:
    embedded.build(workshop.app, [buildpack(workshop.root, contribute("venv", "ftf"), about=CDX)], "first")
    toy = buildpack(workshop.root, declare("venv", "ftf"), about=CDX)
    result = embedded.build(workshop.app, [toy], "second", Options(previous="first"))
    assert result.layer("toy/one:venv").state == "reused without contents"
    with pytest.raises(BuildFailed, match="previous image has no metadata") as failure:
        embedded.build(workshop.app, [toy], "third")
    assert failure.value.exit_code == 62


def test_a_process_can_be_watched_and_is_stopped(embedded: Embedded, workshop: Workshop) -> None:
    body = 'echo up; trap "echo down; exit" TERM; while :; do sleep 0.05; done'
    toy = buildpack(workshop.root, process("sh", "-c", body, more="default = true"))
    embedded.build(workshop.app, [toy], "shop")
    with embedded.start("shop") as started:
        while "up" not in started.output():
            assert started.alive
    assert not started.alive


CREATOR = """#!/bin/sh
test "$CNB_EXPERIMENTAL_MODE" = warn && test "$CNB_PLATFORM_API" = 0.15 || exit 99
test -z "${SECRET-}" || exit 98
while [ "$#" -gt 1 ]; do
    case $1 in
        -layout) shift ;;
        -skip-restore) echo "skipping"; shift ;;
        *) eval "$(echo "${1#-}" | tr - _)=\\$2"; shift 2 ;;
    esac
done
echo "image $1, previous $previous_image, run image $run_image"
cat "$order" "$app/main.py" "$platform/env/A"
for file in "$buildpacks"/toy_one/1.2.3/bin/build "$cache_dir" "$layers" "$launcher"; do
    test -e "$file" || { echo "missing $file"; exit 97; }
done
"""


def lifecycle(workshop: Workshop, ending: str) -> Lifecycle:
    """Return a directory with a creator that looks at its flags and then does `ending`."""
    directory = workshop.root / "lifecycle"
    directory.mkdir()
    for name, text in (("creator", CREATOR + ending), ("launcher", "")):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    workshop.root.chmod(0o755)
    caller = {"PATH": os.environ["PATH"], "SECRET": "s", "HOME": str(workshop.root)}
    return Lifecycle(directory=directory, root=workshop.root / "platform", caller=caller)


def test_the_creator_gets_its_flags_and_its_image_is_read(workshop: Workshop, embedded: Embedded) -> None:
    (workshop.app / "main.py").write_text("app\n")
    toy = buildpack(workshop.root, contribute("venv", "ftf"), about=CDX)
    expected = embedded.build(workshop.app, [toy], "made")
    made = embedded.layout("made")
    ending = f"""mkdir -p "$layout_dir/cnb.invalid/shop"; cp -R '{made}' "$layout_dir/cnb.invalid/shop/1" """
    platform = lifecycle(workshop, ending)
    result = platform.build(workshop.app, [toy], "shop", Options(env={"A": "a"}, clear_cache=True))
    assert "image cnb.invalid/shop:1, previous cnb.invalid/shop:1, run image cnb.invalid/run:1\n" in result.log
    assert "skipping" in result.log
    assert [(row.name, row.diff_id) for row in result.layers] == [(row.name, row.diff_id) for row in expected.layers]
    shutil.rmtree(platform.layout("shop"))
    assert {row.state for row in result.layers} == {"added"}


def test_a_failing_creator_gives_its_exit_code_and_log(workshop: Workshop) -> None:
    (workshop.app / "main.py").write_text("app\n")
    platform = lifecycle(workshop, "echo no; exit 51")
    with pytest.raises(BuildFailed, match=r"no\n$") as failure:
        platform.build(workshop.app, [buildpack(workshop.root)], "shop", Options(env={"A": ""}))
    assert failure.value.exit_code == 51


PACK = """#!/bin/sh
test -n "$PACK_VOLUME_KEY" || exit 99
echo "$@" >>"$LOG"
test "$1" != builder || cat "$5" >>"$LOG"
test "$1" != build || { echo "ERROR: failed to build: failed with status code: 51"; exit 1; }
"""


def tools(directory: Path, **scripts: str) -> None:
    directory.mkdir()
    for name, text in scripts.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)


def test_pack_makes_a_builder_and_gives_the_lifecycle_s_exit_code(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(workshop.root / "bin", pack=PACK, docker="#!/bin/sh\nexit 1\n")
    path = f"{workshop.root / 'bin'}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    log = workshop.root / "log"
    binding = workshop.root / "certificates"
    platform = Pack(build_image="b:1", run_image="r:1", caller={"PATH": path, "LOG": str(log)})
    options = Options(env={"A": "1"}, bindings=(binding,), previous="old", cache="shared", clear_cache=True)
    with pytest.raises(BuildFailed) as failure:
        platform.build(workshop.app, [buildpack(workshop.root)], "shop", options)
    assert failure.value.exit_code == 51
    create, *config, build = log.read_text().splitlines()
    assert create.startswith("builder create cnb-platform-builder:")
    assert 'image = "b:1"' in "\n".join(config)
    assert f'uri = "{workshop.root}/toy_one"' in "\n".join(config)
    assert build.startswith("build cnb-platform/shop:pack --builder cnb-platform-builder:")
    for flag in (
        "--pull-policy never",
        "--trust-builder",
        "--network host",
        "--env A=1",
        f"--volume {binding}:/platform/bindings/certificates",
        "--cache type=build;format=volume;name=cnb-platform-shared-build",
        "--previous-image cnb-platform/old:pack",
        "--clear-cache",
    ):
        assert f" {flag} " in f"{build} "


def test_a_result_is_made_from_the_labels_of_any_image(workshop: Workshop) -> None:
    metadata = {
        "app": [{"sha": "sha256:a"}],
        "sbom": {"sha": "sha256:s"},
        "buildpacks": [{"key": "toy/one", "layers": {"venv": {"sha": "sha256:v"}}}],
    }
    about = {"processes": [{"type": "web", "command": "serve", "args": ["x"]}], "buildpack-default-process-type": "web"}
    labels = {
        "io.buildpacks.lifecycle.metadata": go_json.dumps(metadata),
        "io.buildpacks.build.metadata": go_json.dumps(about),
    }
    blobs = [Blob(workshop.root, "", "", 0, f"sha256:{name}") for name in "rvsa"]
    result = result_of(
        image="i", digest="d", labels=labels, layers=blobs, known={"sha256:v", "sha256:r"}, durations={}, log=""
    )
    assert [(row.name, row.state) for row in result.layers] == [
        ("run image", "base"),
        ("toy/one:venv", "reused"),
        ("sbom", "added"),
        ("app 1", "added"),
    ]
    assert (result.processes[0].command, result.processes[0].args) == (("serve",), ("x",))

"""Docker's part, played by a script: what is asked of the client, and what goes through the pipe."""

from __future__ import annotations

import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest
from tests.cnb_platform.test_restore import contribute
from tests.cnb_platform.toys import Workshop, buildpack

from cnb_platform import docker
from cnb_platform.command import Command
from cnb_platform.container import Start, container_machine, image_owner
from cnb_platform.environment import Place
from cnb_platform.errors import ExportFailed, UnusableArgument
from cnb_platform.tar import Owner

if TYPE_CHECKING:
    from pathlib import Path

# Containers are processes of this machine: `run` starts the words after the image, `exec` those after the name.
DOCKER = """#!/bin/sh
echo "$@" >>"$FAKE/log"
case $1 in
    image) cat "$FAKE/image.json" 2>/dev/null || { echo "No such image" >&2; exit 1; } ;;
    load)
        cat >"$FAKE/loaded.tar"
        test ! -f "$FAKE/complain" || { mv "$FAKE/complain" "$FAKE/$$"; echo no >&2; exit 1; } ;;
    run)
        while [ "$1" != --entrypoint ]; do shift; done
        shift 3
        exec env -i PATH="$PATH" HOME=/home/cnb LANG=C HOSTNAME=box /bin/sh "$@" ;;
    exec) shift 6; exec env -i SECRET=s PATH="$PATH" "$@" ;;
esac
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the fake client's files; what it was asked is in `log`."""
    directory = tmp_path / "docker"
    directory.mkdir()
    (directory / "docker").write_text(DOCKER)
    (directory / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(directory))
    return directory


def knows(fake: Path, *, env: tuple[str, ...] = (), layers: tuple[str, ...] = ()) -> None:
    image = {"Config": {"Env": list(env)}, "RootFS": {"Layers": list(layers)}}
    (fake / "image.json").write_text(json.dumps([image]))


def test_the_build_user_is_the_image_s(fake: Path) -> None:
    knows(fake, env=("CNB_USER_ID=1001", "CNB_GROUP_ID=1002", "PATH=/bin"))
    assert image_owner("builder") == Owner(1001, 1002)
    knows(fake)
    assert image_owner("builder") == Owner(1000, 1000)
    (fake / "image.json").unlink()
    with pytest.raises(UnusableArgument, match="Docker has no image builder: No such image"):
        image_owner("builder")


def test_without_a_client_a_container_is_an_unusable_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnusableArgument, match="--container needs Docker"):
        image_owner("builder")


def how(tmp_path: Path) -> Start:
    return Start(
        image="builder",
        own=(Place(tmp_path / "l", "/layers"),),
        read_only=(Place(tmp_path / "bp", "/cnb/buildpacks/x"),),
        volumes=("/a:/b:ro",),
        owner=Owner(1001, 1002),
        umask=0o027,
    )


def test_programs_run_in_one_container_without_its_other_variables(fake: Path, tmp_path: Path) -> None:
    printed = bytearray()
    with container_machine(how(tmp_path)) as container:
        assert container.variables == {"PATH": os.environ["PATH"], "HOME": "/home/cnb", "HOSTNAME": "box"}
        command = Command(argv=("sh", "-c", "umask; env; exit 7"), cwd="/workspace", environment={"A": "1 2"})
        assert container.run(command, printed.extend) == 7
    lines = [line for line in printed.decode().splitlines() if not line.startswith(("PWD=", "PATH=", "SHLVL=", "_="))]
    assert lines == ["0027", "A=1 2"]
    started, executed = (fake / "log").read_text().splitlines()
    user = "1001:1002" if os.geteuid() == 0 else f"{os.getuid()}:{os.getgid()}"
    mounts = f"--volume {tmp_path}/l:/layers --volume {tmp_path}/bp:/cnb/buildpacks/x:ro --volume /a:/b:ro"
    assert f"--network host --user {user} --security-opt no-new-privileges {mounts} --entrypoint" in started
    assert executed.startswith(f"exec --user {user} --workdir /workspace {container.name} /bin/sh -c")


def test_a_container_that_does_not_start_says_why(fake: Path, tmp_path: Path) -> None:
    (fake / "docker").write_text("#!/bin/sh\necho no such image >&2\nexit 125\n")
    message = "no container of builder could be started: no such image"
    with pytest.raises(UnusableArgument, match=message), container_machine(how(tmp_path)):
        pytest.fail("started")


def loaded(fake: Path) -> tuple[dict[str, object], set[str]]:
    with tarfile.open(fake / "loaded.tar") as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        return json.loads(manifest.read())[0], set(archive.getnames())


def test_an_image_is_loaded_without_the_layers_that_docker_has(fake: Path, workshop: Workshop) -> None:
    toy = buildpack(workshop.root, contribute("a", "ftf"), about='sbom-formats = ["application/vnd.cyclonedx+json"]')
    log = workshop.build(toy, docker="shop:1").log
    assert "Image shop:1 is in Docker" in log
    image = workshop.image()
    manifest, names = loaded(fake)
    assert manifest["RepoTags"] == ["shop:1"]
    assert len(names) == 2 + len(image.layers)

    knows(fake, layers=(image.layers[0].diff_id, image.layers[1].diff_id, "sha256:other"))
    docker.load(image, "shop:1")
    assert len(loaded(fake)[1]) == len(names) - 2

    (fake / "complain").write_text("")  # a daemon that wants all layers
    docker.load(image, "shop:1")
    assert loaded(fake)[1] == names


def test_a_daemon_that_does_not_take_the_image_is_quoted(fake: Path, workshop: Workshop) -> None:
    (fake / "complain").write_text("")
    with pytest.raises(ExportFailed, match="Docker does not load it: no"):
        workshop.build(buildpack(workshop.root), docker="shop:1")
    assert workshop.image().digest, "the layout is complete nevertheless"


def test_a_container_of_an_image_is_started_with_variables_and_process(fake: Path) -> None:
    (fake / "docker").write_text('#!/bin/sh\necho "$@"\n')
    with docker.started("shop:1", ["x"], "worker", {"PORT": "1"}) as started:
        assert started.process.wait() == 0
        assert started.output().endswith("--network host --env PORT=1 --entrypoint worker shop:1 x\n")

"""Images: layers, labels, reuse, reproducibility."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest
from tests.cnb_platform.test_restore import CDX, contribute, declare
from tests.cnb_platform.toys import Workshop, buildpack

from cnb_platform import oci, tar
from cnb_platform.errors import ExportFailed
from cnb_platform.oci import DOCKER_TYPES, OCI_TYPES, Image, MediaTypes

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES = """cat >"$1/launch.toml" <<'END'
[[labels]]
key = "org.lab.x"
value = "y & <z>"
[[processes]]
type = "web"
command = ["serve", "fast"]
args = ["one", "two"]
default = true
[[processes]]
type = "admin"
command = ["sh"]
working-dir = "/tmp"
[[slices]]
paths = ["static"]
END"""
FULL = f"{contribute('venv', 'ftf')}\n{PROCESSES}"


def members(image: Image, number: int) -> list[tarfile.TarInfo]:
    """Return the entries of a layer, by its number from the bottom."""
    with image.layers[number].open_tar() as opened, tarfile.open(fileobj=opened) as archive:
        return archive.getmembers()


def names(image: Image, number: int) -> list[str]:
    return ["/" + member.name.lstrip("/") for member in members(image, number)]


def full(workshop: Workshop, **changes: object) -> Image:
    (workshop.app / "static").mkdir(exist_ok=True)
    (workshop.app / "static" / "style.css").write_text("x")
    (workshop.app / "main.py").write_text("pass")
    workshop.build(buildpack(workshop.root, FULL, about=f'{CDX}\nhomepage = "https://toys.example"'), **changes)
    return workshop.image()


def test_layers_come_in_the_lifecycle_s_order_with_its_entries(workshop: Workshop) -> None:
    image = full(workshop)
    layers, app = str(workshop.layers), f"{workshop.root}/workspace"
    assert [entry["created_by"] for entry in image.config["history"]] == [
        "Layer: 'venv', Created by buildpack: toy/one@1.2.3",
        "Software Bill-of-Materials",
        "Application Slice: 1",
        "Application Slice: 2",
        "Buildpacks Application Launcher",
        "Buildpacks Launcher Config",
        "Buildpacks Process Types",
    ]
    assert [names(image, number) for number in range(7)] == [
        [layers, f"{layers}/toy_one", f"{layers}/toy_one/venv", f"{layers}/toy_one/venv/file"],
        [
            layers,
            f"{layers}/sbom",
            f"{layers}/sbom/launch",
            f"{layers}/sbom/launch/sbom.legacy.json",
            f"{layers}/sbom/launch/toy_one",
            f"{layers}/sbom/launch/toy_one/venv",
            f"{layers}/sbom/launch/toy_one/venv/sbom.cdx.json",
        ],
        [app, f"{app}/static", f"{app}/static/style.css"],
        [app, f"{app}/main.py"],
        ["/cnb", "/cnb/lifecycle", "/cnb/lifecycle/launcher"],
        [layers, f"{layers}/config", f"{layers}/config/metadata.toml"],
        ["/cnb", "/cnb/process", "/cnb/process/admin", "/cnb/process/web"],
    ]
    assert members(image, 2)[0].mode == 0o777
    link = members(image, 6)[3]
    assert (link.linkname, link.mode, link.uid) == ("/cnb/lifecycle/launcher", 0o755, 0)


def test_the_configuration_is_the_lifecycle_s(workshop: Workshop) -> None:
    image = full(workshop)
    assert image.config["created"] == "1980-01-01T00:00:01Z"
    assert image.settings["Entrypoint"] == ["/cnb/process/web"]
    assert "Cmd" not in image.settings
    assert image.settings["WorkingDir"] == f"{workshop.root}/workspace"
    assert image.settings["Env"] == [
        "PATH=/cnb/process:/cnb/lifecycle",
        f"CNB_LAYERS_DIR={workshop.layers}",
        f"CNB_APP_DIR={workshop.root}/workspace",
        "CNB_PLATFORM_API=0.15",
        "CNB_DEPRECATION_MODE=quiet",
    ]
    assert image.labels["org.lab.x"] == "y & <z>"
    assert image.labels["io.buildpacks.exec-env"] == "production"
    assert image.labels["io.buildpacks.project.metadata"] == "{}"


def test_the_labels_have_the_lifecycle_s_bytes(workshop: Workshop) -> None:
    image = full(workshop)
    ids = [layer.diff_id for layer in image.layers]
    assert image.labels["io.buildpacks.lifecycle.metadata"] == (
        f'{{"app":[{{"sha":"{ids[2]}"}},{{"sha":"{ids[3]}"}}],"sbom":{{"sha":"{ids[1]}"}},'
        '"buildpacks":[{"key":"toy/one","version":"1.2.3",'
        f'"layers":{{"venv":{{"sha":"{ids[0]}","data":{{"key":"1"}},"build":false,"launch":true,"cache":false}}}}}}],'
        f'"config":{{"sha":"{ids[5]}"}},"launcher":{{"sha":"{ids[4]}"}},"process-types":{{"sha":"{ids[6]}"}},'
        '"runImage":{"topLayer":"","reference":""},"stack":{"runImage":{"image":""}}}'
    )
    assert image.labels["io.buildpacks.build.metadata"] == (
        '{"buildpacks":[{"id":"toy/one","version":"1.2.3","homepage":"https://toys.example"}],'
        '"launcher":{"version":"","source":{"git":{"repository":"","commit":""}}},'
        '"processes":[{"type":"admin","command":["sh"],"args":null,"direct":true,"working-dir":"/tmp",'
        '"buildpackID":"toy/one"},{"type":"web","command":["serve","fast"],"args":["one","two"],"direct":true,'
        '"buildpackID":"toy/one"}],"buildpack-default-process-type":"web"}'
    )


def read_member(image: Image, number: int, name: str) -> str:
    with image.layers[number].open_tar() as opened, tarfile.open(fileobj=opened) as archive:
        content = archive.extractfile(next(m for m in archive if m.name.endswith(name)))
        assert content is not None
        return content.read().decode()


def test_metadata_toml_has_the_lifecycle_s_bytes(workshop: Workshop) -> None:
    assert read_member(full(workshop), 5, "metadata.toml") == (
        'buildpack-default-process-type = "web"\n'
        '\n[[buildpacks]]\n  id = "toy/one"\n  version = "1.2.3"\n  api = "0.10"\n  homepage = "https://toys.example"\n'
        '\n[[labels]]\n  key = "org.lab.x"\n  value = "y & <z>"\n'
        '\n[[processes]]\n  type = "admin"\n  command = ["sh"]\n  direct = true\n  buildpack-id = "toy/one"\n'
        '  working-dir = "/tmp"\n'
        '\n[[processes]]\n  type = "web"\n  command = ["serve", "fast"]\n  args = ["one", "two"]\n  direct = true\n'
        '  buildpack-id = "toy/one"\n'
        '\n[[slices]]\n  paths = ["static"]\n'
    )


def test_before_platform_0_10_the_command_is_one_word(workshop: Workshop) -> None:
    image = full(workshop, platform_api="0.9")
    assert '  command = "serve"\n  args = ["fast", "one", "two"]\n' in read_member(image, 5, "metadata.toml")
    processes = json.loads(image.labels["io.buildpacks.build.metadata"])["processes"]
    assert (processes[1]["command"], processes[1]["args"]) == ("serve", ["fast", "one", "two"])
    assert "io.buildpacks.exec-env" not in image.labels


def test_without_a_default_process_the_launcher_is_the_entrypoint(workshop: Workshop) -> None:
    redefine = """printf '[[processes]]\\ntype = "web"\\ncommand = ["other"]\\n' >"$1/launch.toml" """
    first, second = (buildpack(workshop.root, b, name=n) for b, n in ((PROCESSES, "toy/a"), (redefine, "toy/b")))
    result = workshop.build(first, second)
    assert workshop.image().settings["Entrypoint"] == ["/cnb/lifecycle/launcher"]
    assert "Warning: toy/b redefines the default process type 'web'" in result.log
    assert [process.command for process in result.processes] == [("sh",), ("other",)]


def test_nothing_to_run_means_no_process_layer(workshop: Workshop) -> None:
    workshop.build(buildpack(workshop.root))
    assert [row["created_by"] for row in workshop.image().config["history"]][-1] == "Buildpacks Launcher Config"


def test_a_launch_layer_without_contents_keeps_its_blob(workshop: Workshop) -> None:
    first = workshop.build(buildpack(workshop.root, contribute("venv", "ftf"), about=CDX))
    second = workshop.build(buildpack(workshop.root, declare("venv", "ftf", 'key = "2"'), about=CDX))
    assert second.layer("toy/one:venv").state == "reused without contents"
    assert second.layer("toy/one:venv").digest == first.layer("toy/one:venv").digest
    label = json.loads(workshop.image().labels["io.buildpacks.lifecycle.metadata"])
    assert label["buildpacks"][0]["layers"]["venv"]["data"] == {"key": "2"}, "metadata is what the build wrote"
    assert second.layer("sbom").state == "reused", "the SBOM file was restored and is exported again"


def test_a_layer_with_equal_contents_keeps_its_blob(workshop: Workshop) -> None:
    build = contribute("venv", "ftf")
    workshop.build(buildpack(workshop.root, build, about=CDX))
    packed = workshop.image().layers[0]
    content = gzip.decompress(packed.path.read_bytes())
    # Another platform's compressor: other bytes, same diffID.
    other = oci.add_layer(workshop.layout, [content], tar.write_plain, OCI_TYPES.plain)
    image = workshop.image()
    oci.write(workshop.layout, Image(config=image.config, layers=(other, *image.layers[1:])))
    result = workshop.build(buildpack(workshop.root, build, about=CDX))
    assert (result.layer("toy/one:venv").state, result.layer("toy/one:venv").digest) == ("reused", other.digest)


def test_a_hot_build_gives_the_same_image_and_a_source_edit_only_another_app_layer(workshop: Workshop) -> None:
    toy = buildpack(workshop.root, f"{contribute('venv', 'ftf')}\n{contribute('tool', 'ttt')}", about=CDX)
    (workshop.app / "main.py").write_text("1")
    first, second = workshop.build(toy), workshop.build(toy)
    assert first.digest == second.digest
    assert second.bytes_of("added") == 0
    (workshop.app / "main.py").write_text("2")
    assert [row.name for row in workshop.build(toy).layers if row.state == "added"] == ["app 1"]


def test_two_builds_from_nothing_give_the_same_image(workshop: Workshop, tmp_path: Path) -> None:
    toy = buildpack(workshop.root, FULL, about=CDX)
    first = workshop.build(toy)
    workshop.caller = {"PATH": "/usr/bin:/bin", "HOME": "/elsewhere"}
    second = workshop.build(toy, image=tmp_path / "again", cache=None)
    assert [row.diff_id for row in first.layers] == [row.diff_id for row in second.layers]
    assert first.digest == second.digest


def test_the_owner_of_layers_and_app_is_the_build_user_whoever_builds(workshop: Workshop) -> None:
    workshop.build(buildpack(workshop.root, contribute("venv", "ftf"), about=CDX), owner=tar.Owner(0, 0))
    owners = {member.uid for number in range(3) for member in members(workshop.image(), number)}
    assert owners == {0}


def test_a_failing_export_leaves_the_previous_image_readable(workshop: Workshop) -> None:
    before = workshop.build(buildpack(workshop.root, contribute("a", "ftf"), about=CDX))
    fifo = f"""{contribute("a", "ftf", content="changed")}\nmkdir "$1/b"; mkfifo "$1/b/p"; {declare("b", "ftf")}"""
    with pytest.raises(ExportFailed):
        workshop.build(buildpack(workshop.root, fifo, about=CDX))
    image = workshop.image()
    assert image.digest == before.digest
    assert all(blob.path.exists() for blob in image.layers)


def test_blobs_that_nothing_names_are_dropped(workshop: Workshop) -> None:
    workshop.build(buildpack(workshop.root, contribute("a", "ftf"), about=CDX))
    workshop.build(buildpack(workshop.root, contribute("a", "ftf", content="changed"), about=CDX))
    blobs = {path.name for path in (workshop.layout / "blobs" / "sha256").iterdir()}
    image = workshop.image()
    assert len(blobs) == 2 + len({blob.digest for blob in image.layers})


def run_image(root: Path, types: MediaTypes, *files: str) -> Path:
    """Return a run image with one layer of empty files."""
    layout = root / "run-image"
    oci.prepare(layout)
    entries = [tar.file(name, b"", tar.ROOT) for name in files]
    layer = oci.add_layer(layout, tar.stream(entries), tar.write_gzip, types.gzip)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "somebody"}],
        "config": {
            "Env": ["A=1", "PATH=/usr/bin:/bin", "B=x=y"],
            "User": "1000:1000",
            "Cmd": ["bash"],
            "Labels": {"io.buildpacks.base.distro.name": "toyos", "io.buildpacks.base.distro.version": "7"},
        },
    }
    oci.write(layout, Image(config=config, layers=(layer,), media_types=types))
    return layout


def test_a_run_image_lies_below_and_gives_its_settings(workshop: Workshop) -> None:
    base = run_image(workshop.root, DOCKER_TYPES, "/usr/bin/sh")
    toy = buildpack(workshop.root, f'{FULL}\necho "for $CNB_TARGET_DISTRO_NAME $CNB_TARGET_DISTRO_VERSION"', about=CDX)
    result = workshop.build(toy, run_image=base)
    image = workshop.image()
    assert "for toyos 7\n" in result.log
    assert (result.layers[0].name, result.layers[0].state) == ("run image", "base")
    assert image.settings["Env"][:3] == ["A=1", "PATH=/cnb/process:/cnb/lifecycle:/usr/bin:/bin", "B=x=y"]
    assert image.settings["User"] == "1000:1000"
    assert image.labels["io.buildpacks.base.distro.name"] == "toyos"
    assert image.config["history"][0] == {"created": "1980-01-01T00:00:01Z"}
    assert {blob.media_type for blob in image.layers} == {DOCKER_TYPES.gzip}
    assert (
        json.loads(image.labels["io.buildpacks.lifecycle.metadata"])["runImage"]["topLayer"] == image.layers[0].diff_id
    )
    assert "has no /bin/sh" not in result.log


def test_a_run_image_without_a_shell_is_said_on_every_build(workshop: Workshop) -> None:
    base = run_image(workshop.root, OCI_TYPES, "/bin/true")
    for _ in range(2):
        assert "has no /bin/sh" in workshop.build(buildpack(workshop.root), run_image=base).log
    binary = workshop.root / "launcher"
    binary.write_bytes(b"ELF")
    assert "has no /bin/sh" not in workshop.build(buildpack(workshop.root), run_image=base, launcher=binary).log


def test_tags_are_reference_names_of_the_layout(workshop: Workshop) -> None:
    workshop.build(buildpack(workshop.root), tags=("1.0", "latest"))
    index = json.loads((workshop.layout / "index.json").read_text())
    assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]] == [
        "1.0",
        "latest",
    ]


def test_go_escapes_and_key_order_are_kept_in_free_metadata(workshop: Workshop) -> None:
    metadata = 'b = "<&>"\\na = 2.0\\nwhen = 2026-01-02T03:04:05Z\\nz = []'
    workshop.build(buildpack(workshop.root, contribute("a", "ftf", metadata=metadata), about=CDX))
    label = workshop.image().labels["io.buildpacks.lifecycle.metadata"]
    assert '"data":{"a":2,"b":"\\u003c\\u0026\\u003e","when":"2026-01-02T03:04:05Z","z":[]}' in label


def test_the_archive_of_a_layer_is_on_disk_as_gzip_of_the_diff_id(workshop: Workshop) -> None:
    workshop.build(buildpack(workshop.root, contribute("a", "ftf"), about=CDX))
    blob = workshop.image().layers[0]
    assert tar.diff_id([gzip.decompress(blob.path.read_bytes())]) == blob.diff_id
    assert members(workshop.image(), 0)[-1].uid == os.getuid()

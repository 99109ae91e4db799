"""What a build leaves behind, and what it does not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cnb.contexts import context_in

from cnb import toml
from cnb.launch import Label, Process, Slice
from cnb.layer import Action, Layer, LayerTypes, ReusedLayer, SBOMFormat, Scope, Variable
from cnb.result import BuildResult, ResultError, empty_layer, forget_layer, write_result

if TYPE_CHECKING:
    from collections.abc import Iterator

LAUNCH = LayerTypes(launch=True)


def written(directory: Path) -> dict[str, bytes]:
    """Return path → content of all files."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def restored(root: Path, name: str) -> None:
    """Leave what the lifecycle restores of a launch-only layer."""
    layers = root / "layers"
    layers.mkdir(exist_ok=True)
    (layers / f"{name}.toml").write_text('[metadata]\nkey = "old"\n')
    (layers / f"{name}.sbom.cdx.json").write_bytes(b"old")


@pytest.fixture
def _any_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_a_layer_is_metadata_types_environment_and_programs(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    directory = empty_layer(context, "hello")
    (directory / "content").write_text("content")
    layer = Layer(
        name="hello",
        types=LAUNCH,
        metadata={"key": "1"},
        environment=(
            Variable(name="GREETING", value="hello"),
            Variable(name="PATH", value="/x", action=Action.PREPEND, scope=Scope.BUILD, delimiter=":"),
        ),
        exec_d={"concurrency": b"#!/bin/sh\n"},
        sboms={SBOMFormat.CYCLONEDX: b"{}"},
    )
    write_result(context, BuildResult(layers=(layer,)))
    files = written(context.layers_dir)
    assert toml.loads(files.pop("hello.toml").decode()) == {
        "types": {"launch": True, "build": False, "cache": False},
        "metadata": {"key": "1"},
    }
    assert files == {
        "hello/content": b"content",
        "hello/env/GREETING.override": b"hello",
        "hello/env.build/PATH.prepend": b"/x",
        "hello/env.build/PATH.delim": b":",
        "hello/exec.d/concurrency": b"#!/bin/sh\n",
        "hello.sbom.cdx.json": b"{}",
    }
    assert os.access(directory / "exec.d" / "concurrency", os.X_OK)


def test_a_value_that_is_no_utf8_is_written_byte_for_byte(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    directory = empty_layer(context, "hello")
    layer = Layer(name="hello", types=LAUNCH, environment=(Variable(name="RAW", value="\udcff"),))
    write_result(context, BuildResult(layers=(layer,)))
    assert (directory / "env" / "RAW.override").read_bytes() == b"\xff"


def test_variables_of_an_earlier_build_do_not_stay(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    old = context.layers_dir / "hello" / "env"
    old.mkdir(parents=True)
    (old / "GONE.override").write_text("1")
    write_result(context, BuildResult(layers=(Layer(name="hello", types=LAUNCH),)))
    assert not old.exists()


@pytest.mark.usefixtures("_any_umask")
def test_modes_do_not_follow_the_umask(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    directory = empty_layer(context, "hello")
    layer = Layer(
        name="hello",
        types=LAUNCH,
        environment=(Variable(name="A", value="1", scope=Scope.LAUNCH, process="web"),),
        exec_d={"web/program": b"#!/bin/sh\n"},
    )
    write_result(context, BuildResult(layers=(layer,)))
    modes = {path: path.stat().st_mode & 0o7777 for path in (context.layers_dir, directory, *directory.rglob("*"))}
    assert modes == {
        context.layers_dir: 0o755,
        directory: 0o755,
        directory / "env.launch": 0o755,
        directory / "env.launch" / "web": 0o755,
        directory / "env.launch" / "web" / "A.override": 0o644,
        directory / "exec.d": 0o755,
        directory / "exec.d" / "web": 0o755,
        directory / "exec.d" / "web" / "program": 0o755,
    }
    assert (context.layers_dir / "hello.toml").stat().st_mode & 0o7777 == 0o644


class SomebodyElses(type(Path())):  # type: ignore[misc]  # before 3.12 Path itself has no subclasses
    """A directory whose mode only its owner may change."""

    def chmod(self, mode: int, *, follow_symlinks: bool = True) -> None:
        """Refuse it for the directory itself, and for nothing below."""
        if self.name == "layers":
            raise PermissionError
        super().chmod(mode, follow_symlinks=follow_symlinks)


def test_a_layers_directory_that_is_somebody_elses_keeps_its_mode(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    context.layers_dir.chmod(0o777)
    context = replace(context, layers_dir=SomebodyElses(context.layers_dir))
    empty_layer(context, "hello")
    write_result(context, BuildResult(layers=(Layer(name="hello", types=LAUNCH),)))
    assert (context.layers_dir / "hello.toml").is_file()
    assert context.layers_dir.stat().st_mode & 0o777 == 0o777


def test_launch_build_and_store_are_written(tmp_path: Path) -> None:
    context = context_in(tmp_path, '[[entries]]\nname = "python"\n')
    write_result(
        context,
        BuildResult(
            processes=(
                Process(type="web", command=("serve",), args=("--port", "1"), default=True, working_directory="/x"),
                Process(type="worker", command=("work",)),
            ),
            labels=(Label("a.b", "c"),),
            slices=(Slice(("static/*",)),),
            unmet=("python",),
            store={"seen": "yes"},
            launch_sboms={SBOMFormat.CYCLONEDX: b"launch"},
            build_sboms={SBOMFormat.CYCLONEDX: b"build"},
        ),
    )
    layers = context.layers_dir
    assert toml.load(layers / "launch.toml") == {
        "labels": [{"key": "a.b", "value": "c"}],
        "processes": [
            {"type": "web", "command": ["serve"], "args": ["--port", "1"], "default": True, "working-dir": "/x"},
            {"type": "worker", "command": ["work"]},
        ],
        "slices": [{"paths": ["static/*"]}],
    }
    assert toml.load(layers / "build.toml") == {"unmet": [{"name": "python"}]}
    assert toml.load(layers / "store.toml") == {"metadata": {"seen": "yes"}}
    assert (layers / "launch.sbom.cdx.json").read_bytes() == b"launch"
    assert (layers / "build.sbom.cdx.json").read_bytes() == b"build"


def test_an_empty_result_writes_nothing_and_removes_what_was_there(tmp_path: Path) -> None:
    restored(tmp_path, "old")
    layers = tmp_path / "layers"
    (layers / "old").mkdir()
    (layers / "stray").mkdir()
    (layers / "orphan.sbom.spdx.json").write_bytes(b"")
    for name in ("launch.toml", "build.toml", "store.toml", "launch.sbom.cdx.json", "build.sbom.cdx.json"):
        (layers / name).write_bytes(b"")
    write_result(context_in(tmp_path), BuildResult())
    assert list(layers.iterdir()) == []


def test_a_layer_that_is_not_declared_is_removed_even_if_it_is_a_link(tmp_path: Path) -> None:
    restored(tmp_path, "old")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "layers" / "old").symlink_to(tmp_path / "elsewhere")
    write_result(context_in(tmp_path), BuildResult())
    assert list((tmp_path / "layers").iterdir()) == []
    assert (tmp_path / "elsewhere").is_dir()


def test_a_layer_is_reused_without_a_directory_and_keeps_its_sboms(tmp_path: Path) -> None:
    restored(tmp_path, "venv")
    context = context_in(tmp_path)
    write_result(context, BuildResult(layers=(ReusedLayer(name="venv", metadata={"key": "old"}),)))
    assert sorted(path.name for path in context.layers_dir.iterdir()) == ["venv.sbom.cdx.json", "venv.toml"]
    assert (context.layers_dir / "venv.sbom.cdx.json").read_bytes() == b"old"
    assert toml.load(context.layers_dir / "venv.toml") == {
        "types": {"launch": True, "build": False, "cache": False},
        "metadata": {"key": "old"},
    }


def test_a_reused_layer_may_get_new_sboms(tmp_path: Path) -> None:
    restored(tmp_path, "venv")
    context = context_in(tmp_path)
    layer = ReusedLayer(name="venv", metadata={"key": "old"}, sboms={SBOMFormat.CYCLONEDX: b"new"})
    write_result(context, BuildResult(layers=(layer,)))
    assert (context.layers_dir / "venv.sbom.cdx.json").read_bytes() == b"new"


def test_a_layer_that_is_rebuilt_does_not_keep_old_sboms(tmp_path: Path) -> None:
    restored(tmp_path, "venv")
    context = context_in(tmp_path)
    (context.layers_dir / "venv").mkdir()
    write_result(context, BuildResult(layers=(Layer(name="venv", types=LAUNCH),)))
    assert not (context.layers_dir / "venv.sbom.cdx.json").exists()


def test_an_empty_layer_forgets_what_was_there(tmp_path: Path) -> None:
    restored(tmp_path, "venv")
    context = context_in(tmp_path)
    (context.layers_dir / "venv").mkdir()
    (context.layers_dir / "venv" / "old").write_text("")
    empty_layer(context, "venv")
    assert [path.name for path in context.layers_dir.iterdir()] == ["venv"]
    assert list((context.layers_dir / "venv").iterdir()) == []


def test_forgetting_a_layer_that_is_not_there_is_fine(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    forget_layer(context, "venv")
    assert list(context.layers_dir.iterdir()) == []


def test_forgetting_a_layer_leaves_one_whose_name_begins_equally(tmp_path: Path) -> None:
    restored(tmp_path, "venv-project")
    restored(tmp_path, "venv")
    forget_layer(context_in(tmp_path), "venv")
    assert sorted(path.name for path in (tmp_path / "layers").iterdir()) == [
        "venv-project.sbom.cdx.json",
        "venv-project.toml",
    ]


def layer_named(name: str, **more: object) -> Layer:
    return replace(Layer(name=name, types=LAUNCH), **more)  # type: ignore[arg-type]


PRESENT = Layer(name="present", types=LAUNCH)
BAD_RESULTS = [
    (BuildResult(layers=(PRESENT, PRESENT)), "layer 'present' is declared twice"),
    (BuildResult(layers=(layer_named("launch"),)), "'launch' cannot be the name of a layer"),
    (BuildResult(layers=(layer_named("a.b"),)), "'a.b' cannot be the name of a layer"),
    (BuildResult(layers=(layer_named("../a"),)), "'../a' cannot be the name of a layer"),
    (BuildResult(layers=(layer_named(""),)), "'' cannot be the name of a layer"),
    (BuildResult(layers=(layer_named("absent"),)), "layer absent has no directory"),
    (
        BuildResult(layers=(layer_named("present", metadata={"n": 1}),)),
        "layer present: metadata n is not a string, and would not survive the lifecycle's JSON",
    ),
    (
        BuildResult(layers=(layer_named("present", environment=(Variable(name="A=B", value=""),)),)),
        "layer present: 'A=B' is not a name for a variable",
    ),
    (
        BuildResult(
            layers=(layer_named("present", environment=(Variable(name="A", value="", action=Action.APPEND),)),)
        ),
        "layer present: A is appended without a delimiter",
    ),
    (
        BuildResult(
            layers=(layer_named("present", environment=(Variable(name="A", value="", action=Action.PREPEND),)),)
        ),
        "layer present: A is prepended without a delimiter",
    ),
    (
        BuildResult(layers=(ReusedLayer(name="present"),)),
        "layer present is to be reused without contents, but its directory exists",
    ),
    (
        BuildResult(layers=(ReusedLayer(name="unknown"),)),
        "layer unknown is to be reused, but the previous image has no metadata for it",
    ),
    (
        BuildResult(processes=(Process(type="web server", command=("x",)),)),
        "'web server' cannot be a process type (letters, digits, '.', '_', '-')",
    ),
    (BuildResult(processes=(Process(type="web", command=()),)), "process web has no command"),
    (
        BuildResult(processes=(Process(type="web", command=("x",)), Process(type="web", command=("y",)))),
        "process web is declared twice",
    ),
    (
        BuildResult(
            processes=(
                Process(type="a", command=("x",), default=True),
                Process(type="b", command=("y",), default=True),
            )
        ),
        "more than one process is the default",
    ),
    (BuildResult(labels=(Label("a", "1"), Label("a", "2"))), "label a is set twice"),
    (BuildResult(unmet=("ruby",)), "unmet 'ruby' is not in the buildpack plan"),
    (
        BuildResult(launch_sboms={SBOMFormat.SPDX: b""}),
        "sbom-formats in buildpack.toml does not list application/spdx+json",
    ),
    (
        BuildResult(layers=(layer_named("present", sboms={SBOMFormat.SYFT: b""}),)),
        "sbom-formats in buildpack.toml does not list application/vnd.syft+json",
    ),
]


@pytest.mark.parametrize(("result", "problem"), BAD_RESULTS, ids=[problem for _, problem in BAD_RESULTS])
def test_a_result_that_breaks_the_specification_is_refused_and_nothing_is_written(
    tmp_path: Path, result: BuildResult, problem: str
) -> None:
    restored(tmp_path, "old")
    (tmp_path / "layers" / "present").mkdir()
    restored(tmp_path, "present")
    context = context_in(tmp_path)
    before = written(context.layers_dir)
    with pytest.raises(ResultError) as raised:
        write_result(context, result)
    assert problem in str(raised.value).splitlines()
    assert written(context.layers_dir) == before


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    result = BuildResult(processes=(Process(type="web", command=()),), unmet=("ruby",))
    with pytest.raises(ResultError) as raised:
        write_result(context_in(tmp_path), result)
    assert len(str(raised.value).splitlines()) == 2

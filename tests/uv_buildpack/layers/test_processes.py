"""The `processes` layer, which is there only when a process type has a variable of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs
from tests.uv_buildpack.contexts import context_for
from tests.uv_buildpack.trees import PROJECT

from cnb.result import BuildResult, write_result
from uv_buildpack.layers import processes

if TYPE_CHECKING:
    from pathlib import Path


def test_a_process_type_that_starts_one_worker_has_it_as_a_default(tmp_path: Path) -> None:
    context = context_for(tmp_path, PROJECT)
    with capture_logs() as events:
        write_result(
            context, BuildResult(layers=tuple(processes.contribute(context, {"serve": "a reason", "web": "another"})))
        )
    layer = context.layers_dir / processes.NAME
    files = {path.relative_to(layer).as_posix(): path.read_text() for path in layer.rglob("*") if path.is_file()}
    assert files == {
        "env.launch/serve/WEB_CONCURRENCY.default": "1",
        "env.launch/web/WEB_CONCURRENCY.default": "1",
    }
    assert [event["event"] for event in events] == [
        "serve: one worker unless WEB_CONCURRENCY is set (a reason)",
        "web: one worker unless WEB_CONCURRENCY is set (another)",
    ]


def test_what_tells_a_framework_where_to_listen_is_a_default_of_all_process_types(tmp_path: Path) -> None:
    context = context_for(tmp_path, PROJECT)
    made = processes.contribute(context, {}, {"GRADIO_SERVER_PORT": "8080"})
    write_result(context, BuildResult(layers=tuple(made)))
    assert (context.layers_dir / processes.NAME / "env.launch/GRADIO_SERVER_PORT.default").read_text() == "8080"


def test_without_such_types_there_is_no_layer(tmp_path: Path) -> None:
    context = context_for(tmp_path, PROJECT)
    assert processes.contribute(context, {}) == []
    assert list(context.layers_dir.iterdir()) == []

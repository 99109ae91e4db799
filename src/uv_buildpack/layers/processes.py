"""The `processes` layer: variables of process types. It is tiny, so each build rebuilds it.

`uvicorn.run()` takes its number of workers from `WEB_CONCURRENCY` as well, and with more than one it refuses an
application that is an object and not a name: the process ends with status 3 (`run()` in uvicorn/main.py, 0.54.0;
NiceGUI does the same). A server's own command gets a name, so only there does the container's size decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnb.layer import Action, Layer, LayerTypes, Scope, Variable
from cnb.result import empty_layer
from uv_buildpack import log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnb.context import BuildContext

NAME = "processes"
TYPES = LayerTypes(launch=True)


def contribute(
    context: BuildContext, one_worker: Mapping[str, str], variables: Mapping[str, str] | None = None
) -> list[Layer]:
    """Make the layer, if anything is to be set.

    `one_worker` maps the process types that start one worker unless the user says otherwise to the reason; `variables`
    are defaults for all.
    Raises `OSError`.
    """
    defaults = variables or {}
    if not one_worker and not defaults:
        return []
    empty_layer(context, NAME)
    for process_type, reason in one_worker.items():
        log.step(f"{process_type}: one worker unless WEB_CONCURRENCY is set ({reason})")
    if defaults:
        log.step(f"unless they are set: {', '.join(f'{name}={value}' for name, value in defaults.items())}")
    for_all = (
        Variable(name=name, value=value, action=Action.DEFAULT, scope=Scope.LAUNCH) for name, value in defaults.items()
    )
    return [Layer(name=NAME, types=TYPES, environment=(*for_all, *(_one_worker(each) for each in one_worker)))]


def _one_worker(process_type: str) -> Variable:
    return Variable(name="WEB_CONCURRENCY", value="1", action=Action.DEFAULT, scope=Scope.LAUNCH, process=process_type)

"""Copies of local packages beside their source trees, which Python finds first in the app directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration.test_local_packages import GENERATING
from integration.workbench import BASE, Workbench, layer_states

if TYPE_CHECKING:
    from integration.application import App

BACKEND = GENERATING.replace("{{", "{").replace("}}", "}").replace("src/made", "made").replace('"src"', '"."')


def test_what_a_backend_generates_is_found_where_the_source_tree_hides_the_copy(
    bench: Workbench, app: App, image: str
) -> None:
    app.write(
        {
            "pyproject.toml": '[project]\nname = "made"\nversion = "1.0"\nrequires-python = ">=3.9"\n'
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
            "backend.py": BACKEND,
            "made/__init__.py": "from made._native import answer\n",
        }
    )
    app.lock()
    first = bench.build(app, image, previous=BASE)
    assert "installed as a copy" in first.log
    # `python -c`, `python -m` and most servers search the app directory first.
    asked = "import json, made; print(json.dumps([made.answer, made.__file__]))"
    answer, place = bench.python(image, asked)
    assert answer == 42
    assert "/venv-project/" not in place
    hot = bench.build(app, image)
    assert layer_states(hot)["venv-project"] == "reused"
    assert hot.digest == first.digest

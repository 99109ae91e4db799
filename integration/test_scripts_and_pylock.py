"""Applications without `uv.lock`: a script with its own lock, and a `pylock.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.machine import EMBEDDED
from integration.workbench import BASE, Workbench, diff_ids, layer_states

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

pytestmark = pytest.mark.platforms(EMBEDDED)

INSTALLED = "import json; from importlib.metadata import distributions as all; print(json.dumps(sorted(d.name + ' ' + d.version for d in all())))"  # noqa: E501 (a program)
LIBRARY = {
    "library/pyproject.toml": project("library", packaged=True),
    "library/src/library/__init__.py": "answer = 42\n",
}


def script(index: PackageIndex, *dependencies: str) -> str:
    """A script with a local package, and others from the index."""
    declared = ", ".join(f'"{name}"' for name in ("library", *dependencies))
    return (
        "# /// script\n"
        f'# requires-python = ">=3.9"\n# dependencies = [{declared}]\n'
        '# [tool.uv.sources]\n# library = { path = "library", editable = true }\n'
        f'# [[tool.uv.index]]\n# url = "{index.address}"\n# default = true\n'
        "# ///\nimport library\nprint(library.answer, library.__file__)\n"
    )


def test_a_script_is_built_from_its_own_lock(bench: Workbench, app: App, image: str, index: PackageIndex) -> None:
    app.write({**LIBRARY, "report.py": script(index, "alpha==1.0")})
    app.lock("--script", "report.py")
    cold = bench.build(app, image, previous=BASE)
    assert "report (default): python report.py" in cold.log
    assert bench.python(image, INSTALLED) == ["alpha 1.0", "library 1.0"]
    assert bench.run(image, "python", "report.py").startswith("42 ")
    app.edit("report.py", "print(", "print('edited', ")
    edited = bench.build(app, image)
    assert set(layer_states(edited).values()) == {"reused"}
    app.edit("report.py", "alpha==1.0", "alpha==1.1")
    log = bench.failing(app, image)
    assert "error: report.py.lock does not fit the metadata in report.py." in log
    assert "report.py: alpha==1.1 is alpha==1.0 in report.py.lock" in log
    app.lock("--script", "report.py")
    warm = bench.build(app, image)
    clean = bench.build(app, f"{image}-clean", previous=BASE)
    assert "starting from the snapshot" in warm.log
    assert diff_ids(warm) == diff_ids(clean)


def test_a_pylock_is_built_with_the_extras_and_groups_that_it_lists(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    index.add_wheel("fast", "1.0")
    app.write({"pyproject.toml": project("shop", ("alpha==1.0", "fast"), index=index.address, packaged=True)})
    app.write({"src/shop/__init__.py": "", "main.py": "if __name__ == '__main__':\n    import shop\n"})
    app.lock()
    app.uv("export", "--format", "pylock.toml", "--output-file", "pylock.toml")
    (app.directory / "uv.lock").unlink()
    app.edit("pylock.toml", 'name = "fast"', 'name = "fast"\nmarker = "\'fast\' in extras"')
    app.edit("pylock.toml", "\n[[packages]]", 'extras = ["fast"]\n\n[[packages]]')
    cold = bench.build(app, image, previous=BASE)
    assert bench.python(image, INSTALLED) == ["alpha 1.0", "shop 1.0"]
    assert layer_states(bench.build(app, image)) == dict.fromkeys(layer_states(cold), "reused")
    more = {"BP_UV_EXTRAS": "fast"}
    warm = bench.build(app, image, env=more)
    assert "starting from the snapshot" in warm.log
    assert bench.python(image, INSTALLED) == ["alpha 1.0", "fast 1.0", "shop 1.0"]
    clean = bench.build(app, f"{image}-clean", previous=BASE, env=more)
    assert diff_ids(warm) == diff_ids(clean)

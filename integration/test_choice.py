"""What is installed: members, groups, extras, places of the project, copies; and where the environment is linked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.workbench import BASE, Workbench, diff_ids, layer_states

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

FOUND = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1].split() if importlib.util.find_spec(name)]))
"""
ALL = "alpha beta gamma tester one two root"


def found(bench: Workbench, image: str) -> set[str]:
    """Those of all packages that the image's Python finds."""
    return set(bench.python(image, FOUND, ALL))


@pytest.fixture
def workspace(app: App, index: PackageIndex) -> App:
    """A virtual workspace of two packaged members, one of which depends on the other."""
    sources = "[tool.uv.sources]\none = { workspace = true }\n"
    app.write(
        {
            "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\n'
            f'[[tool.uv.index]]\nurl = "{index.address}"\ndefault = true\n',
            "packages/one/pyproject.toml": project("one", ("alpha",), packaged=True),
            "packages/one/src/one/__init__.py": "",
            "packages/two/pyproject.toml": project("two", ("beta",), packaged=True, more=sources).replace(
                "['beta']", "['beta', 'one']"
            ),
            "packages/two/src/two/__init__.py": "import one\n",
        }
    )
    app.lock()
    return app


@pytest.fixture
def choosy(app: App, index: PackageIndex) -> App:
    """A project that is not a package, with a default group, another group and an extra."""
    more = '[dependency-groups]\ndev = ["tester"]\nmore = ["gamma"]\n[project.optional-dependencies]\nbig = ["beta"]\n'
    app.write({"pyproject.toml": project("choosy", ("alpha",), index=index.address, more=more), "main.py": ""})
    app.lock()
    return app


def test_a_virtual_workspace_root_installs_all_members(bench: Workbench, workspace: App, image: str) -> None:
    bench.build(workspace, image, previous=BASE)
    assert found(bench, image) == {"alpha", "beta", "one", "two"}


def test_one_member_of_a_workspace_comes_with_what_it_needs(bench: Workbench, workspace: App, image: str) -> None:
    bench.build(workspace, image, previous=BASE, env={"BP_UV_PACKAGE": "one"})
    assert found(bench, image) == {"alpha", "one"}


def test_the_nearest_lock_above_the_project_counts(bench: Workbench, workspace: App, image: str) -> None:
    bench.build(workspace, image, previous=BASE, env={"BP_UV_PROJECT_DIR": "packages/one"})
    assert found(bench, image) == {"alpha", "one"}


def test_groups_and_extras_are_left_out_unless_they_are_named(bench: Workbench, choosy: App, image: str) -> None:
    bench.build(choosy, image, previous=BASE)
    assert found(bench, image) == {"alpha"}
    bench.build(choosy, image, env={"BP_UV_GROUPS": "more,dev", "BP_UV_EXTRAS": "big"})
    assert found(bench, image) == {"alpha", "beta", "gamma", "tester"}
    bench.build(choosy, image, env={"BP_UV_EXTRAS": "*"})
    assert found(bench, image) == {"alpha", "beta"}


def test_an_edited_group_that_is_left_out_changes_no_layer_of_dependencies(
    bench: Workbench, choosy: App, image: str
) -> None:
    first = bench.build(choosy, image, previous=BASE)
    choosy.edit("pyproject.toml", '"tester"', '"tester", "gamma"')
    choosy.lock()
    second = bench.build(choosy, image)
    assert layer_states(second) == {"python": "reused", "venv": "reused"}
    assert diff_ids(first, without=["app 1"]) == diff_ids(second, without=["app 1"])


def test_a_project_in_a_subdirectory_is_built_there(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    app.write(
        {
            "services/api/pyproject.toml": project("api", ("alpha",), index=index.address),
            "services/api/.python-version": "# any\n>=3.11\n",
            "README.md": "",
        }
    )
    App(app.directory / "services/api").lock()
    result = bench.build(app, image, previous=BASE, env={"BP_UV_PROJECT_DIR": "services/api"})
    assert "services/api/.python-version" in result.log
    assert found(bench, image) == {"alpha"}


def test_the_environment_is_linked_where_a_tool_wants_it(bench: Workbench, choosy: App, image: str) -> None:
    first = bench.build(choosy, image, previous=BASE, env={"BP_UV_ENVIRONMENT_LINK": ".venv"})
    assert bench.run(image, ".venv/bin/python", "-c", "import sys; print(sys.executable)").endswith(
        "/.venv/bin/python\n"
    )
    again = bench.build(choosy, image, env={"UV_PROJECT_ENVIRONMENT": ".venv"})
    assert again.digest == first.digest


def test_copies_of_local_packages_do_not_need_the_app_directory(bench: Workbench, workspace: App, image: str) -> None:
    where = "import json, one, two; print(json.dumps([one.__file__, two.__file__]))"
    bench.build(workspace, image, previous=BASE)
    assert all("/packages/" in path for path in bench.python(image, where))
    result = bench.build(workspace, image, env={"BP_UV_NO_EDITABLE": "true"})
    assert all("/venv-project/lib/" in path for path in bench.python(image, where))
    assert layer_states(result) == {"python": "reused", "venv": "reused", "venv-project": "added"}


def test_an_edit_of_a_copied_package_rebuilds_its_layer(bench: Workbench, workspace: App, image: str) -> None:
    bench.build(workspace, image, previous=BASE, env={"BP_UV_NO_EDITABLE": "true"})
    workspace.write({"packages/one/src/one/__init__.py": "value = 2\n"})
    result = bench.build(workspace, image, env={"BP_UV_NO_EDITABLE": "true"})
    assert layer_states(result) == {"python": "reused", "venv": "reused", "venv-project": "added"}
    assert bench.python(image, "import json, one; print(json.dumps(one.value))") == 2

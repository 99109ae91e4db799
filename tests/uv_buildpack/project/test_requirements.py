"""What a project declares that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.uv_buildpack.trees import plant

from uv_buildpack.project.files import read_pyproject
from uv_buildpack.project.requirements import dependencies_elsewhere, direct_dependencies

if TYPE_CHECKING:
    from pathlib import Path

    from uv_buildpack.project.files import Pyproject


def declared(root: Path, text: str) -> Pyproject:
    """The project with this `pyproject.toml`."""
    plant(root, {"pyproject.toml": text})
    return read_pyproject(root, root / "pyproject.toml")


def test_direct_dependencies_count_with_the_chosen_extras_and_groups(tmp_path: Path) -> None:
    text = """
        [project]
        name = "shop"
        dependencies = ["FastAPI>=0.1"]
        [project.optional-dependencies]
        Big_One = ["torch"]
        small = ["six"]
        [dependency-groups]
        Serve_It = ["uvicorn[standard]"]
        dev = ["pytest"]
    """
    pyproject = declared(tmp_path, text)
    assert direct_dependencies(pyproject, (), ()) == {"fastapi"}
    assert direct_dependencies(pyproject, ("big-one",), ("serve-it",)) == {"fastapi", "torch", "uvicorn"}


def test_an_extra_that_asks_for_others_of_its_project_brings_what_they_need(tmp_path: Path) -> None:
    text = """
        [project]
        name = "My_Shop"
        [project.optional-dependencies]
        web = ["uvicorn"]
        all = ["my-shop[web,worker]", "six"]
        worker = ["my.shop[Web]", "celery", "not a requirement"]
    """
    pyproject = declared(tmp_path, text)
    assert direct_dependencies(pyproject, ("all",), ()) - {"my-shop"} == {"six", "uvicorn", "celery"}
    assert direct_dependencies(pyproject, ("web",), ()) == {"uvicorn"}


def test_what_only_a_setting_would_install_is_named_with_it(tmp_path: Path) -> None:
    text = """
        [project]
        name = "shop"
        [project.optional-dependencies]
        Big_One = ["Torch>=2"]
        small = ["six"]
        [dependency-groups]
        Serve_It = ["uvicorn[standard]"]
        dev = ["pytest"]
    """
    pyproject = declared(tmp_path, text)
    assert dependencies_elsewhere(pyproject, (), ()) == {
        "torch": "BP_UV_EXTRAS=Big_One",
        "six": "BP_UV_EXTRAS=small",
        "uvicorn": "BP_UV_GROUPS=serve-it",
        "pytest": "BP_UV_GROUPS=dev",
    }
    assert dependencies_elsewhere(pyproject, ("big-one",), ("dev",)) == {
        "six": "BP_UV_EXTRAS=small",
        "uvicorn": "BP_UV_GROUPS=serve-it",
    }

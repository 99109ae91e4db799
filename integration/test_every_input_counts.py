"""A result depends on what is in its key: whatever it is made from, an edited app gives the image of a clean build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.package_index import sdist, wheel
from integration.workbench import BASE, Workbench, diff_ids, errors, layer_states

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

    from cnb_platform.result import BuildResult

SNAPSHOTS = "uv-buildpack/python:snapshots"
UNISOLATED = '[tool.uv]\nno-build-isolation-package = ["{name}"]\n'
MATCHED = "[tool.uv.extra-build-dependencies]\n{name} = [{{ requirement = 'alpha', match-runtime = true }}]\n"
# A backend in the tree, which imports what it is built with.
LOCAL_BACKEND = """
import alpha, zipfile
def _wheel(directory, files):
    info = "seeing-1.0.dist-info"
    files = {**files, f"{info}/METADATA": "Metadata-Version: 2.2\\nName: seeing\\nVersion: 1.0\\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    with zipfile.ZipFile(f"{directory}/seeing-1.0-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
        record = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), record)
    return "seeing-1.0-py3-none-any.whl"
def build_wheel(directory, config_settings=None, metadata_directory=None):
    return _wheel(directory, {"seeing.py": f"built_with = {alpha.version!r}\\n" + open("seeing.txt").read()})
def build_editable(directory, config_settings=None, metadata_directory=None):
    return build_wheel(directory)
"""
OWN_BACKEND = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
pytestmark = pytest.mark.platforms("embedded")


def content(result: BuildResult) -> dict[str, str]:
    """Return the layers of an image but for what the cache keeps."""
    return diff_ids(result, without=(SNAPSHOTS,))


def clean(bench: Workbench, app: App, image: str) -> dict[str, str]:
    """Return the layers of a build without an image and without a cache of before."""
    return content(bench.build(app, f"{image}-clean"))


def test_what_is_built_without_isolation_is_built_again_when_what_it_sees_changes(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    index.add("seer-1.0.tar.gz", sdist("seer", "1.0", "import alpha; text = alpha.version"))
    more = UNISOLATED.format(name="seer")
    app.write({"pyproject.toml": project("app", ("alpha==1.0", "seer"), index=index.address, more=more), "main.py": ""})
    app.lock()
    bench.build(app, image, previous=BASE)
    assert bench.run(image, "python", "-c", "import seer; print(seer.version)") == "1.0\n"
    app.edit("pyproject.toml", "alpha==1.0", "alpha==1.1")
    app.lock()
    second = bench.build(app, image)
    assert bench.run(image, "python", "-c", "import seer; print(seer.version)") == "1.1\n"
    assert "built without isolation, so the whole environment is rebuilt from scratch" in second.log
    assert content(second) == clean(bench, app, image)


@pytest.mark.parametrize("setting", [UNISOLATED, MATCHED], ids=["unisolated", "match-runtime"])
def test_a_local_package_has_what_it_is_built_with_when_it_is_built_again(
    bench: Workbench, app: App, image: str, index: PackageIndex, setting: str
) -> None:
    text = project("seeing", ("alpha==1.0",), index=index.address, more=setting.format(name="seeing") + OWN_BACKEND)
    app.write({"pyproject.toml": text, "backend.py": LOCAL_BACKEND, "seeing.txt": "x = 1\n"})
    app.lock()
    bench.build(app, image, previous=BASE)
    app.write({"seeing.txt": "x = 2\n"})
    second = bench.build(app, image)
    assert layer_states(second)["venv"] == "reused"
    assert "venv: reused" in second.log
    assert bench.run(image, "python", "-c", "import seeing; print(seeing.x, seeing.built_with)") == "2 1.0\n"
    app.edit("pyproject.toml", "alpha==1.0", "alpha==1.1")
    app.lock()
    third = bench.build(app, image)
    assert bench.run(image, "python", "-c", "import seeing; print(seeing.x, seeing.built_with)") == "2 1.1\n"
    assert content(third) == clean(bench, app, image)


def test_a_wheel_of_an_index_in_the_app_counts_by_its_contents(bench: Workbench, app: App, image: str) -> None:
    index = '[[tool.uv.index]]\nname = "vendor"\nurl = "vendor"\nformat = "flat"\ndefault = true\n'
    (app.directory / "vendor").mkdir()
    path = app.directory / "vendor" / "beside-1.0-py3-none-any.whl"
    path.write_bytes(wheel("beside", "1.0", {"beside.py": "x = 'old'\n"}))
    app.write({"pyproject.toml": project("app", ("beside",), more=index), "main.py": ""})
    app.lock()
    bench.build(app, image, previous=BASE)
    path.write_bytes(wheel("beside", "1.0", {"beside.py": "x = 'new'\n"}))
    second = bench.build(app, image)
    assert bench.run(image, "python", "-c", "import beside; print(beside.x)") == "new\n"
    assert content(second) == clean(bench, app, image)


def test_a_build_requirement_that_the_app_has_counts_by_its_contents(bench: Workbench, app: App, image: str) -> None:
    backend = OWN_BACKEND.replace("requires = []", 'requires = ["alpha"]')
    more = f'{backend}[tool.uv]\nfind-links = ["vendor"]\nno-index = true\n'
    app.write({"pyproject.toml": project("seeing", more=more), "backend.py": LOCAL_BACKEND, "seeing.txt": ""})
    (app.directory / "vendor").mkdir()
    path = app.directory / "vendor" / "alpha-1.0-py3-none-any.whl"
    path.write_bytes(wheel("alpha", "1.0", {"alpha.py": "version = 'old'\n"}))
    app.lock()
    bench.build(app, image, previous=BASE)
    path.write_bytes(wheel("alpha", "1.0", {"alpha.py": "version = 'new'\n"}))
    second = bench.build(app, image)
    assert bench.run(image, "python", "-c", "import seeing; print(seeing.built_with)") == "new\n"
    assert content(second) == clean(bench, app, image)


def test_the_hash_in_the_lock_holds_for_a_wheel_given_by_path(bench: Workbench, app: App, image: str) -> None:
    file = "bywheel-1.0-py3-none-any.whl"
    (app.directory / file).write_bytes(wheel("bywheel", "1.0"))
    more = f'[tool.uv.sources]\nbywheel = {{ path = "{file}" }}\n'
    app.write({"pyproject.toml": project("app", ("bywheel",), more=more), "main.py": ""})
    app.lock()
    bench.build(app, image, previous=BASE)
    (app.directory / file).write_bytes(wheel("bywheel", "1.0", {"bywheel.py": "another = True\n"}))
    assert "#hash-mismatch" in bench.failing(app, image)


DYNAMIC = """
[project]
name = "dynamic"
version = "1.0"
requires-python = ">=3.9"
dynamic = ["dependencies"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[[tool.uv.index]]
url = "{index}"
default = true
"""
DYNAMIC_BACKEND = """
import pathlib, zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    pathlib.Path("dynamic.egg-info").mkdir(exist_ok=True)
    pathlib.Path("dynamic.egg-info/PKG-INFO").write_text("litter")
    info, name = "dynamic-1.0.dist-info", "dynamic-1.0-py3-none-any.whl"
    requires = "".join(f"Requires-Dist: {line}\\n" for line in open("requirements.txt").read().split())
    files = {"dynamic.py": "",
             f"{info}/METADATA": f"Metadata-Version: 2.2\\nName: dynamic\\nVersion: 1.0\\n{requires}",
             f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    with zipfile.ZipFile(f"{directory}/{name}", "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
        record = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), record)
    return name
build_editable = build_wheel
"""


def test_the_lock_is_checked_again_when_a_backend_declares_other_dependencies(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    files = {"backend.py": DYNAMIC_BACKEND, "requirements.txt": "alpha==1.0\n", "main.py": ""}
    app.write({"pyproject.toml": DYNAMIC.format(index=index.address), **files})
    app.lock()
    for path in sorted(app.directory.glob("dynamic.egg-info/*")):
        path.unlink()
        path.parent.rmdir()
    first = bench.build(app, image, previous=BASE)
    assert bench.run(image, "sh", "-c", "ls -d *.egg-info 2>/dev/null || echo none") == "none\n"
    assert bench.build(app, image).digest == first.digest
    app.write({"requirements.txt": "alpha==1.0\ngamma\n"})
    log = bench.failing(app, image)
    assert "#lockfile-outdated" in log
    assert "Run `uv lock --refresh`" in log
    assert "gamma" in "".join(errors(log)) + log


def test_data_files_and_scripts_are_found_below_the_prefix_and_an_edit_touches_no_other_layer(
    bench: Workbench, app: App, image: str
) -> None:
    more = '[project.scripts]\nshop = "shop:main"\n[tool.uv.build-backend.data]\ndata = "assets"\n'
    app.write(
        {
            "pyproject.toml": project("shop", packaged=True, more=more),
            "src/shop/__init__.py": "def main():\n    print('served')\n",
            "assets/etc/shop/shop.ini": "one",
        }
    )
    app.lock()
    bench.build(app, image, previous=BASE)
    program = "import pathlib, sys; print(pathlib.Path(sys.prefix, 'etc/shop/shop.ini').read_text())"
    assert bench.run(image, "python", "-c", program) == "one\n"
    beside = "import pathlib, subprocess, sys; subprocess.run([pathlib.Path(sys.executable).with_name('shop')])"
    assert bench.run(image, "python", "-c", beside) == "served\n"
    app.write({"assets/etc/shop/shop.ini": "two"})
    second = bench.build(app, image)
    assert layer_states(second) | {"snapshots": ""} == {
        "python": "reused", "venv": "reused", "venv-project": "added", "snapshots": ""
    }  # fmt: skip
    assert bench.run(image, "python", "-c", program) == "two\n"
    assert content(second) == clean(bench, app, image)
    app.edit("pyproject.toml", 'shop = "shop:main"', 'other = "shop:main"')
    app.lock()
    third = bench.build(app, image)
    assert layer_states(third)["venv"] == "added"
    assert content(third) == clean(bench, app, image)


def test_settings_of_uv_pip_and_odd_paths_have_no_effect(bench: Workbench, app: App, image: str) -> None:
    odd = "libs/tools [v2] #1;@100%"
    more = '[tool.uv.pip]\ntarget = "lib"\nonly-binary = [":all:"]\n'
    more += f'[tool.uv.sources]\ncore = {{ path = "{odd}" }}\n'
    app.write(
        {
            "pyproject.toml": project("shop", ("core",), packaged=True, more=more),
            "src/shop/__init__.py": "import core\nx = core.x\n",
            f"{odd}/pyproject.toml": project("core", packaged=True),
            f"{odd}/src/core/__init__.py": "x = 'found'\n",
        }
    )
    app.lock()
    bench.build(app, image, previous=BASE, env={"BP_UV_NO_EDITABLE": "true"})
    assert bench.run(image, "python", "-c", "import shop; print(shop.x)") == "found\n"


def test_no_build_does_not_keep_the_project_itself_from_being_installed(bench: Workbench, app: App, image: str) -> None:
    """As after `uv sync --no-editable`, which builds the project all the same (uv 0.13.9)."""
    app.write(
        {
            "pyproject.toml": project("shop", packaged=True, more="[tool.uv]\nno-build = true\n"),
            "src/shop/__init__.py": "x = 'found'\n",
        }
    )
    app.lock()
    bench.build(app, image, previous=BASE, env={"BP_UV_NO_EDITABLE": "true"})
    assert bench.run(image, "python", "-c", "import shop; print(shop.x)") == "found\n"

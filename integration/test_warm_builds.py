"""What a warm build takes from snapshots: only what a clean build would make as well."""

from __future__ import annotations

import base64
from random import Random
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.machine import EMBEDDED
from integration.package_index import sdist, wheel
from integration.workbench import BASE, Workbench, diff_ids, warnings

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

COMPILING = "[tool.uv]\ncompile-bytecode = true\n[tool.uv.pip]\nrequire-hashes = true\n"


def write(app: App, index: PackageIndex, dependencies: tuple[str, ...], *, more: str = "") -> None:
    """Write an app with these dependencies and a package of its own."""
    pyproject = project("warm", dependencies, index=index.address, packaged=True, more=more)
    app.write({"pyproject.toml": pyproject, "src/warm/__init__.py": ""})
    app.lock()


def test_bytecode_that_a_wheel_brings_or_that_is_of_an_odd_name_is_the_same_in_a_clean_build(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    files = {
        "dotted/__init__.py": "",
        "dotted/setup.v2.py": "",
        "dotted/__pycache__/__init__.cpython-38.pyc": "of another Python",
        "dotted/__pycache__/gone.cpython-313.pyc": "of no module",
        "dotted/tests/__init__.py": "",
        "dotted/tests/__pycache__/__init__.cpython-313.pyc": "of a test",
    }
    index.add_wheel("dotted", "1.0", files)
    write(app, index, ("dotted", "alpha==1.0"))
    bench.build(app, image, previous=BASE)
    write(app, index, ("dotted", "alpha==1.1"))
    warm = bench.build(app, image)
    assert "starting from the snapshot" in warm.log
    clean = bench.build(app, f"{image}-clean", previous=BASE)
    assert diff_ids(warm) == diff_ids(clean)


@pytest.mark.platforms(EMBEDDED)
def test_a_snapshot_of_a_heavy_package_counts_only_for_the_version_that_is_locked(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    """A cache that has not seen every image: the upgrade of the heavy package was built on another machine."""
    for version in ("1.0", "2.0"):
        index.add_wheel("hefty", version, {"hefty/__init__.py": f"version = {version!r}\n", "hefty/part.py": ""})
    variables = {"BP_UV_HEAVY_PACKAGES": "hefty", "BP_UV_SNAPSHOTS": "always"}
    here, elsewhere = f"{image}-here", f"{image}-elsewhere"
    write(app, index, ("hefty==1.0", "alpha==1.0"))
    bench.build(app, here, previous=BASE, env=variables)
    write(app, index, ("hefty==2.0", "alpha==1.0"))
    bench.build(app, elsewhere, previous=BASE, env=variables)
    write(app, index, ("hefty==2.0", "alpha==1.1"))
    bench.build(app, f"{image}-third", previous=elsewhere, env=variables, cache=here)
    bench.build(app, f"{image}-fourth", env=variables, cache=here)
    assert bench.run(f"{image}-fourth", "python", "-c", "import hefty; print(hefty.version)") == "2.0\n"


def test_uvs_own_compilation_is_switched_off(bench: Workbench, app: App, image: str, index: PackageIndex) -> None:
    """Its bytecode holds times; that of test suites would stay, since nothing of ours replaces it."""
    index.add_wheel("tested", "1.0", {"tested/__init__.py": "", "tested/tests/__init__.py": "x = 1\n"})
    write(app, index, ("tested",), more=COMPILING)
    bench.build(app, image, previous=BASE)
    found = bench.run(image, "sh", "-c", "find $VIRTUAL_ENV/lib/ -path '*tests/__pycache__*'")
    assert found == ""


def test_of_files_that_several_packages_have_the_same_one_is_installed_in_every_build(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    for number, name in enumerate(names := [f"careless{letter}" for letter in "abcdef"]):
        files = {"careless/__init__.py": f"whose = {name!r}\n", "NOTES": name * number, f"{name}/__init__.py": ""}
        index.add_wheel(name, "1.0", files)
    # First the winner comes, then it goes, together with another one, and with a change that asks for nothing of it.
    for number, dependencies in enumerate((names[:2], names, [*names[:3], "alpha"])):
        write(app, index, tuple(dependencies))
        warm = bench.build(app, image, previous="" if number else BASE)
        clean = bench.build(app, f"{image}-{number}", previous=BASE)
        assert diff_ids(warm) == diff_ids(clean)
        assert "could not be restored" not in warm.log
        found = bench.run(image, "python", "-c", "import careless; print(careless.whose)")
        assert found.strip() == max(set(dependencies) - {"alpha"})


def test_a_package_whose_build_depends_on_its_directory_is_named(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    """uv builds in a directory with a random name."""
    index.add("steady-1.0.tar.gz", sdist("steady", "1.0"))
    index.add("fickle-1.0.tar.gz", sdist("fickle", "1.0", "import os; text = os.getcwd()"))
    write(app, index, ("steady", "fickle"))
    result = bench.build(app, image, previous=BASE)
    assert [line for line in warnings(result.log) if "not built the same way" in line] == [
        "fickle is not built the same way twice: __init__.py names the directory it was built in."
    ]


def test_of_files_that_several_local_packages_have_the_last_ones_is_installed(
    bench: Workbench, app: App, image: str
) -> None:
    names = [f"local{letter}" for letter in "abcdef"]
    sources = "".join(f'{name} = {{ path = "{name}-1.0-py3-none-any.whl" }}\n' for name in names)
    app.write({"pyproject.toml": project("owner", tuple(names), more=f"[tool.uv.sources]\n{sources}"), "main.py": ""})
    for name in names:
        content = wheel(name, "1.0", {"careless.py": f"whose = {name!r}\n", f"{name}/__init__.py": ""})
        (app.directory / f"{name}-1.0-py3-none-any.whl").write_bytes(content)
    app.lock()
    bench.build(app, image, previous=BASE)
    assert bench.run(image, "python", "-c", "import careless; print(careless.whose)") == "localf\n"


def test_a_large_environment_keeps_what_its_heavy_packages_have_in_it(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    """What is light of it is too large for a snapshot; what is heavy is not fetched again for that."""
    bulk = base64.b85encode(Random(0).randbytes(11_000_000)).decode()  # noqa: S311 (it must not be compressible)
    index.add_wheel("bulky", "1.0", {"bulky/__init__.py": "", "bulky/bulk.txt": bulk})
    scripts = {"entry_points.txt": "[console_scripts]\nhefty = hefty:part\n"}
    index.add_wheel("hefty", "1.0", {"hefty/__init__.py": "", "hefty/part.py": "", **scripts})
    variables = {"BP_UV_HEAVY_PACKAGES": "hefty"}
    write(app, index, ("bulky", "hefty", "alpha==1.0"))
    cold = bench.build(app, image, previous=BASE, env=variables)
    assert "keeping a snapshot of a part of venv" in cold.log
    write(app, index, ("bulky", "hefty", "alpha==1.1"))
    warm = bench.build(app, image, env=variables)
    assert "starting from the snapshot" in warm.log
    assert "packages-hefty: reused" in warm.log
    assert "+ bulky==1.0" in warm.log
    assert "hefty==1.0" not in warm.log
    assert diff_ids(warm) == diff_ids(bench.build(app, f"{image}-clean", previous=BASE, env=variables))

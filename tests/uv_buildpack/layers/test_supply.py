"""Local files instead of an index: which are right, what is missing, and the lock that leads to them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.contexts import context_for
from tests.uv_buildpack.trees import PYPROJECT, plant

from cnb import toml
from cnb.bindings import read_bindings
from uv_buildpack.analysis import analyse
from uv_buildpack.errors import FindLinksMissing, Problems
from uv_buildpack.layers.supply import addresses, lead, overlay, survey
from uv_buildpack.project.lockfile import read_lock
from uv_buildpack.uv.find_links import directories

if TYPE_CHECKING:
    from pathlib import Path

    from uv_buildpack.analysis import Analysis
    from uv_buildpack.layers.supply import Supply

WHEEL = "six-1.17.0-py2.py3-none-any.whl"
OTHER = "six-1.17.0-py3-none-any.whl"
LOCK = """
version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "own"
version = "1.0"
source = {{ git = "https://git.example/own?rev=main#0123456" }}

[[package]]
name = "shop"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "six" }}{more}]

[[package]]
name = "six"
version = "1.17.0"
source = {{ registry = "https://index.example/simple" }}
wheels = [
    {{ url = "https://index.example/files/six-1.17.0-py2.py3-none-any.whl", hash = "sha256:{digest}" }},
    {{ url = "https://index.example/files/six-1.17.0-py3-none-any.whl", hash = "sha256:11" }},
]
"""
CONTENT = "a wheel"


def analysis(root: Path, files: dict[str, str], more: str = "") -> Analysis:
    digest = hashlib.sha256(CONTENT.encode()).hexdigest()
    lock = LOCK.format(digest=digest, more=more)
    return analyse(context_for(root, {"pyproject.toml": PYPROJECT, "uv.lock": lock, **files}))


def surveyed(made: Analysis, *places: str) -> Supply:
    project = made.project
    lock = read_lock(project.lock_path, "uv.lock")
    return survey(lock, made.decisions, made.pyprojects, [project.app_dir / place for place in places])


def test_a_file_with_the_hash_of_the_lock_is_at_hand(tmp_path: Path) -> None:
    made = analysis(tmp_path, {f"b/{WHEEL}": CONTENT, "a/README": "", f"b/{OTHER}.bak": ""})
    found = surveyed(made, "a", "b")
    assert found.files == {WHEEL: made.project.app_dir / "b" / WHEEL}
    assert (found.missing, found.wrong) == ((), ())


def test_the_right_one_of_several_copies_counts(tmp_path: Path) -> None:
    made = analysis(tmp_path, {f"a/{WHEEL}": "another", f"b/{WHEEL}": CONTENT})
    found = surveyed(made, "a", "b")
    assert found.files == {WHEEL: made.project.app_dir / "b" / WHEEL}
    assert found.wrong == ()


def test_everything_missing_and_wrong_is_named_at_once(tmp_path: Path) -> None:
    made = analysis(tmp_path, {f"vendor/{WHEEL}": "another"}, more=', { name = "own" }')
    found = surveyed(made, "vendor")
    assert found.files == {}
    assert found.missing == ("own 1.0 comes from a git repository, which needs the network",)
    assert found.wrong == (f"six 1.17.0: {made.project.app_dir}/vendor/{WHEEL} is not the file in the lock",)
    (made.project.app_dir / "vendor" / WHEEL).unlink()
    assert surveyed(made, "vendor").missing[1] == f"six 1.17.0: {WHEEL} or {OTHER} is missing"


def test_uv_gets_a_lock_that_leads_to_the_files_and_the_app_keeps_its_own(tmp_path: Path) -> None:
    files = {f"vendor/{WHEEL}": CONTENT, "packages/lib/pyproject.toml": "", "main.py": "x"}
    made = analysis(tmp_path, files)
    app = made.project.app_dir
    before = (app / "uv.lock").read_bytes()
    target = overlay(made.project, surveyed(made, "vendor").files, tmp_path / "copy")
    assert target == tmp_path / "copy"
    assert (target / "main.py").readlink() == app / "main.py"
    assert (target / "packages").readlink() == app / "packages"
    document = toml.load(target / "uv.lock")
    (six,) = (package for package in document["package"] if package["name"] == "six")
    assert [wheel["url"] for wheel in six["wheels"]] == [(app / "vendor" / WHEEL).as_uri()]
    assert (app / "uv.lock").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "led"),
    [("six-1.0-py3-none-any.whl", "wheels"), ("six-1.0.tar.gz", "sdist")],
)
def test_a_package_from_an_address_of_a_pylock_leads_to_its_file(tmp_path: Path, name: str, led: str) -> None:
    package = {"name": "six", "archive": {"url": f"https://files.example/{name}", "hashes": {"sha256": "00"}}}
    lead(package, {name: tmp_path / name})
    entry = {"url": (tmp_path / name).as_uri(), "hashes": {"sha256": "00"}}
    assert package == {"name": "six", led: [entry] if led == "wheels" else entry}


def test_a_directory_of_an_archive_stays_as_it_is(tmp_path: Path) -> None:
    archive = {"url": "https://files.example/six.zip", "subdirectory": "six", "hashes": {"sha256": "00"}}
    package = {"name": "six", "archive": archive}
    lead(package, {"six.zip": tmp_path / "six.zip"})
    assert package == {"name": "six", "archive": archive}


def test_the_way_to_a_project_in_a_workspace_is_made_of_directories(tmp_path: Path) -> None:
    member = {"services/api/pyproject.toml": PYPROJECT.replace("shop", "api"), "services/web/pyproject.toml": PYPROJECT}
    root = '[tool.uv.workspace]\nmembers = ["services/*"]\n'
    lock = 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n[manifest]\nmembers = ["api", "shop"]\n' + "".join(
        f'[[package]]\nname = "{name}"\nversion = "0.1.0"\nsource = {{ virtual = "services/{place}" }}\n'
        for name, place in (("api", "api"), ("shop", "web"))
    )
    files = {"pyproject.toml": root, "uv.lock": lock, **member, "services/api/main.py": ""}
    made = analyse(context_for(tmp_path, files, {"BP_UV_PROJECT_DIR": "services/api"}))
    target = overlay(made.project, {}, tmp_path / "copy")
    assert target == tmp_path / "copy/services/api"
    assert not any(path.is_symlink() for path in (target, target.parent))
    assert (target / "main.py").is_symlink()
    assert (tmp_path / "copy/services/web").is_symlink()
    assert not (tmp_path / "copy/uv.lock").is_symlink()


def test_directories_are_in_the_app_or_absolute_or_bindings(tmp_path: Path) -> None:
    plant(tmp_path, {"app/vendor/x": "", "volume/x": "", "bindings/wheels/type": "any", "bindings/wheels/a.whl": ""})
    bound = read_bindings(tmp_path / "bindings")
    found = directories(["vendor", str(tmp_path / "volume"), "wheels"], tmp_path / "app", bound)
    assert found == (tmp_path / "app/vendor", tmp_path / "volume", tmp_path / "bindings/wheels")
    with pytest.raises(Problems) as raised:
        directories(["none", "nothing"], tmp_path / "app", bound)
    assert [type(problem) for problem in raised.value.problems] == [FindLinksMissing, FindLinksMissing]


@pytest.mark.parametrize("algorithm", ["sha999", "shake_128", ""])
def test_a_hash_that_nobody_knows_is_never_right(tmp_path: Path, algorithm: str) -> None:
    lock = LOCK.format(digest="00", more="").replace("sha256:", f"{algorithm}:")
    files = {"pyproject.toml": PYPROJECT, "uv.lock": lock, f"vendor/{WHEEL}": CONTENT}
    assert len(surveyed(analyse(context_for(tmp_path, files)), "vendor").wrong) == 1


DIRECT = """

[[package]]
name = "direct"
version = "1.0"
source = {{ url = "https://user:word@files.example/direct-1.0.tar.gz" }}
sdist = {{ hash = "sha256:{digest}" }}

[[package]]
name = "part"
version = "1.0"
source = {{ url = "https://files.example/part-1.0.tar.gz", subdirectory = "part" }}
sdist = {{ hash = "sha256:{digest}" }}

[[package]]
name = "user"
version = "1.0"
source = {{ virtual = "user" }}
dependencies = [{{ name = "direct", source = {{ url = "https://user:word@files.example/direct-1.0.tar.gz" }} }}]
"""


def test_a_package_from_an_address_comes_from_a_file_under_its_name(tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT.encode()).hexdigest()
    lock = LOCK.format(digest=digest, more=', { name = "direct" }, { name = "part" }') + DIRECT.format(digest=digest)
    files = {"vendor/direct-1.0.tar.gz": CONTENT, "vendor/part-1.0.tar.gz": CONTENT, f"vendor/{WHEEL}": CONTENT}
    user = PYPROJECT.replace("shop", "user")
    made = analyse(
        context_for(tmp_path, {"pyproject.toml": PYPROJECT, "uv.lock": lock, "user/pyproject.toml": user, **files})
    )
    found = surveyed(made, "vendor")
    assert set(found.files) == {"direct-1.0.tar.gz", WHEEL}
    assert found.missing == (
        "part 1.0 is a directory of an archive (https://files.example/part-1.0.tar.gz#part), which needs the network",
    )
    whole = read_lock(made.project.lock_path, "uv.lock")
    assert addresses(whole, found.files) == {"direct": "https://files.example/direct-1.0.tar.gz"}
    document = toml.load(overlay(made.project, found.files, tmp_path / "copy") / "uv.lock")
    packages = {package["name"]: package for package in document["package"]}
    at_hand = (made.project.app_dir / "vendor/direct-1.0.tar.gz").as_uri()
    assert packages["direct"]["sdist"] == {"hash": f"sha256:{digest}", "url": at_hand}
    assert "registry" in packages["direct"]["source"]
    assert packages["user"]["dependencies"][0]["source"] == packages["direct"]["source"]
    assert "url" in packages["part"]["source"]

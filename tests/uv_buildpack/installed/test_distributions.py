"""What is installed, by the `dist-info` directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.installed.distributions import RecordedFile, parents, read

if TYPE_CHECKING:
    from pathlib import Path

RECORD = """six.py,sha256=abc,1234
../../../bin/six,sha256=def,10
"a, b.py",sha256=ghi,1
__pycache__/six.cpython-313.pyc,,
short.py
half.py,sha256=jkl

six-1.16.0.dist-info/RECORD,,
"""


def test_names_and_versions_are_those_of_the_directories(tmp_path: Path) -> None:
    for name in ("six-1.16.0.dist-info", "Typing_Extensions-4.0.dist-info", "zope.interface-7.1.dist-info", "six"):
        (tmp_path / name).mkdir()
    found = [(each.name, each.version) for each in read(tmp_path).distributions]
    assert found == [("six", "1.16.0"), ("typing-extensions", "4.0"), ("zope-interface", "7.1")]


def test_those_that_are_named_are_given(tmp_path: Path) -> None:
    for name in ("six-1.16.0.dist-info", "Typing_Extensions-4.0.dist-info"):
        (tmp_path / name).mkdir()
    assert [each.name for each in read(tmp_path).named({"typing-extensions", "gone"})] == ["typing-extensions"]


def test_the_record_lists_paths_hashes_and_sizes(tmp_path: Path) -> None:
    plant(tmp_path, {"six-1.16.0.dist-info/RECORD": RECORD})
    (distribution,) = read(tmp_path).distributions
    assert distribution.files == (
        RecordedFile("six.py", "sha256=abc", 1234),
        RecordedFile("../../../bin/six", "sha256=def", 10),
        RecordedFile("a, b.py", "sha256=ghi", 1),
        RecordedFile("__pycache__/six.cpython-313.pyc", "", None),
        RecordedFile("short.py", "", None),
        RecordedFile("half.py", "sha256=jkl", None),
        RecordedFile("six-1.16.0.dist-info/RECORD", "", None),
    )


def test_the_record_is_read_once(tmp_path: Path) -> None:
    plant(tmp_path, {"six-1.16.0.dist-info/RECORD": RECORD})
    (distribution,) = read(tmp_path).distributions
    before = distribution.files
    plant(tmp_path, {"six-1.16.0.dist-info/RECORD": ""})
    assert distribution.files == before


def test_names_that_are_no_text_can_be_opened(tmp_path: Path) -> None:
    name = b"caf\xe9.py"
    (tmp_path / "six-1.16.0.dist-info").mkdir()
    (tmp_path / "six-1.16.0.dist-info" / "RECORD").write_bytes(name + b",,\n")
    (tmp_path / name.decode("utf-8", "surrogateescape")).write_text("1")
    ((file,),) = (each.files for each in read(tmp_path).distributions)
    assert (tmp_path / file.path).read_text() == "1"


@pytest.mark.parametrize(("files", "content"), [({"WHEEL": "Tag: x\n"}, b"Tag: x\n"), ({"METADATA": ""}, b"")])
def test_a_file_that_is_not_there_is_empty(tmp_path: Path, files: dict[str, str], content: bytes) -> None:
    plant(tmp_path, {f"six-1.16.0.dist-info/{name}": text for name, text in files.items()})
    (distribution,) = read(tmp_path).distributions
    assert distribution.content("WHEEL") == content
    assert distribution.files == ()


def test_the_files_of_a_distribution_are_those_that_are_there(tmp_path: Path) -> None:
    plant(tmp_path / "lib", {"six-1.16.0.dist-info/RECORD": RECORD, "six.py": "", "other-1.dist-info/RECORD": "o.py,,"})
    plant(tmp_path / "lib", {"o.py": ""})
    expected = ["six.py", "six-1.16.0.dist-info/RECORD"]
    assert list(read(tmp_path / "lib").files_of({"six"})) == [tmp_path / "lib" / name for name in expected]


def test_files_behind_a_link_are_none_of_the_environment(tmp_path: Path) -> None:
    record = "heavy/deep/a.py,,\nlight/a.py,,\n../../bin/heavy,,\n"
    place = plant(tmp_path / "lib/site", {"heavy-1.dist-info/RECORD": record, "light/a.py": ""})
    plant(tmp_path, {"away/deep/a.py": "", "programs/heavy": ""})
    (place / "heavy").symlink_to(tmp_path / "away")
    # A link above site-packages is not one to the layer of a heavy package.
    (tmp_path / "bin").symlink_to(tmp_path / "programs")
    assert [str(path.relative_to(place)) for path in read(place).files_of({"heavy"})] == [
        "light/a.py",
        "../../bin/heavy",
    ]


def test_the_directories_above_a_file_are_those_inside_of_site_packages() -> None:
    assert list(parents("a/b/c.py")) == ["a/b", "a"]
    assert list(parents("a.py")) == []

"""Environment directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnb_platform import environment
from cnb_platform.environment import Place

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        directory.joinpath(name.replace("__", ".")).write_text(content)
    return directory


@pytest.mark.parametrize(
    ("files", "before", "after"),
    [
        ({"A": "1"}, {"A": "0"}, "1"),
        ({"A__override": "1"}, {"A": "0"}, "1"),
        ({"A__default": "1"}, {"A": "0"}, "0"),
        ({"A__default": "1"}, {"A": ""}, "1"),
        ({"A__default": "1"}, {}, "1"),
        ({"A__prepend": "1"}, {"A": "0"}, "10"),
        ({"A__prepend": "1", "A__delim": ":"}, {"A": "0"}, "1:0"),
        ({"A__prepend": "1", "A__delim": ":"}, {"A": ""}, "1"),
        ({"A__append": "1", "A__delim": ", "}, {"A": "0"}, "0, 1"),
        ({"A__append": "1", "A__override": "x"}, {"A": "0"}, "x"),
        ({"A": "1\n"}, {}, "1\n"),
    ],
)
def test_a_suffix_says_what_happens(tmp_path: Path, files: dict[str, str], before: dict[str, str], after: str) -> None:
    variables = dict(before)
    environment.apply_directory(variables, write(tmp_path, **files))
    assert variables == {"A": after}


def test_unknown_suffixes_and_directories_are_ignored(tmp_path: Path) -> None:
    write(tmp_path, A__bar__prepend="1", B__delim=":")
    (tmp_path / "C").mkdir()
    (tmp_path / "D").symlink_to(tmp_path / "C")
    variables: dict[str, str] = {}
    environment.apply_directory(variables, tmp_path)
    environment.apply_directory(variables, tmp_path / "missing")
    assert variables == {}


def test_an_operator_s_plain_file_is_a_default(tmp_path: Path) -> None:
    variables = {"A": "user"}
    environment.apply_directory(variables, write(tmp_path, A="operator", B="operator"), unmarked="default")
    assert variables == {"A": "user", "B": "operator"}


def test_only_path_variables_of_the_user_are_put_in_front(tmp_path: Path) -> None:
    variables = {"PATH": "/bin", "A": "0"}
    environment.apply_platform(variables, write(tmp_path, PATH="/user/bin", A="1", LD_LIBRARY_PATH="/lib"))
    assert variables == {"PATH": "/user/bin:/bin", "A": "1", "LD_LIBRARY_PATH": "/lib"}


def test_a_build_layer_gives_its_directories_and_variables(tmp_path: Path) -> None:
    for name in ("bin", "lib", "include", "pkgconfig"):
        (tmp_path / name).mkdir()
    write(tmp_path / "env", A="env")
    write(tmp_path / "env.build", A__append="+build")
    write(tmp_path / "env.launch", A="launch")
    variables = {"PATH": "/bin"}
    environment.apply_build_layer(variables, Place(tmp_path, "/layers/x"))
    assert variables == {
        "PATH": "/layers/x/bin:/bin",
        "LD_LIBRARY_PATH": "/layers/x/lib",
        "LIBRARY_PATH": "/layers/x/lib",
        "CPATH": "/layers/x/include",
        "PKG_CONFIG_PATH": "/layers/x/pkgconfig",
        "A": "env+build",
    }


def test_only_allow_listed_variables_are_inherited() -> None:
    caller = {"PATH": "/bin", "HOME": "/h", "LANG": "C", "TMPDIR": "/t", "UV_INDEX": "x", "https_proxy": "p"}
    assert environment.allowed(caller) == {"PATH": "/bin", "HOME": "/h", "https_proxy": "p"}

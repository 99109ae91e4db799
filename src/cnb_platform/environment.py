"""Environment directories: how buildpacks, users and operators change a process's environment.

Buildpack specification, "Environment": https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#environment
The same rules serve the build and the launch; which variables pass is https://github.com/buildpacks/lifecycle/blob/v0.21.17/env/build.go
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ALLOWED = (
    "PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH", "CNB_STACK_ID", "HOSTNAME", "HOME",
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip
PATH_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH")
BUILD_DIRECTORIES = (
    ("bin", ("PATH",)),
    ("lib", ("LD_LIBRARY_PATH", "LIBRARY_PATH")),
    ("include", ("CPATH",)),
    ("pkgconfig", ("PKG_CONFIG_PATH",)),
)
LAUNCH_DIRECTORIES = (("bin", ("PATH",)), ("lib", ("LD_LIBRARY_PATH",)))


@dataclass(frozen=True, slots=True)
class Place:
    """A directory by its two names: where this process sees it, and where phases and the image see it."""

    host: Path
    inside: str

    def below(self, *names: str) -> "Place":
        """Return a path below this one."""
        return Place(self.host.joinpath(*names), "/".join((self.inside, *names)))


def allowed(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the only variables of its own environment that a phase passes on to buildpacks."""
    return {name: variables[name] for name in ALLOWED if name in variables}


def prepend(environment: dict[str, str], name: str, value: str, delimiter: str = ":") -> None:
    """Put `value` before what the variable holds; an empty old value needs no delimiter."""
    old = environment.get(name, "")
    environment[name] = f"{value}{delimiter}{old}" if old else value


def _append(environment: dict[str, str], name: str, value: str, delimiter: str) -> None:
    old = environment.get(name, "")
    environment[name] = f"{old}{delimiter}{value}" if old else value


def apply_directory(environment: dict[str, str], directory: Path, unmarked: str = "override") -> None:
    """Apply the files of one environment directory, in byte order; `unmarked` is the action of names without suffix.

    Unknown suffixes, directories and links to directories are ignored, contents are taken verbatim.
    """
    files = dict(_files(directory))
    for file_name, value in files.items():
        name, dot, suffix = file_name.partition(".")
        delimiter = files.get(f"{name}.delim", "")
        _act(environment, name, value, suffix if dot else unmarked, delimiter)


def _act(environment: dict[str, str], name: str, value: str, action: str, delimiter: str) -> None:
    match action:
        case "override":
            environment[name] = value
        case "default" if not environment.get(name):
            environment[name] = value
        case "prepend":
            prepend(environment, name, value, delimiter)
        case "append":
            _append(environment, name, value, delimiter)


def _files(directory: Path) -> Iterator[tuple[str, str]]:
    try:
        children = sorted(os.scandir(directory), key=lambda child: os.fsencode(child.name))
    except (FileNotFoundError, NotADirectoryError):
        return
    for child in children:
        if not child.is_dir():
            yield child.name, os.fsdecode(Path(child.path).read_bytes())


def apply_root_directories(
    environment: dict[str, str], layer: Place, table: Iterable[tuple[str, tuple[str, ...]]]
) -> None:
    """Prepend a layer's bin, lib, … to the variables that belong to them."""
    for name, variables in table:
        if layer.host.joinpath(name).is_dir():
            for variable in variables:
                prepend(environment, variable, f"{layer.inside}/{name}")


def apply_build_layer(environment: dict[str, str], layer: Place) -> None:
    """Apply what a `build = true` layer gives to later buildpacks."""
    apply_root_directories(environment, layer, BUILD_DIRECTORIES)
    apply_directory(environment, layer.host / "env")
    apply_directory(environment, layer.host / "env.build")


def apply_launch_layer(environment: dict[str, str], layer: Path, process_type: str) -> None:
    """Apply what a layer's environment directories give to a process (bin and lib of all layers come before)."""
    apply_directory(environment, layer / "env")
    apply_directory(environment, layer / "env.launch")
    if process_type:
        apply_directory(environment, layer / "env.launch" / process_type)


def apply_platform(environment: dict[str, str], directory: Path) -> None:
    """Apply the user's variables: they replace others, except that path variables are prepended."""
    for name, value in _files(directory):
        if name in PATH_VARIABLES:
            prepend(environment, name, value)
        else:
            environment[name] = value

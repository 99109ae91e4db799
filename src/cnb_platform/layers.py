"""What a buildpack left in its layers directory, read and checked when it has finished.

Buildpack specification, "Layer Content Metadata (TOML)" and "Software-Bill-of-Materials":
https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnb import toml
from cnb_platform.buildpack import Buildpack
from cnb_platform.errors import ContractBroken

RESERVED = ("build", "launch", "store")
TYPES = ("build", "cache", "launch")
SBOM_TYPES = {
    "cdx.json": "application/vnd.cyclonedx+json",
    "spdx.json": "application/spdx+json",
    "syft.json": "application/vnd.syft+json",
}
_SECTION = "Layer Content Metadata (TOML)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A declared layer; `path` may have no directory."""

    name: str
    path: Path
    build: bool
    launch: bool
    cache: bool
    data: Mapping[str, Any] | None

    @property
    def has_contents(self) -> bool:
        """Whether the buildpack left a directory."""
        return self.path.is_dir()


def read_layers(directory: Path, buildpack: Buildpack) -> tuple[Layer, ...]:
    """Return the layers that `<layer>.toml` files declare, by name. Raises ContractBroken."""
    names = sorted((path.name.removesuffix(".toml") for path in directory.glob("*.toml")), key=str.encode)
    return tuple(_read_layer(directory, name, buildpack) for name in names if name not in RESERVED)


def _read_layer(directory: Path, name: str, buildpack: Buildpack) -> Layer:
    document = load(directory / f"{name}.toml", buildpack, _SECTION)

    def broken(problem: str) -> ContractBroken:
        return ContractBroken(buildpack=buildpack.key, section=_SECTION, problem=f"{name}.toml: {problem}")

    misplaced = [key for key in TYPES if key in document]
    if misplaced:
        message = f"{', '.join(misplaced)} must be in the [types] table"
        raise broken(message)
    types, data = document.get("types", {}), document.get("metadata")
    if not isinstance(types, dict) or not all(isinstance(types.get(key, False), bool) for key in TYPES):
        message = "[types] must be a table of booleans"
        raise broken(message)
    if data is not None and not isinstance(data, dict):
        message = "metadata must be a table"
        raise broken(message)
    return Layer(
        name=name,
        path=directory / name,
        build=types.get("build", False),
        launch=types.get("launch", False),
        cache=types.get("cache", False),
        data=data,
    )


def load(path: Path, buildpack: Buildpack, section: str) -> dict[str, Any]:
    """Return a TOML file that a buildpack wrote; empty if there is none. Raises ContractBroken: not TOML 1.0."""
    try:
        return toml.load(path)
    except FileNotFoundError:
        return {}
    except toml.TOMLError as error:
        problem = f"{path.name} is not TOML: {error}"
        raise ContractBroken(buildpack=buildpack.key, section=section, problem=problem) from error


def set_aside(layers: tuple[Layer, ...]) -> None:
    """Rename the directories of layers with no type to `<layer>.ignore`."""
    for layer in layers:
        if not (layer.build or layer.launch or layer.cache) and layer.has_contents:
            layer.path.rename(layer.path.with_name(f"{layer.name}.ignore"))


def check_reserved(directory: Path, buildpack: Buildpack) -> None:
    """Refuse layers called build, launch or store. Raises ContractBroken."""
    for name in RESERVED:
        if (directory / name).is_dir():
            problem = f"a layer must not be called {name!r}: {name}.toml has a meaning of its own"
            raise ContractBroken(buildpack=buildpack.key, section="Layer Types", problem=problem)


def sbom_files(directory: Path) -> Iterator[tuple[str, str, Path]]:
    """Return the SBOM files: name of the layer (or launch, build), extension, path."""
    for path in sorted(directory.glob("*.sbom.*.json")):
        name, _, extension = path.name.partition(".sbom.")
        yield name, extension, path


def check_sboms(directory: Path, buildpack: Buildpack) -> None:
    """Check that buildpack.toml declares the format of every SBOM file. Raises ContractBroken."""
    declared = {media_type.partition(";")[0].strip() for media_type in buildpack.sbom_formats}
    for _, extension, path in sbom_files(directory):
        media_type = SBOM_TYPES.get(extension)
        if media_type not in declared:
            problem = (
                f"{path.name}: undeclared SBOM media type {media_type or extension!r}; sbom-formats has {declared}"
            )
            raise ContractBroken(buildpack=buildpack.key, section="Software-Bill-of-Materials", problem=problem)

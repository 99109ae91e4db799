"""What the lifecycle tells a build: environment variables, positional arguments and files.

Buildpack specification, "Build": https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#build
Both forms are read: `CNB_*` variables (Buildpack API 0.8 on) and positional arguments, which lifecycle 0.21 still
passes (https://github.com/buildpacks/lifecycle/blob/v0.21.17/buildpack/build.go); a variable wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnb import toml
from cnb.bindings import Binding, read_bindings
from cnb.detection import ContextError, input_path, user_environment
from cnb.documents import Table
from cnb.layer import RestoredLayer, SBOMFormat
from cnb.plan import PlanEntry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The image that is built for. Fields are empty where the platform does not say."""

    os: str
    """`linux`."""
    arch: str
    """As Go names it: `amd64`, `arm64`."""
    arch_variant: str = ""
    """`v8` and the like."""
    distro_name: str = ""
    """`ID` of /etc/os-release in the run image: `debian`, `ubuntu`, …"""
    distro_version: str = ""
    """`VERSION_ID` of /etc/os-release in the run image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildpack:
    """The buildpack that runs: its directory (read-only) and `buildpack.toml`."""

    directory: Path
    """`CNB_BUILDPACK_DIR`, absolute."""
    api: str
    """Buildpack API, such as `0.10`."""
    id: str
    """Such as `uv-buildpack/python`."""
    version: str
    """`X.Y.Z`."""
    homepage: str
    """Empty where `buildpack.toml` names none."""
    clear_env: bool
    """Whether the lifecycle keeps the user's variables out of the environment; their files stay readable."""
    sbom_formats: tuple[str, ...]
    """Media types of the SBOM files that the lifecycle accepts from this buildpack."""
    metadata: Mapping[str, Any]
    """The `[metadata]` table of `buildpack.toml`, for the buildpack's own use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """Input of `bin/build`."""

    app_dir: Path
    """The application's source, absolute: the working directory of `bin/build`."""
    layers_dir: Path
    """Where this buildpack writes its layers and their metadata, absolute."""
    platform_dir: Path
    """`env/` and `bindings/` of the platform, absolute."""
    environment: Mapping[str, str]
    """The process environment with the user's variables; with `clear-env` those of `<platform>/env` are added."""
    buildpack: Buildpack
    """The running buildpack."""
    target: Target
    """The image that is built for."""
    plan: tuple[PlanEntry, ...]
    """What buildpacks of the group require of this one, in the order of the group; names may repeat."""
    bindings: tuple[Binding, ...]
    """The service bindings of the build, by name."""
    store: Mapping[str, Any]
    """What the previous build put into `store.toml`; numbers come back as floats."""
    restored: Mapping[str, RestoredLayer]
    """Layers of the previous build whose metadata the platform restored, by name."""


def build_context(arguments: Sequence[str], environment: Mapping[str, str], app_dir: Path) -> BuildContext:
    """Make the input of a build from `bin/build <layers> <platform> <plan>` and `CNB_*`.

    Raises `ContextError`, `OSError`; and `cnb.toml.TOMLError`, `cnb.documents.DocumentError` where a file of the
    platform or buildpack.toml is broken.
    """
    layers_dir = input_path("CNB_LAYERS_DIR", environment, arguments, 0)
    platform_dir = input_path("CNB_PLATFORM_DIR", environment, arguments, 1)
    plan_path = input_path("CNB_BP_PLAN_PATH", environment, arguments, 2)
    combined = user_environment(platform_dir, environment)
    return BuildContext(
        app_dir=app_dir,
        layers_dir=layers_dir,
        platform_dir=platform_dir,
        environment=combined,
        buildpack=read_buildpack(input_path("CNB_BUILDPACK_DIR", environment, (), 0)),
        target=_target(environment),
        plan=_plan(plan_path),
        bindings=read_bindings(_bindings_root(platform_dir, combined)),
        store=_store(layers_dir / "store.toml"),
        restored=_restored(layers_dir),
    )


def read_buildpack(directory: Path) -> Buildpack:
    """Read `<directory>/buildpack.toml`. Raises `ContextError`, `cnb.toml.TOMLError`, `OSError`."""
    document = toml.load(directory / "buildpack.toml")
    try:
        table = document["buildpack"]
        return Buildpack(
            directory=directory,
            api=document["api"],
            id=table["id"],
            version=table["version"],
            homepage=str(table.get("homepage", "")),
            clear_env=bool(table.get("clear-env", False)),
            sbom_formats=tuple(table.get("sbom-formats", ())),
            metadata=document.get("metadata", {}),
        )
    except KeyError as error:
        message = f"{directory / 'buildpack.toml'}: {error.args[0]} is missing"
        raise ContextError(message) from error


def _target(environment: Mapping[str, str]) -> Target:
    return Target(
        os=environment.get("CNB_TARGET_OS", "linux"),
        arch=environment.get("CNB_TARGET_ARCH", ""),
        arch_variant=environment.get("CNB_TARGET_ARCH_VARIANT", ""),
        distro_name=environment.get("CNB_TARGET_DISTRO_NAME", ""),
        distro_version=environment.get("CNB_TARGET_DISTRO_VERSION", ""),
    )


def _plan(path: Path) -> tuple[PlanEntry, ...]:
    entries = Table(toml.load(path), str(path)).tables("entries")
    return tuple(PlanEntry(entry.text("name"), entry.table("metadata").values) for entry in entries)


def _bindings_root(platform_dir: Path, environment: Mapping[str, str]) -> Path:
    root = environment.get("SERVICE_BINDING_ROOT")
    return Path(root) if root else platform_dir / "bindings"


def _store(path: Path) -> Mapping[str, Any]:
    return Table(toml.load(path), str(path)).table("metadata").values if path.is_file() else {}


def _restored(layers_dir: Path) -> dict[str, RestoredLayer]:
    """Read each `<layer>.toml`. What is broken or unreadable counts as not restored: it cannot be trusted."""
    if not layers_dir.is_dir():
        return {}
    restored = {}
    for path in sorted(layers_dir.glob("*.toml")):
        if path.stem in {"launch", "build", "store"}:
            continue
        try:
            metadata = Table(toml.load(path), str(path)).table("metadata").values
            sboms = _sboms(layers_dir, path.stem)
        except (ValueError, OSError):
            continue
        directory = layers_dir / path.stem
        restored[path.stem] = RestoredLayer(path.stem, metadata, directory if directory.is_dir() else None, sboms)
    return restored


def _sboms(layers_dir: Path, name: str) -> dict[SBOMFormat, bytes]:
    files = ((kind, layers_dir / f"{name}.sbom.{kind.value}") for kind in SBOMFormat)
    return {kind: path.read_bytes() for kind, path in files if path.is_file()}

"""What a build is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cnb_platform.export import CREATED
from cnb_platform.tar import Owner

PLATFORM_APIS = tuple(f"0.{minor}" for minor in range(7, 16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to build and how; paths of this machine. See `cnb-platform build --help` for each."""

    app: Path
    buildpacks: tuple[Path, ...]
    image: Path
    order: Path | None = None
    previous_image: Path | None = None
    cache: Path | None = None
    layers_dir: Path | None = None
    app_dir: Path | None = None
    run_image: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    bindings: tuple[Path, ...] = ()
    build_config: Path | None = None
    container: str = ""
    volumes: tuple[str, ...] = ()
    docker: str = ""
    platform_api: str = "0.15"
    clear_cache: bool = False
    tags: tuple[str, ...] = ()
    umask: int = 0o022
    owner: Owner | None = None
    launcher: Path | None = None
    created: str = CREATED

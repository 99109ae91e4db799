"""What a build is asked for, apart from the application's files."""

from __future__ import annotations

from dataclasses import dataclass

from integration.campaign.packages import HEAVY_THRESHOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What decides the image: a clean build with equal choices and files is the same build."""

    python: str = ""
    patched: bool = False
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    no_editable: bool = False
    heavy: str = HEAVY_THRESHOLD
    platform_api: str = "0.15"
    place: int = 0
    """Which of the layers and application directories."""

    def variables(self) -> dict[str, str]:
        """Return the settings that say so."""
        chosen = {
            "BP_PYTHON_VERSION": self.python,
            "BP_UV_GROUPS": ",".join(self.groups),
            "BP_UV_EXTRAS": ",".join(self.extras),
            "BP_UV_PACKAGE": ",".join(self.packages),
            "BP_UV_NO_EDITABLE": "true" if self.no_editable else "",
            "BP_UV_HEAVY_PACKAGES": "" if self.heavy == "auto" else self.heavy,
        }
        return {name: value for name, value in chosen.items() if value}

    def sync_options(self) -> list[str]:
        """Return the same choice as options of `uv sync` and `uv export`."""
        words = [word for name in self.groups for word in ("--group", name)]
        words += ["--all-extras"] if "*" in self.extras else [w for name in self.extras for w in ("--extra", name)]
        return words + [word for name in self.packages for word in ("--package", name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What must not make a difference."""

    image: str = "image-0"
    previous: str = ""
    cache: str = "cache-0"
    snapshots: str = "auto"
    umask: int = 0o022
    uid: int = 1000

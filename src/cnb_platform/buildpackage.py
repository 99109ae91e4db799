"""Buildpack packages: `.cnb` files, which are tars of OCI image layouts.

Distribution specification, "Buildpackage": https://github.com/buildpacks/spec/blob/main/distribution.md
"""

import tarfile
from pathlib import Path

from cnb_platform import go_json, oci
from cnb_platform.errors import AnalysisFailed, UnusableArgument
from cnb_platform.extract import UnsafeArchive, extract
from cnb_platform.run_image import this_architecture

_LAYERS_LABEL = "io.buildpacks.buildpack.layers"
_INSIDE = "/cnb/buildpacks"


def unpack(package: Path, target: Path) -> list[Path]:
    """Unpack a `.cnb` file below `target`; returns the directories of its buildpacks, the package's own one first.

    Raises UnusableArgument where the file is not a buildpack package.
    """
    layout, contents = target / "layout", target / "buildpacks"
    try:
        with package.open("rb") as opened:
            extract(opened, {"/": layout})
        image = oci.read(layout, this_architecture())
        for blob in image.layers:
            with blob.open_tar() as archive:
                extract(archive, {_INSIDE: contents})
        about = go_json.loads(image.labels["io.buildpacks.buildpackage.metadata"])
        versions = go_json.loads(image.labels[_LAYERS_LABEL])
    except (OSError, tarfile.TarError, UnsafeArchive, AnalysisFailed, KeyError, ValueError) as error:
        raise UnusableArgument(f"{package} is not a buildpack package: {error}") from error
    own = (about["id"], about["version"])
    keys = sorted(((name, v) for name, table in versions.items() for v in table), key=lambda key: key != own)
    return [contents / name.replace("/", "_") / version for name, version in keys]

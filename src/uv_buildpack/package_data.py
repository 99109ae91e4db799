"""The one way to the files in `data/`, which lie in a zip archive when the buildpack is packaged."""

from __future__ import annotations

import pkgutil


def read(name: str) -> str:
    """Return a file of the package's `data` directory. Raises `OSError`.

    By the loader of this package, which knows the archive; `importlib.resources` reads its directory again, 8 ms.
    """
    content = pkgutil.get_data("uv_buildpack", f"data/{name}")
    if content is None:
        raise FileNotFoundError(name)
    return content.decode("utf-8")

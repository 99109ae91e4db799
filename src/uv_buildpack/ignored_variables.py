"""Variables that a user may expect to have an effect here and that have none: each is named in a warning.

What begins with `UV_` and neither reaches uv nor is a setting of this buildpack has none, whether uv knows it or not.
What uv does with its variables elsewhere: https://docs.astral.sh/uv/reference/environment/
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from uv_buildpack import log, package_data
from uv_buildpack.configuration import nearest, variables
from uv_buildpack.uv import running

if TYPE_CHECKING:
    from collections.abc import Mapping


def warn(environment: Mapping[str, str]) -> None:
    """Warn of variables that are misspelled, or that the user may expect to have an effect here."""
    known = variables()
    for name in sorted(environment):
        if re.match(r"BP_(UV|PYTHON|LOG|DJANGO)_", name) and name not in known:
            log.warning(f"{name} is not a variable of this buildpack and has no effect.", *nearest(name, known))
    for name in sorted(set(environment) & set(IGNORED)):
        log.warning(f"{name} has no effect on the build.", IGNORED[name])
    others = [name for name in sorted(environment) if name.startswith("UV_") and name not in {*IGNORED, *known}]
    if others := [name for name in others if name not in _TAKEN and not running.passes(name)]:
        _warn_of_others(others)


def _warn_of_others(names: list[str]) -> None:
    document = json.loads(package_data.read("uv_variables.json"))
    uv_knows = set(document["variables"])
    if known := [name for name in names if name in uv_knows]:
        log.warning(
            f"{', '.join(known)}: no effect on the build.", "The buildpack sets what uv does, apart from its settings."
        )
    for name in names:
        if name not in uv_knows:
            log.warning(
                f"{name} is not a variable of uv {document['version']} and has no effect.", *nearest(name, uv_knows)
            )


_TAKEN = frozenset({"UV_PROJECT_ENVIRONMENT", "UV_INSTALLER_GITHUB_BASE_URL"})
_CHOSEN_BY_LOCK = "The lock is always installed as it is."
_CHOSEN_BY_LAYER = "The environment and its interpreter are this buildpack's layers."
IGNORED = {
    "UV_NO_DEV": "Default groups are always left out; BP_UV_GROUPS chooses the groups to install.",
    "UV_DEV": "Use BP_UV_GROUPS=dev to install the group.",
    "UV_NO_GROUP": "Groups are left out unless BP_UV_GROUPS names them.",
    "UV_NO_DEFAULT_GROUPS": "Default groups are always left out; BP_UV_GROUPS chooses the groups to install.",
    "UV_NO_EDITABLE": "Use BP_UV_NO_EDITABLE.",
    "UV_NO_INSTALL_PROJECT": "Use BP_UV_PACKAGE to choose what is installed.",
    "UV_NO_INSTALL_WORKSPACE": "Use BP_UV_PACKAGE to choose what is installed.",
    "UV_NO_INSTALL_LOCAL": "Use BP_UV_PACKAGE to choose what is installed.",
    "UV_FROZEN": _CHOSEN_BY_LOCK,
    "UV_LOCKED": _CHOSEN_BY_LOCK,
    "UV_RESOLUTION": _CHOSEN_BY_LOCK,
    "UV_PRERELEASE": _CHOSEN_BY_LOCK,
    "UV_EXCLUDE_NEWER": _CHOSEN_BY_LOCK,
    "UV_TORCH_BACKEND": _CHOSEN_BY_LOCK,
    "UV_NO_SOURCES": _CHOSEN_BY_LOCK,
    "UV_CONSTRAINT": _CHOSEN_BY_LOCK,
    "UV_EXCLUDE": _CHOSEN_BY_LOCK,
    "UV_OVERRIDE": _CHOSEN_BY_LOCK,
    "UV_BUILD_CONSTRAINT": "Use build-constraint-dependencies in [tool.uv].",
    "UV_GIT_LFS": "Use lfs = true in [tool.uv.sources].",
    "UV_OFFLINE": "Use BP_UV_OFFLINE, with BP_UV_FIND_LINKS.",
    "UV_NO_CACHE": "The buildpack has its own cache, and keeps what is worth it (BP_UV_SNAPSHOTS).",
    "UV_NO_CONFIG": "The project's own configuration counts.",
    "UV_ENV_FILE": "Start commands do not run uv; set variables on the platform.",
    "UV_PREVIEW": "Preview features are not used.",
    "UV_PREVIEW_FEATURES": "Preview features are not used.",
    "PIP_INDEX_URL": "uv does not read variables of pip; use [[tool.uv.index]], and UV_INDEX_<NAME>_PASSWORD for it.",
    "PIP_EXTRA_INDEX_URL": "uv does not read variables of pip; use [[tool.uv.index]].",
    "PIP_CONFIG_FILE": "uv does not read the configuration of pip; use [[tool.uv.index]].",
    "PIP_CONSTRAINT": "uv does not read variables of pip; use constraint-dependencies in [tool.uv].",
    "PIP_FIND_LINKS": "uv does not read variables of pip; use find-links in [tool.uv].",
    "PIP_NO_BINARY": "uv does not read variables of pip; use no-binary-package in [tool.uv].",
    "PIP_NO_INDEX": "uv does not read variables of pip; use BP_UV_OFFLINE.",
    "PIP_ONLY_BINARY": "uv does not read variables of pip; use no-build-package in [tool.uv].",
    "PIP_TRUSTED_HOST": "uv does not read variables of pip; use UV_INSECURE_HOST.",
    "UV_PYTHON": "Use BP_PYTHON_VERSION.",
    "UV_PYTHON_PREFERENCE": _CHOSEN_BY_LAYER,
    "UV_PYTHON_DOWNLOADS": _CHOSEN_BY_LAYER,
    "UV_MANAGED_PYTHON": _CHOSEN_BY_LAYER,
    "UV_NO_MANAGED_PYTHON": _CHOSEN_BY_LAYER,
    "UV_SYSTEM_PYTHON": _CHOSEN_BY_LAYER,
    "UV_PROJECT": "Use BP_UV_PROJECT_DIR.",
    "UV_WORKING_DIR": "Use BP_UV_PROJECT_DIR.",
    "UV_COMPILE_BYTECODE": "Bytecode is always compiled, and only what changed.",
    "UV_CACHE_DIR": "The buildpack has its own.",
    "UV_LINK_MODE": "Files in the environment are always hard links or copies.",
    "UV_NO_SYNC": "Start commands do not run uv.",
    "UV_KEYRING_PROVIDER": "There is no keyring in a build: set UV_INDEX_<NAME>_USERNAME and _PASSWORD, or bind netrc.",
    "UV_CONFIG_FILE": "Give uv.toml in a binding of type uv.",
    "VIRTUAL_ENV": _CHOSEN_BY_LAYER,
    "CONDA_PREFIX": _CHOSEN_BY_LAYER,
    "PYTHONHOME": _CHOSEN_BY_LAYER,
    "PYTHONPATH": _CHOSEN_BY_LAYER,
    "PYTHONUSERBASE": _CHOSEN_BY_LAYER,
    "PYTHONSTARTUP": _CHOSEN_BY_LAYER,
}

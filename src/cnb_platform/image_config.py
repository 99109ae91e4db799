"""The configuration document of an app image: environment, entrypoint, history and the lifecycle's labels.

Platform specification, "Labels", and what lifecycle 0.21.17 writes:
https://github.com/buildpacks/spec/blob/platform/0.15/platform.md#labels
https://github.com/buildpacks/lifecycle/blob/v0.21.17/phase/exporter.go
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnb_platform import go_json
from cnb_platform.build import Result
from cnb_platform.launch_toml import process_documents
from cnb_platform.layer_archives import LAUNCHER_PATH
from cnb_platform.metadata import (
    BUILD_LABEL,
    EXEC_ENV_LABEL,
    LIFECYCLE_LABEL,
    PROJECT_LABEL,
    BuildpackRecord,
)
from cnb_platform.oci import Image
from cnb_platform.session import Session

EXEC_ENV_LABEL_SINCE = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the configuration is made of; `shas` has the diffIDs of the platform's own layers by their label's key."""

    session: Session
    run_image: Image
    result: Result
    records: tuple[BuildpackRecord, ...]
    app: tuple[str, ...]
    shas: Mapping[str, str]
    created: str
    history: tuple[str, ...]
    diff_ids: tuple[str, ...]


def configuration(parts: Parts) -> dict[str, Any]:
    """Return the whole document."""
    base = parts.run_image.config
    document = {
        "architecture": base.get("architecture", parts.session.target.arch),
        "created": parts.created,
        "history": [_history(parts.created, created_by) for created_by in parts.history],
        "os": base.get("os", "linux"),
        "rootfs": {"type": "layers", "diff_ids": list(parts.diff_ids)},
        "config": _settings(parts),
    }
    return document | {"variant": base["variant"]} if base.get("variant") else document


def _history(created: str, created_by: str) -> dict[str, str]:
    return {"created": created, "created_by": created_by} if created_by else {"created": created}


def _settings(parts: Parts) -> dict[str, Any]:
    default = parts.result.launch.default_process
    settings = {
        key: value for key, value in parts.run_image.settings.items() if key not in ("Cmd", "Hostname", "Image")
    }
    return settings | {
        "Env": [f"{name}={value}" for name, value in _environment(parts).items()],
        "Entrypoint": [f"/cnb/process/{default}" if default else LAUNCHER_PATH],
        "WorkingDir": parts.session.app.inside,
        "Labels": dict(sorted(_labels(parts).items())),
    }


def _environment(parts: Parts) -> dict[str, str]:
    variables = parts.run_image.environment
    old = variables.get("PATH", "")
    variables["PATH"] = f"/cnb/process:/cnb/lifecycle:{old}" if old else "/cnb/process:/cnb/lifecycle"
    return variables | {
        "CNB_LAYERS_DIR": parts.session.layers.inside,
        "CNB_APP_DIR": parts.session.app.inside,
        "CNB_PLATFORM_API": parts.session.platform_api,
        "CNB_DEPRECATION_MODE": "quiet",
    }


def _labels(parts: Parts) -> dict[str, str]:
    labels = dict(parts.run_image.labels)
    labels |= {label.key: label.value for label in parts.result.launch.labels}
    if parts.session.platform_minor >= EXEC_ENV_LABEL_SINCE:
        labels[EXEC_ENV_LABEL] = parts.session.exec_env
    labels[LIFECYCLE_LABEL] = go_json.dumps(_lifecycle_metadata(parts))
    labels[BUILD_LABEL] = go_json.dumps(_build_metadata(parts))
    labels[PROJECT_LABEL] = "{}"
    return labels


def _lifecycle_metadata(parts: Parts) -> dict[str, Any]:
    document: dict[str, Any] = {
        "app": [{"sha": sha} for sha in parts.app],
        "sbom": {"sha": parts.shas["sbom"]},
        "buildpacks": [record.document() for record in parts.records],
    }
    document |= {key: {"sha": parts.shas[key]} for key in ("config", "launcher", "process-types") if key in parts.shas}
    top = parts.run_image.layers[-1].diff_id if parts.run_image.layers else ""
    return document | {
        "runImage": {"topLayer": top, "reference": parts.run_image.digest},
        "stack": {"runImage": {"image": ""}},
    }


def _build_metadata(parts: Parts) -> dict[str, Any]:
    launch = parts.result.launch
    buildpacks = [built.buildpack for built in parts.result.built]
    document = {
        "buildpacks": [
            {"id": b.id, "version": b.version} | ({"homepage": b.homepage} if b.homepage else {}) for b in buildpacks
        ],
        "launcher": {"version": "", "source": {"git": {"repository": "", "commit": ""}}},
        "processes": process_documents(launch, parts.session.platform_minor),
    }
    return document | ({"buildpack-default-process-type": launch.default_process} if launch.default_process else {})

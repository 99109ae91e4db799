"""Shapes of documents whose tools publish no JSON schema for them: their fields and types, written down here.

A shape is a type; a list with the shape of its elements; or a mapping of the keys that may be there. A key that ends
with `!` has to be there, and the key `*` stands for any other.
"""

from __future__ import annotations

from typing import Any

ANY: dict[str, Any] = {}
_OPTIONAL_TEXTS = {"*": str}
_METADATA = {"name!": str, "namespace": str, "labels": _OPTIONAL_TEXTS, "annotations": _OPTIONAL_TEXTS}
_REFERENCE = {"kind": str, "name!": str, "apiVersion": str, "namespace": str}
_ENVIRONMENT = [{"name!": str, "value": str, "valueFrom": ANY}]

# Project descriptor 0.2: https://github.com/buildpacks/spec/blob/main/extensions/project-descriptor.md
PROJECT_DESCRIPTOR = {
    "_!": {
        "schema-version!": str,
        "id": str,
        "name": str,
        "version": str,
        "licenses": [{"type": str, "uri": str}],
        "metadata": ANY,
    },
    "io": {
        "buildpacks": {
            "builder": str,
            "include": [str],
            "exclude": [str],
            "group": [{"id": str, "version": str, "uri": str, "optional": bool}],
            "pre": {"group": [{"id": str, "version": str, "uri": str}]},
            "post": {"group": [{"id": str, "version": str, "uri": str}]},
            "build": {"env": [{"name!": str, "value!": str}]},
        }
    },
}

# https://buildpacks.io/docs/reference/config/builder-config/
BUILDER = {
    "description": str,
    "buildpacks": [{"id": str, "version": str, "uri!": str}],
    "order!": [{"group!": [{"id!": str, "version": str, "optional": bool}]}],
    "build!": {"image!": str, "env": [{"name!": str, "value!": str}]},
    "run!": {"images!": [{"image!": str, "mirrors": [str]}]},
    "lifecycle": {"version": str, "uri": str},
    "targets": [{"os!": str, "arch!": str}],
}

# Buildpack specification, "buildpack.toml (TOML)": https://github.com/buildpacks/spec/blob/main/buildpack.md
BUILDPACK = {
    "api!": str,
    "buildpack!": {
        "id!": str,
        "version!": str,
        "name": str,
        "description": str,
        "homepage": str,
        "clear-env": bool,
        "keywords": [str],
        "sbom-formats": [str],
        "licenses": [{"type": str, "uri": str}],
        "exec-env": [str],
    },
    "targets": [{"os": str, "arch": str}],
    "metadata": ANY,
}

# docs/python-versions.md
CATALOGUE = {
    "builds!": [
        {
            "version!": str,
            "date!": str,
            "arch!": str,
            "libc!": str,
            "variant!": str,
            "path!": str,
            "sha256!": str,
            "size": int,
        }
    ]
}

_KPACK_IMAGE = {
    "tag!": str,
    "additionalTags": [str],
    "serviceAccountName": str,
    "builder!": _REFERENCE,
    "source!": {
        "git": {"url!": str, "revision!": str, "initializeSubmodules": bool},
        "registry": {"image!": str, "imagePullSecrets": ANY},
        "blob": {"url!": str, "auth": str},
        "subPath": str,
    },
    "build": {
        "env": _ENVIRONMENT,
        "services": [_REFERENCE],
        "resources": ANY,
        "buildTimeout": int,
        "nodeSelector": _OPTIONAL_TEXTS,
        "tolerations": ANY,
    },
    "cache": {"volume": {"size!": str, "storageClassName": str}, "registry": {"tag!": str}},
    "defaultProcess": str,
    "imageTaggingStrategy": str,
    "failedBuildHistoryLimit": int,
    "successBuildHistoryLimit": int,
}
_PARAMETERS = [{"name!": str, "value!": ANY}]
_CLAIM = {"claimName!": str}
_BINDING = {
    "name!": str,
    "subPath": str,
    "persistentVolumeClaim": _CLAIM,
    "emptyDir": ANY,
    "secret": {"secretName!": str},
    "configMap": {"name!": str},
}
_TASK = {
    "description": str,
    "params": [{"name!": str, "type": str, "description": str, "default": ANY}],
    "workspaces": [{"name!": str, "description": str, "mountPath": str, "readOnly": bool, "optional": bool}],
    "results": [{"name!": str, "description": str}],
    "stepTemplate": ANY,
    "steps!": [
        {
            "name!": str,
            "image!": str,
            "command": [str],
            "args": [str],
            "env": _ENVIRONMENT,
            "script": str,
            "workingDir": str,
            "securityContext": ANY,
            "volumeMounts": [{"name!": str, "mountPath!": str, "subPath": str, "readOnly": bool}],
            "computeResources": ANY,
        }
    ],
    "volumes": ANY,
}

# kpack's types, `pkg/apis/build/v1alpha2`, and those of Tekton, `pkg/apis/pipeline/v1`: the published definitions of
# kpack's resources accept any field (`x-kubernetes-preserve-unknown-fields`).
OBJECTS = {
    ("kpack.io/v1alpha2", "Image"): _KPACK_IMAGE,
    ("kpack.io/v1alpha2", "ClusterBuildpack"): {"image!": str, "serviceAccountRef": _REFERENCE},
    ("kpack.io/v1alpha2", "ClusterLifecycle"): {"image!": str, "serviceAccountRef": _REFERENCE},
    ("kpack.io/v1alpha2", "ClusterStack"): {
        "id!": str,
        "buildImage!": {"image!": str},
        "runImage!": {"image!": str},
        "serviceAccountRef": _REFERENCE,
    },
    ("kpack.io/v1alpha2", "Builder"): {
        "tag!": str,
        "serviceAccountName!": str,
        "stack!": _REFERENCE,
        "store": _REFERENCE,
        "lifecycle": _REFERENCE,
        "order!": [{"group!": [{"id": str, "version": str, "name": str, "kind": str, "optional": bool}]}],
    },
    ("tekton.dev/v1", "Task"): _TASK,
    ("tekton.dev/v1", "TaskRun"): {
        "params": _PARAMETERS,
        "serviceAccountName": str,
        "taskRef": {"name": str, "kind": str, "resolver": str, "params": _PARAMETERS},
        "taskSpec": _TASK,
        "workspaces": [_BINDING],
        "timeout": str,
        "podTemplate": ANY,
    },
}


def kubernetes_object(spec: object) -> dict[str, object]:
    """Return the shape of a whole object with this `spec`."""
    return {"apiVersion!": str, "kind!": str, "metadata!": _METADATA, "spec!": spec}


def schema(shape: Any) -> dict[str, Any]:  # noqa: ANN401 (a shape is a type, a list or a mapping)
    """Return the JSON schema of a shape."""
    if isinstance(shape, list):
        return {"type": "array", "items": schema(shape[0])}
    if isinstance(shape, type):
        return {"type": {str: "string", bool: "boolean", int: "integer"}[shape]}
    if not shape:
        return {}
    known = {key.removesuffix("!"): schema(value) for key, value in shape.items() if key != "*"}
    return {
        "type": "object",
        "properties": known,
        "required": [key.removesuffix("!") for key in shape if key.endswith("!")],
        "additionalProperties": schema(shape["*"]) if "*" in shape else False,
    }

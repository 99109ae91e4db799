"""What is in an image: layers, processes, labels."""

from pathlib import Path
from typing import Any

from cnb_platform import go_json, oci
from cnb_platform.metadata import BUILD_LABEL
from cnb_platform.oci import Image
from cnb_platform.run_image import this_architecture


def inspect(layout: Path) -> dict[str, Any]:
    """Return a document about the image in a layout. Raises AnalysisFailed."""
    image = oci.read(layout, this_architecture())
    return {
        "digest": image.digest,
        "architecture": image.config.get("architecture"),
        "entrypoint": image.settings.get("Entrypoint"),
        "workdir": image.settings.get("WorkingDir"),
        "user": image.settings.get("User"),
        "env": image.environment,
        "layers": _layers(image),
        "processes": _build_metadata(image).get("processes") or [],
        "default_process": _build_metadata(image).get("buildpack-default-process-type", ""),
        "labels": dict(image.labels),
    }


def _build_metadata(image: Image) -> dict[str, Any]:
    document = go_json.loads(image.labels.get(BUILD_LABEL, "{}"))
    return document if isinstance(document, dict) else {}


def _layers(image: Image) -> list[dict[str, Any]]:
    history = [entry for entry in image.config.get("history") or () if not entry.get("empty_layer")]
    if len(history) != len(image.layers):
        history = [{}] * len(image.layers)
    return [
        {"diffID": blob.diff_id, "digest": blob.digest, "size": blob.size, "created_by": entry.get("created_by", "")}
        for blob, entry in zip(image.layers, history, strict=True)
    ]


def render(document: dict[str, Any]) -> str:
    """Return the document for people."""
    lines = [f"Image {document['digest']} ({document['architecture']})", "", "Layers (stored size, diffID, made by)"]
    lines += [
        f"  {size(layer['size']):>10}  {layer['diffID'][:19]}  {layer['created_by'] or '(run image)'}"
        for layer in document["layers"]
    ]
    lines += ["", "Processes"]
    for process in document["processes"]:
        command = process["command"] if isinstance(process["command"], list) else [process["command"]]
        mark = " (default)" if process["type"] == document["default_process"] else ""
        lines.append(f"  {process['type']}{mark}: {' '.join([*command, *(process['args'] or [])])}")
    lines += ["", "Labels", *(f"  {key}={value}" for key, value in sorted(document["labels"].items()))]
    return "\n".join(lines)


_STEP = 1000


def size(count: float) -> str:
    """Return a number of bytes in decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < _STEP:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _STEP
    return f"{count:.2f} GB"

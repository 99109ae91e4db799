"""What a recipe is checked with: the schema that its tool, or the catalogue of schemas, publishes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

import kubernetes_validate
from jsonschema import Draft7Validator, validators
from validate_pyproject.api import Validator
from validate_pyproject.errors import ValidationError

from documentation import shapes
from uv_buildpack import configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from documentation.found import Recipe

_VENDORED = "check_jsonschema.builtin_schemas.vendor"


@dataclass(frozen=True, slots=True)
class Kind:
    """Documents of one tool. `breaks`: mistakes (text, wrong text), of which the first that fits breaks a recipe."""

    validator: str
    complaints: Callable[[Any], list[str]]
    breaks: tuple[tuple[str, str], ...]


class UnknownRecipe(LookupError):
    """Nothing here can check this recipe."""


def kind_of(recipe: Recipe) -> Kind:
    """Return the kind of a recipe. Raises UnknownRecipe."""
    if recipe.language == "yaml" and "apiVersion:" in recipe.text:
        return _KUBERNETES
    for wanted, kind in _KINDS.items():
        if recipe.name == wanted or (wanted.endswith("/") and recipe.name.startswith(wanted)):
            return kind
    message = f"{recipe.place}: write the file's name in the first line, such as `# .gitlab-ci.yml`"
    raise UnknownRecipe(message)


def _by_schema(schema: dict[str, Any]) -> Callable[[Any], list[str]]:
    checker = validators.validator_for(schema, default=Draft7Validator)(schema)

    def complaints(document: Any) -> list[str]:  # noqa: ANN401 (any document)
        return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(document)]

    return complaints


def _vendored(name: str, *breaks: tuple[str, str]) -> Kind:
    """Return a schema that ships with check-jsonschema."""
    text = resources.files(_VENDORED).joinpath(f"{name}.json").read_text(encoding="utf-8")
    version = metadata.version("check-jsonschema")
    return Kind(f"schema {name} of check-jsonschema {version}", _by_schema(json.loads(text)), breaks)


def _shaped(source: str, shape: object, *breaks: tuple[str, str]) -> Kind:
    return Kind(f"shape of {source}", _by_schema(shapes.schema(shape)), breaks)


def _kubernetes(document: Any) -> list[str]:  # noqa: ANN401 (any document)
    """Kubernetes' own kinds by its schemas, those of kpack and Tekton by their shapes."""
    key = (document.get("apiVersion"), document.get("kind"))
    if key in shapes.OBJECTS:
        return _by_schema(shapes.schema(shapes.kubernetes_object(shapes.OBJECTS[key])))(document)
    try:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as error:
        return [error.message]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [error.message]
    return []


@cache
def _pyproject_validator() -> Validator:
    return Validator()


def _pyproject(document: Any) -> list[str]:  # noqa: ANN401 (any document)
    """Check the standards and `[tool.uv]` by their schemas, `[tool.uv-buildpack]` by the names that are known."""
    known = {setting.key for setting in configuration.SETTINGS}
    used = document.get("tool", {}).get("uv-buildpack", {})
    found = [f"tool.uv-buildpack.{key}: no such key" for key in used if key not in known]
    # An excerpt need not say what the project is called.
    project = document.get("project", {})
    complete = {**document, "project": {"name": "shop", "version": "1", **project}} if project else document
    try:
        _pyproject_validator()(complete)
    except ValidationError as error:
        found.append(error.summary)
    return found


_KUBERNETES = Kind(
    f"Kubernetes {kubernetes_validate.latest_version()} schemas, shapes of kpack and Tekton",
    _kubernetes,
    (("spec:", "specs:"), ("stringData:", "stringData: 1\nother:"), ("data:", "date:"), ("secrets:", "secret:")),
)
_KINDS = {
    ".github/workflows/": _vendored("github-workflows", ("runs-on:", "run-on:")),
    ".github/dependabot.yml": _vendored("dependabot", ("package-ecosystem:", "ecosystem:")),
    ".gitlab-ci.yml": _vendored("gitlab-ci", ("script:", "script: {}\n  scripts:"), ("variables:", "variables: 1\nx:")),
    ".circleci/config.yml": _vendored("circle-ci", ("version: 2.1", "version: two")),
    "compose.yaml": _vendored("compose-spec", ("services:", "service:"), ("image:", "picture:")),
    "project.toml": _shaped(
        "the project descriptor", shapes.PROJECT_DESCRIPTOR, ("[_]", "[__]"), ("schema-version", "schema_version")
    ),
    "builder.toml": _shaped("pack's builder configuration", shapes.BUILDER, ("[build]", "[builds]")),
    "buildpack.toml": _shaped("the buildpack specification", shapes.BUILDPACK, ("[buildpack]", "[buildpacks]")),
    "catalogue.json": _shaped("docs/python-versions.md", shapes.CATALOGUE, ('"sha256"', '"sha-256"')),
    "pyproject.toml": Kind(
        f"validate-pyproject {metadata.version('validate-pyproject')} with schema store, settings of the buildpack",
        _pyproject,
        (
            ("[tool.uv-buildpack.processes]", "[tool.uv-buildpack.process]"),
            ("[tool.uv-buildpack]", "[tool.uv-buildpack]\nnonsense = 1"),
            ("dependencies =", "dependency ="),
            ("\nurl = ", "\nadress = "),
            ("[tool.uv]", "[tool.uv]\nnonsense = 1"),
            ("[dependency-groups]\n", "[dependency-groups]\nbroken = 1\n"),
            ("requires-python =", "require-python ="),
        ),
    ),
}

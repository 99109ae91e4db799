"""Variables of layers, as files."""

from __future__ import annotations

import pytest

from cnb.layer import Action, LayerTypes, ReusedLayer, SBOMFormat, Scope, Variable


@pytest.mark.parametrize(
    ("variable", "files"),
    [
        (Variable(name="A", value="1"), {"env/A.override": "1"}),
        (Variable(name="A", value="1", action=Action.DEFAULT, scope=Scope.LAUNCH), {"env.launch/A.default": "1"}),
        (
            Variable(name="A", value="1", action=Action.PREPEND, scope=Scope.BUILD, delimiter=":"),
            {"env.build/A.prepend": "1", "env.build/A.delim": ":"},
        ),
        (
            Variable(name="A", value=" 1\n", action=Action.APPEND, delimiter=""),
            {"env/A.append": " 1\n", "env/A.delim": ""},
        ),
        (
            Variable(name="A", value="1", scope=Scope.LAUNCH, process="web"),
            {"env.launch/web/A.override": "1"},
        ),
    ],
)
def test_a_variable_is_a_file_with_exactly_its_value(variable: Variable, files: dict[str, str]) -> None:
    assert variable.files() == files


def test_all_types_are_written() -> None:
    assert LayerTypes(cache=True).document() == {"launch": False, "build": False, "cache": True}


def test_a_reused_layer_is_for_launch_only() -> None:
    assert ReusedLayer(name="venv").types == LayerTypes(launch=True)


def test_each_sbom_format_has_its_media_type() -> None:
    assert [kind.media_type for kind in SBOMFormat] == [
        "application/vnd.cyclonedx+json",
        "application/spdx+json",
        "application/vnd.syft+json",
    ]

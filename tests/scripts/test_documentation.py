"""The documentation site: where links lead on it, and what finds those that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from documentation import shapes
from documentation.links import broken_links, pages_without_a_place
from documentation.sources import on_the_site, site_pages, write_sources

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "https://code.example/blob/v1.2.3"
FILES = {
    "README.md": "[errors](docs/errors.md#x) [script](scripts/try) [site](https://uv.example/a.md)\n",
    "CHANGELOG.md": "",
    "CONTRIBUTING.md": "",
    "docs/errors.md": "[home](../README.md) [example](../examples/shop/README.md)\n\n```md\n[raw](../README.md)\n```\n",
    "docs/decisions/0001-a.md": "[errors](../errors.md) ![figure](../figure.svg)\n",
    "docs/figure.svg": "<svg/>",
    "examples/shop/README.md": "[errors](../../docs/errors.md) [code](app.py)\n",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("README.md", f"[errors](errors.md#x) [script]({ADDRESS}/scripts/try) [site](https://uv.example/a.md)\n"),
        ("docs/errors.md", "[home](index.md) [example](examples/shop.md)\n\n```md\n[raw](../README.md)\n```\n"),
        ("docs/decisions/0001-a.md", "[errors](../errors.md) ![figure](../figure.svg)\n"),
        ("examples/shop/README.md", f"[errors](../errors.md) [code]({ADDRESS}/examples/shop/app.py)\n"),
    ],
)
def test_links_lead_to_pages_of_the_site_or_to_files_of_the_repository(
    tmp_path: Path, source: str, expected: str
) -> None:
    pages = site_pages(plant(tmp_path, FILES))
    assert on_the_site(FILES[source], source, pages, ADDRESS) == expected


def test_all_pages_and_figures_are_written(tmp_path: Path) -> None:
    write_sources(plant(tmp_path / "repository", FILES), tmp_path / "site", ADDRESS)
    written = {path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*.*")}
    expected = {"index.md", "changes.md", "contributing.md", "errors.md", "figure.svg", "examples/shop.md"}
    assert written == {*expected, "decisions/0001-a.md"}


def test_a_link_to_a_page_or_anchor_that_is_not_there_is_found(tmp_path: Path) -> None:
    site = plant(
        tmp_path,
        {
            "index.html": '<a href="errors/#x"></a><a href="errors/#y"></a><a href="gone/"></a><a href="https://a.b"></a>',
            "errors/index.html": '<h2 id="x"></h2><a href="#x"></a><img src="../figure.svg">',
            "404.html": '<a href="/anything"></a>',
        },
    )
    assert list(broken_links(site)) == [
        "errors/index.html: ../figure.svg",
        "index.html: errors/#y",
        "index.html: gone/",
    ]


def test_a_page_that_the_navigation_does_not_name_is_found(tmp_path: Path) -> None:
    source = plant(tmp_path, {"index.md": "", "errors.md": "", "decisions/0001-a.md": ""})
    assert pages_without_a_place(source, '{ "Start" = "index.md" }') == ["errors.md"]


def test_a_shape_is_a_schema_that_knows_its_keys() -> None:
    schema = shapes.schema({"name!": str, "sizes": [int], "labels": {"*": str}, "more": shapes.ANY})
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["sizes"] == {"type": "array", "items": {"type": "integer"}}
    assert schema["properties"]["labels"]["additionalProperties"] == {"type": "string"}
    assert schema["properties"]["more"] == {}

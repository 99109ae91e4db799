"""What is in the index: a package for each trap that an environment that is changed in place can fall into."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from integration.campaign.distributions import Distribution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HEAVY_THRESHOLD = "100KB"
_WEIGHT = 200_000


def everything(minors: Sequence[str]) -> tuple[Distribution, ...]:
    """Return all distributions; `minors` are those of Python (`3.13`) for which there are wheels with tags."""
    return (
        *_plain(), *_single(), *_namespaces(), *_programs(), *_sources(), *_chains(), *_tagged(minors), *_odd(),
        *_heavy(),
    )  # fmt: skip


def _value(name: str, version: str) -> str:
    return f"{name} {version}"


def _module(name: str, version: str, more: str = "") -> bytes:
    return f'"""A module."""\n\nVALUE = "{_value(name, version)}"\n{more}'.encode()


def _make(  # noqa: PLR0913 (fields of a value)
    name: str,
    version: str,
    modules: Sequence[str],
    files: Mapping[str, bytes] | None = None,
    *,
    requires: tuple[str, ...] = (),
    scripts: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
) -> Distribution:
    """Return a distribution whose modules (`a.b`: a package directory `a/b`; `a.py`) have the values in `modules`."""
    own = {_path(module): _module(name, version, "def main():\n    print(VALUE)\n") for module in modules}
    return Distribution(
        name=name,
        version=version,
        files=own | dict(files or {}),
        requires=requires,
        scripts=scripts or {},
        tag=tag,
        modules={module.removesuffix(".py"): _value(name, version) for module in modules},
    )


def _path(module: str) -> str:
    if module.endswith(".py"):
        return module
    return f"{module.replace('.', '/')}/__init__.py"


def _plain() -> Iterator[Distribution]:
    """Return a package whose submodules come and go: their bytecode must go too."""
    for version in ("1.0", "1.1", "2.0", "2.1"):
        number = version.replace(".", "")
        yield _make("plain", version, ["plain"], {
            f"plain/only_in_{number}.py": _module("plain", version),
            "plain/same.py": b"SAME = 1\n",
            f"plain/deep/in_{number[0]}/__init__.py": b"",
        })  # fmt: skip


def _single() -> Iterator[Distribution]:
    """Return a module that becomes a package, and is a module again: bytecode in the shared `__pycache__`."""
    yield _make("single", "1.0", ["single.py"])
    yield _make("single", "1.1", ["single.py"], {"single_more.py": b"MORE = 1\n"})
    yield _make("single", "2.0", ["single"])
    yield _make("single", "2.1", ["single.py"])


def _namespaces() -> Iterator[Distribution]:
    for version in ("1.0", "1.1"):
        yield _make("space-one", version, ["space.one"])
        yield _make("space-two", version, ["space.two"], {"space/two/data.txt": version.encode()})
        yield _make("space-heavy", version, ["space.heavy"], {"space/heavy/weight.bin": _weight(version)})


def _programs() -> Iterator[Distribution]:
    yield _make("tool", "1.0", ["tool"], scripts={"tool": "tool:main"})
    yield _make("tool", "1.1", ["tool"], scripts={"tool": "tool:main", "tool-more": "tool:main"})
    yield _make("tool", "2.0", ["tool"], scripts={"tool-next": "tool:main"})


def _sources() -> Iterator[Distribution]:
    for version in ("1.0", "1.1"):
        yield _make("from-source", version, ["from_source"], tag="")
        yield _make("from-source-single", version, ["from_source_single.py"], tag="", requires=("plain",))
        # Built in the environment: other contents with each `plain`.
        yield replace(_make("seer", version, ["seer"], tag="", requires=("plain",)), against="plain")


def _chains() -> Iterator[Distribution]:
    yield _make("chain", "1.0", ["chain"], requires=("plain>=1",))
    yield _make("chain", "1.1", ["chain"], requires=("single<2", "space-one"))
    yield _make("chain", "2.0", ["chain"], requires=("single", "tool; extra == 'more'"))


def _tagged(minors: Sequence[str]) -> Iterator[Distribution]:
    """Wheels for one minor each, with other contents."""
    for version in ("1.0", "1.1"):
        for minor in minors:
            python = f"cp{minor.replace('.', '')}"
            files = {f"tagged/for_{python}.py": b"FOR = 1\n"}
            yield _make("tagged", version, ["tagged"], files, tag=f"{python}-{python}-linux_x86_64")


def _odd() -> Iterator[Distribution]:
    """Return what does not compile, a `.pth`, names that are not ASCII, data files, scripts, an empty directory."""
    for version in ("1.0", "1.1"):
        yield _make("odd", version, ["odd"], {
            "odd/python2.py": b"print 'no'\n",
            "odd/müsli.py": b"NAME = 1\n",
            "odd/run.sh": b"#!/bin/sh\n",
            "odd/empty/": b"",
            "odd.pth": f"import sys; sys.odd = {version!r}\n".encode(),
            f"odd-{version}.data/data/share/odd/{version}.txt": b"data\n",
            f"odd-{version}.data/scripts/odd-script": b"#!python\nprint('odd')\n",
        })  # fmt: skip


def _weight(text: str) -> bytes:
    """Return bytes that do not compress to nothing, and are more than the threshold of heavy packages."""
    digests = (hashlib.sha256(f"{text} {number}".encode()).digest() for number in range(_WEIGHT // 32))
    return b"".join(digests)


def _heavy() -> Iterator[Distribution]:
    for version in ("1.0", "1.1"):
        yield _make("weight", version, ["weight"], {
            "weight/libs/weight.bin": _weight(version),
            f"weight/new_in_{version.replace('.', '')}.py": b"NEW = 1\n",
        })  # fmt: skip
        # These two share a regular package.
        yield _make("pair-left", version, ["pair"], {"pair/left.bin": _weight(version)})
        right = {"pair/right/__init__.py": _module("pair-right", version), "pair/right/right.bin": _weight(version)}
        made = _make("pair-right", version, [], right, requires=("pair-left",))
        yield replace(made, modules={"pair.right": _value("pair-right", version)})
    # Light, then heavy, then with another directory.
    yield _make("growing", "1.0", ["growing"])
    yield _make("growing", "1.1", ["growing"], {"growing/weight.bin": _weight("x")})
    yield _make("growing", "2.0", ["growing_on"], {"growing_on/weight.bin": _weight("y")}, requires=("weight",))

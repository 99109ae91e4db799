"""Secrets, one for each documented way of giving one, and a search for all of them in everything that a build leaves.

Each secret is looked for as it is, percent-encoded and in base64, in whatever is compressed as well.
"""

from __future__ import annotations

import base64
import gzip
import io
import os
import tarfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from integration.application import App, project
from integration.package_index import PackageIndex, sdist
from integration.website import Website, serving
from integration.workbench import BASE, Workbench

from cnb_platform import oci
from uv_buildpack.downloads import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

pytestmark = pytest.mark.platforms("embedded")

USER, WORD = "deploy-user-8412", "p@ss/w0rd-8412-sw0rdfish"
CREDENTIALS = {"UV_INDEX_TESTS_USERNAME": USER, "UV_INDEX_TESTS_PASSWORD": WORD}
NETRC = f"machine 127.0.0.1\nlogin {USER}\npassword {WORD}\n"
_BASIC = base64.b64encode(b"header-user-8412:header-word-8412").decode()
# Ways that lead past the index: each build has all of them, and a package that prints its environment.
BESIDE = {
    "CARGO_REGISTRY_TOKEN": "token-of-cargo-8412",
    "HATCH_INDEX_AUTH": "auth-of-hatch-8412",
    "SETUPTOOLS_SIGNING_KEY": "-----BEGIN KEY-----\nfirst-line-8412\nsecond-line-8412\n-----END KEY-----\n",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "url.https://insteadof-user-8412:insteadof-word-8412@git.example/.insteadOf",
    "GIT_CONFIG_VALUE_0": "https://git.example/",
    "GIT_CONFIG_KEY_1": "http.https://git.example/.extraHeader",
    "GIT_CONFIG_VALUE_1": f"Authorization: Basic {_BASIC}",
    "ALL_PROXY": "http://proxy-user-8412:proxy-word-8412@proxy.example:3128",
    "NO_PROXY": "127.0.0.1",
}
SECRETS = (
    USER,
    WORD,
    "token-of-cargo-8412",
    "auth-of-hatch-8412",
    "first-line-8412",
    "second-line-8412",
    "insteadof-user-8412",
    "insteadof-word-8412",
    "header-user-8412",
    "header-word-8412",
    "proxy-user-8412",
    "proxy-word-8412",
)
# What a build backend may print, in the forms that tools have for it.
PRINTS = """
    import os, sys, urllib.parse
    for name, value in sorted(os.environ.items()):
        for shown in (value, urllib.parse.quote(value, safe=""), repr(value), base64.b64encode(value.encode()).decode(),
                      base64.b64encode(f"user:{value}".encode()).decode()):
            print(name, shown, file=sys.stderr)
    THEN
"""


def forms(secret: str) -> set[bytes]:
    encoded = secret.encode()
    # Of base64 what is the same wherever it begins.
    packed = (base64.b64encode(b"\0" * before + encoded)[(before * 8 + 5) // 6 + 1 : -5] for before in range(3))
    return {encoded, quote(secret, safe="").encode(), *packed}


FORMS = {form for secret in SECRETS for form in forms(secret)}


@pytest.fixture(scope="module")
def private() -> Iterator[PackageIndex]:
    """An index that shows nothing without a password: a wheel, and a source whose backend prints its environment."""
    with serving(Website(login=f"{USER}:{WORD}")) as site:
        index = PackageIndex(site)
        index.add_wheel("secretive", "1.0")
        index.add("chatty-1.0.tar.gz", sdist("chatty", "1.0", PRINTS.replace("THEN", "pass")))
        index.add("failing-1.0.tar.gz", sdist("failing", "1.0", PRINTS.replace("THEN", "raise SystemExit(1)")))
        yield index


def binding(directory: Path, entries: Mapping[str, str]) -> Path:
    directory.mkdir()
    for name, content in {"type": "uv", **entries}.items():
        (directory / name).write_text(content, encoding="utf-8")
    return directory


@contextmanager
def watched(secrets: Sequence[str] = SECRETS) -> Iterator[list[bytes]]:
    """Collect the command lines of all processes that hold one of the secrets, while the block runs."""
    found: list[bytes] = []
    sought = {form for secret in secrets for form in forms(secret)}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    content = line.read_bytes()
                except OSError:
                    continue  # it has ended
                if any(form in content for form in sought):
                    found.append(content)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def unpacked(content: bytes) -> Iterator[bytes]:
    """Return content, and all that is compressed in it, one in the other."""
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield from unpacked(gzip.decompress(content))
    header, _, payload = content.partition(b"\n")
    if payload.startswith(b"\x28\xb5\x2f\xfd") and header.startswith(b"{"):
        with zstandard.opened(io.BytesIO(payload)) as stream:
            yield from unpacked(stream.read())
    if content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith((".snapshot", ".gz", ".whl")):
                    file = archive.extractfile(member)
                    yield from unpacked(file.read() if file else b"")


def left_over(bench: Workbench, since: float) -> Iterator[tuple[str, bytes]]:
    """Return the files that a platform has written since then: images, caches, reports, anything else."""
    root = bench.platform.root  # type: ignore[attr-defined]  # the embedded one has it
    for parent, _, names in os.walk(root):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink() and path.lstat().st_mtime >= since:
                yield str(path.relative_to(root)), path.read_bytes()


def hits(places: Iterator[tuple[str, bytes]]) -> list[str]:
    found = []
    for place, content in places:
        for piece in unpacked(content):
            found += [f"{place}: {form.decode()}" for form in FORMS if form in piece]
    return found


def searched(bench: Workbench, image: str, log: str, since: float) -> Iterator[tuple[str, bytes]]:
    yield "log", log.encode()
    yield from left_over(bench, since)
    read = oci.read(bench.platform.layout(image), "")  # type: ignore[attr-defined]  # the embedded one has it
    yield "configuration of the image", str(read.config).encode()


@pytest.mark.parametrize(("way", "output"), [("variables", "text"), ("binding", "json"), ("NETRC", "json")])
def test_a_build_leaves_no_secret_anywhere(  # noqa: PLR0913, PLR0917 (fixtures)
    bench: Workbench, app: App, image: str, private: PackageIndex, tmp_path: Path, public: Path, way: str, output: str
) -> None:
    app.write({"pyproject.toml": project("discreet", ("secretive", "chatty"), index=private.address), "main.py": ""})
    app.lock(variables=CREDENTIALS)
    env, bindings = _given(way, tmp_path, public)
    since = time.time()
    settings = {"BP_LOG_LEVEL": "debug", "BP_LOG_FORMAT": output, **BESIDE, **env}
    with watched() as command_lines:
        result = bench.build(app, image, previous=BASE, env=settings, bindings=bindings)
    assert hits(searched(bench, image, result.log, since)) == []
    assert command_lines == []


def test_a_build_that_fails_prints_no_secret(bench: Workbench, app: App, image: str, private: PackageIndex) -> None:
    app.write({"pyproject.toml": project("discreet", ("failing",), index=private.address), "main.py": ""})
    app.lock(variables=CREDENTIALS)
    since = time.time()
    log = bench.failing(app, image, previous=BASE, env={**CREDENTIALS, **BESIDE})
    assert "CARGO_REGISTRY_TOKEN" in log, "the package printed its environment"
    assert hits((place, content) for place, content in [("log", log.encode()), *left_over(bench, since)]) == []


def test_credentials_in_the_lock_stay_in_the_app(bench: Workbench, app: App, image: str, private: PackageIndex) -> None:
    address = private.address.replace("/simple/", "/files/secretive-1.0-py3-none-any.whl")
    with_login = address.replace("//", f"//{USER}:{quote(WORD, safe='')}@")
    source = f'[tool.uv.sources]\nsecretive = {{ url = "{with_login}" }}\n'
    app.write({"pyproject.toml": project("direct", ("secretive",), index=private.address, more=source), "main.py": ""})
    app.lock(variables=CREDENTIALS)
    since = time.time()
    result = bench.build(app, image, previous=BASE, env={"BP_LOG_LEVEL": "debug"})
    own = {row.diff_id for row in result.layers if row.name.startswith("app")}
    read = oci.read(bench.platform.layout(image), "")  # type: ignore[attr-defined]  # the embedded one has it
    places = [("log", result.log.encode()), ("configuration", str(read.config).encode())]
    for blob in read.layers:
        if blob.diff_id not in own:
            with blob.open_tar() as archive:
                places.append((blob.diff_id, archive.read()))
    cached = ((place, content) for place, content in left_over(bench, since) if place.startswith("caches"))
    assert hits(iter([*places, *cached])) == []


def _given(way: str, directory: Path, public: Path) -> tuple[dict[str, str], list[Path]]:
    match way:
        case "variables":
            return CREDENTIALS, []
        case "binding":
            return {}, [binding(directory / "index", CREDENTIALS)]
        case _:
            place = public / "netrc-of-the-machine"  # the build is another user
            place.write_text(NETRC, encoding="utf-8")
            return {"NETRC": str(place)}, []

"""Bad input for each problem that a reader can fix: `docs/errors.md` shows what comes of it.

Whatever the buildpack can find in files and settings is found by the analysis of a small app; the rest by the function
that finds it. `scripts/refresh-error-docs` writes the texts into the documentation.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import ssl
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import structlog
from tests.uv_buildpack.contexts import context_for
from tests.uv_buildpack.fake_uv import fake_uv, says
from tests.uv_buildpack.trees import LOCK, PROJECT, PYPROJECT, plant
from tests.uv_buildpack.uv_words import WORDS

from cnb.bindings import read_bindings
from cnb.context import Target
from uv_buildpack import disk, errors, log
from uv_buildpack.analysis import analyse
from uv_buildpack.build import files_at_hand
from uv_buildpack.bytecode import compiling
from uv_buildpack.django.outcome import Outcome, check
from uv_buildpack.downloads import archive, certificates, download, pace
from uv_buildpack.downloads.network import Network
from uv_buildpack.interpreter import installation
from uv_buildpack.interpreter.catalogue import CPythonBuild
from uv_buildpack.layers import uv
from uv_buildpack.layers.venv import contents
from uv_buildpack.project import tree
from uv_buildpack.uv import releases, version
from uv_buildpack.uv.failures import failure
from uv_buildpack.uv.indexes import Index, Indexes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Producer = Callable[[Path], object]

INDEXES = Indexes((Index("https://index.example/simple", "corp"),))
PROXY = {"HTTPS_PROXY": "http://user:secret@proxy.example:3128"}
PACKAGE = """[[package]]
name = "six"
version = "1.17.0"
source = { registry = "https://index.example/simple" }
wheels = [{ url = "https://index.example/six-1.17.0-py2.py3-none-any.whl", hash = "sha256:00" }]

"""
SCRIPT = '# /// script\n# dependencies = ["httpx"]\n# ///\n'
ARCHIVE = "https://mirror.example/cpython-3.13.9.tar.gz"
OUTSIDE = '[[package]]\nname = "toolbox"\nversion = "1"\nsource = { editable = "../toolbox" }\n'
MISSING = '[[package]]\nname = "toolbox"\nversion = "1"\nsource = { editable = "libs/toolbox" }\n'
DECLARED = 'dependencies = ["httpx>=0.28"]'
CONFLICTING = '\nconflicts = [[{ package = "shop", group = "cpu" }, { package = "shop", group = "gpu" }]]\n'
GROUPS = "[package.metadata.requires-dev]\ncpu = []\ngpu = []\n"
HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
LOCKED = '\n[package.metadata]\nrequires-dist = [{ name = "httpx", specifier = ">=0.27" }]\n'


def app(files: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None) -> Producer:
    """Analyse the small project with some files changed, and with variables."""

    def produce(root: Path) -> object:
        return analyse(context_for(root, {**PROJECT, **(files or {})}, environment))

    return produce


def table(text: str) -> Producer:
    """Analyse the small project with `[tool.uv-buildpack]`."""
    return app({"pyproject.toml": f"{PYPROJECT}\n[tool.uv-buildpack]\n{text}\n"})


def only(files: Mapping[str, str]) -> Producer:
    """Analyse an app that has these files and no others."""
    return lambda root: analyse(context_for(root, files))


def only_with(environment: Mapping[str, str], files: Mapping[str, str]) -> Producer:
    """Analyse an app that has these files and no others, with variables."""
    return lambda root: analyse(context_for(root, files, environment))


def catalogue_that_is_none(root: Path) -> object:
    plant(root, {"app/builds.json": "<html>"})
    return analyse(context_for(root, PROJECT, {"BP_PYTHON_CATALOGUE": str(root / "app" / "builds.json")}))


def link_occupied(root: Path) -> object:
    return analyse(context_for(root, {**PROJECT, ".venv/bin/python": ""}, {"BP_UV_ENVIRONMENT_LINK": ".venv"}))


def other_target(root: Path) -> object:
    return analyse(replace(context_for(root, PROJECT), target=Target(os="linux", arch="s390x")))


def layers_missing(root: Path) -> object:
    return analyse(replace(context_for(root, PROJECT), layers_dir=root / "elsewhere"))


def other_interpreter(root: Path) -> None:
    plant(root / "venv", {"pyvenv.cfg": "home = /usr/bin\n"})
    contents.verify_interpreter(root / "venv", Path("/layers/uv-buildpack_python/python/bin/python3.13"))


def interpreter_that_prints(root: Path, text: str, status: int) -> Path:
    plant(root, {"python/bin/python3.13": f"#!/bin/sh\necho '{text}' >&2\nexit {status}\n"})
    (root / "python" / "bin" / "python3.13").chmod(0o755)
    return root / "python" / "bin" / "python3.13"


def interpreter_that_does_not_start(root: Path) -> None:
    said = "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found"
    build = CPythonBuild(
        version="3.13.9", date="20251120", arch="x86_64", libc="gnu", variant="default", path="x", sha256="0"
    )
    installation._verify(build, interpreter_that_prints(root, said.replace("'", "'\\''"), 1))


def interpreter_that_cannot_compile(root: Path) -> object:
    plant(root, {"lib/x.py": ""})
    return compiling.compile_tree(interpreter_that_prints(root, "MemoryError", 1), root / "lib")


def link_out_of_the_app(root: Path) -> object:
    plant(root, {"bindings/index/netrc": "machine index.example login build password of-the-platform"})
    context = context_for(root, PROJECT)
    (context.app_dir / "Procfile").symlink_to(root / "bindings" / "index" / "netrc")
    return analyse(context)


def link_to_itself(root: Path) -> None:
    (root / "requirements").symlink_to("requirements")
    with disk.refusals_are_said():
        (root / "requirements").read_bytes()


class _Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def output_that_is_full(_: Path) -> None:
    try:
        log.configure(_Full())
        log.step("a line")
    finally:
        structlog.reset_defaults()


def no_memory(_: Path) -> None:
    with disk.refusals_are_said():
        raise MemoryError


def binding_that_is_no_text(root: Path) -> None:
    plant(root, {"platform/bindings/index/type": ""})
    (root / "platform/bindings/index/type").write_bytes(
        "uv f\N{LATIN SMALL LETTER U WITH DIAERESIS}r uns".encode("latin-1")
    )
    with disk.refusals_are_said():
        read_bindings(root / "platform" / "bindings")


def unreadable_file(root: Path) -> None:
    path = plant(root / "app", {"shop/settings.py": ""}) / "shop" / "settings.py"
    root.chmod(0o755)
    path.chmod(0)
    user = os.geteuid()
    # root may read everything.
    os.seteuid(user or 65534)
    try:
        tree.file_digest(path)
    finally:
        os.seteuid(user)


def broken_archive(root: Path) -> None:
    with tarfile.open(root / "cpython-3.13.9.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("python/../../etc/passwd")
        tar.addfile(member, io.BytesIO())
    archive.extract(root / "cpython-3.13.9.tar.gz", root / "target")


def fetched(answer: Callable[[httpx.Request], httpx.Response], url: str = ARCHIVE) -> Producer:
    """Fetch an archive from a server that answers like this."""

    def produce(root: Path) -> None:
        download.fetch(
            url,
            root / "archive",
            sha256="0" * 64,
            max_bytes=1000,
            network=Network(),
            transport=httpx.MockTransport(answer),
            pause=lambda _: None,
        )

    return produce


def empty_vendor(root: Path) -> None:
    lock = f'{LOCK.replace("[[package]]", PACKAGE + "[[package]]", 1)}dependencies = [{{ name = "six" }}]\n'
    files = {**PROJECT, "uv.lock": lock, "vendor/README": ""}
    environment = {"BP_UV_OFFLINE": "true", "BP_UV_FIND_LINKS": "vendor"}
    files_at_hand(analyse(context_for(root, files, environment)))


def missing_uv(root: Path) -> None:
    offers = 'case "$*" in *"uv<"*) echo " + uv==0.13.9" >&2;; *) exit 1;; esac'
    said = "error: No solution found when resolving dependencies\n  cause: Because there is no version of uv==9.1.0"
    fake = fake_uv(root, {"*--dry-run*": offers, "pip*": says(said, 1)})
    request = version.read_request("9.1.0", "BP_UV_VERSION")
    assert request is not None
    (root / "layer").mkdir()
    uv.install(root / "layer", fake.uv, request, {}, ["corp (https://index.example/simple)"])


def inexact_uv(root: Path) -> None:
    request = version.read_request(">=9", "BP_UV_VERSION")
    assert request is not None
    network = Network(variables={"UV_INSTALLER_GITHUB_BASE_URL": "https://mirror.example"})
    releases.install(root, fake_uv(root, {}).uv, request, "x86_64-unknown-linux-gnu", network)


def unfit_certificate(root: Path) -> None:
    plant(root, {"bindings/corporate/ca.pem": "-----BEGIN PUBLIC KEY-----\n"})
    certificates.check([root / "bindings/corporate/ca.pem"])


def status(code: int) -> Producer:
    """Fetch from a server that answers with a status."""
    return fetched(lambda _: httpx.Response(code))


def size(count: int) -> Producer:
    """Fetch from a server that gives a file of this size."""
    return fetched(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"x" * count)))


def dripping(_: Path) -> None:
    seconds = iter([0, 61])
    pace.Pace(ARCHIVE, lambda: next(seconds)).count(61)


def unreachable(cause: OSError) -> Producer:
    """Fetch from a server that cannot be reached."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(str(cause), request=request) from cause

    return fetched(answer)


def raising(problem: type[errors.WorkFailed], said: str) -> Producer:
    """Classify what uv said."""

    def produce(_: Path) -> None:
        found = failure(said, "uv sync", indexes=INDEXES, environment=PROXY)
        assert type(found) is problem
        raise found

    return produce


def collecting(outcome: Outcome) -> Producer:
    """Take what came of collecting static files that were asked for."""
    return lambda _: check(outcome, required=True)


# Of several samples of uv's words the first is the example.
UV: dict[type[errors.Problem], Producer] = {problem: raising(problem, said) for problem, said in reversed(WORDS)}

PRODUCERS: dict[type[errors.Problem], Producer] = {
    errors.SettingInvalid: app(environment={"BP_UV_NO_EDITABLE": "ja"}),
    errors.UnknownKey: table('group = ["docs"]'),
    errors.ProjectEnvironmentOutside: app(environment={"UV_PROJECT_ENVIRONMENT": "/opt/venv"}),
    errors.PyprojectMissing: app(environment={"BP_UV_PROJECT_DIR": "services/api"}),
    errors.PyprojectInvalid: app({"pyproject.toml": '[project]\nname = "shop\n'}),
    errors.LockfileMissing: only({"pyproject.toml": PYPROJECT}),
    errors.MemberHidden: app(
        {
            "pyproject.toml": f'{PYPROJECT}[tool.uv.workspace]\nmembers = ["api", "api/client"]\n',
            "api/pyproject.toml": '[project]\nname = "api"\nversion = "1"\n',
            "api/client/pyproject.toml": '[project]\nname = "client"\nversion = "1"\n',
        },
        {"BP_UV_PROJECT_DIR": "api/client"},
    ),
    errors.ScriptMissing: only_with({"BP_UV_SCRIPT": "app.py"}, {"app.py": SCRIPT}),
    errors.SeveralScripts: only({"app.py": SCRIPT, "app.py.lock": "", "job.py": SCRIPT, "job.py.lock": ""}),
    errors.ScriptInvalid: only({"app.py": SCRIPT.replace("]", ""), "app.py.lock": ""}),
    errors.LockfileInvalid: app({"uv.lock": f"<<<<<<< HEAD\n{LOCK}"}),
    errors.LockfileTooNew: app({"uv.lock": "version = 2\n"}),
    errors.LockfileOutdated: app(
        {"pyproject.toml": PYPROJECT.replace("dependencies = []", DECLARED), "uv.lock": LOCK + LOCKED}
    ),
    errors.ProjectDirectoryOutside: app(environment={"BP_UV_PROJECT_DIR": "../other"}),
    errors.PathDependencyOutside: app({"uv.lock": LOCK + OUTSIDE}),
    errors.LocalPackageMissing: app({"uv.lock": LOCK + MISSING}),
    errors.MetadataFileMissing: app(
        {
            "pyproject.toml": PYPROJECT.replace("[project]", '[project]\nreadme = "README.md"') + HATCHLING,
            "uv.lock": LOCK.replace("virtual", "editable"),
        }
    ),
    errors.FileUnreadable: unreadable_file,
    errors.FileOutside: link_out_of_the_app,
    errors.FileRefused: link_to_itself,
    errors.OutputRefused: output_that_is_full,
    errors.OutOfMemory: no_memory,
    errors.InputInvalid: binding_that_is_no_text,
    errors.UnknownPackage: app(environment={"BP_UV_PACKAGE": "shpo"}),
    errors.UnknownExtra: app(environment={"BP_UV_EXTRAS": "fast"}),
    errors.ChoiceConflicting: app(
        {"uv.lock": LOCK.replace("\n[[package]]", f"{CONFLICTING}\n[[package]]") + GROUPS},
        {"BP_UV_GROUPS": "cpu,gpu"},
    ),
    errors.UnknownGroup: app(environment={"BP_UV_GROUPS": "docs"}),
    errors.LayersDirectoryNotWritable: layers_missing,
    errors.EnvironmentLinkOccupied: link_occupied,
    errors.TargetUnsupported: other_target,
    errors.WrongInterpreter: other_interpreter,
    errors.UvNotFound: lambda root: version.find_carried(root, {"PATH": "/usr/bin"}),
    errors.FindLinksMissing: app(environment={"BP_UV_FIND_LINKS": "vendor"}),
    errors.LockedFilesMissing: empty_vendor,
    errors.UvVersionContradictory: app(
        {"pyproject.toml": f'{PYPROJECT}\n[tool.uv]\nrequired-version = ">=0.13"\n'}, {"BP_UV_VERSION": "0.12.3"}
    ),
    errors.UvVersionTooOld: app(environment={"BP_UV_VERSION": "0.9.8"}),
    errors.UvVersionUnavailable: missing_uv,
    errors.UvVersionInexact: inexact_uv,
    errors.UvVersionInvalid: app(environment={"BP_UV_VERSION": "newest"}),
    errors.ProcfileInvalid: app({"Procfile": "web\n"}),
    errors.ProcessInvalid: table("processes = { web = 1 }"),
    errors.DefaultProcessUnknown: table('processes = { web = "python -m shop" }\ndefault-process = "wbe"'),
    errors.PythonRequestInvalid: app({".python-version": "newest\n"}),
    errors.PythonImplementationUnsupported: app({".python-version": "pypy@3.11\n"}),
    errors.PythonVersionFileInvalid: app({".python-version": "\N{BYTE ORDER MARK}3.13\n"}),
    errors.PythonRequestContradictory: app({".python-version": "3.10\n"}),
    errors.PythonNotAvailable: app({".python-version": "3.13.99\n"}),
    errors.CatalogueInvalid: catalogue_that_is_none,
    errors.PythonUnusable: interpreter_that_does_not_start,
    errors.AddressUnsupported: fetched(lambda _: httpx.Response(200), "http://mirror.example/cpython-3.13.9.tar.gz"),
    errors.DownloadFailed: status(503),
    errors.DownloadTooSlow: dripping,
    errors.HostUnknown: unreachable(socket.gaierror(-2, "Name or service not known")),
    errors.ConnectionFailed: unreachable(ConnectionRefusedError(111, "Connection refused")),
    errors.CertificateRejected: unreachable(ssl.SSLCertVerificationError(1, "certificate verify failed")),
    errors.CertificateInvalid: unfit_certificate,
    errors.DownloadForbidden: status(403),
    errors.DownloadNotFound: status(404),
    errors.DownloadRefused: status(400),
    errors.DownloadTooLarge: size(2000),
    errors.ChecksumMismatch: size(10),
    errors.ArchiveInvalid: broken_archive,
    errors.InterpreterFailed: interpreter_that_cannot_compile,
    errors.CollectstaticImpossible: collecting(Outcome(outcome="not-enabled")),
    errors.DjangoSettingsNotImportable: collecting(
        Outcome(outcome="unimportable", place="shop/settings.py:12", error="KeyError: 'BUCKET_NAME'")
    ),
    errors.StaticRootInvalid: collecting(Outcome(outcome="outside", root="/var/www/static")),
    errors.CollectstaticFailed: collecting(
        Outcome(
            outcome="failed",
            error="ValueError: The file 'images/logo.svg' could not be found",
            traceback='  File "…/contrib/staticfiles/storage.py", line 120, in hashed_name\n    raise ValueError(\n',
        )
    ),
    **UV,
}

"""Running uv: what it is told, what it never sees, and what its failures mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.fake_uv import fake_uv, says

from uv_buildpack.errors import GitMissing, UvFailed
from uv_buildpack.uv.installing import FromProject, LocalPackages
from uv_buildpack.uv.running import Bound, environment_for, require_git, with_python

if TYPE_CHECKING:
    from collections.abc import Callable

VENV = Path("/layers/venv")
CACHE = Path("/layers/x/.uv-buildpack/uv-cache")

# Always set, whatever the user's environment is.
FIXED = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "315532801",
    "TZ": "UTC",
    "UV_CACHE_DIR": str(CACHE),
    "UV_KEYRING_PROVIDER": "disabled",
    "UV_LINK_MODE": "hardlink",
    "UV_NO_MANAGED_PYTHON": "1",
    "UV_NO_PROGRESS": "1",
    "UV_NO_SYSTEM_CONFIG": "1",
    "UV_PYTHON_DOWNLOADS": "never",
}
DEFAULTS = {"HOME": str(CACHE), "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def environment(user: dict[str, str], bound: Bound | None = None) -> dict[str, str]:
    return environment_for(user, bound=bound or Bound(), cache_dir=CACHE)


def test_an_empty_environment_gets_what_uv_needs() -> None:
    assert environment({}) == FIXED | DEFAULTS


@pytest.mark.parametrize("name", sorted(FIXED))
def test_what_is_fixed_cannot_be_changed(name: str) -> None:
    assert environment({name: "hostile"})[name] == FIXED[name]


@pytest.mark.parametrize(
    "name",
    [
        "UV_INDEX_OWN_USERNAME",
        "UV_INDEX_OWN_PASSWORD",
        "UV_HTTP_TIMEOUT",
        "UV_CONCURRENT_DOWNLOADS",
        "UV_SYSTEM_CERTS",
        "UV_INSECURE_HOST",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NETRC",
        "SSH_AUTH_SOCK",
        "CC",
        "CFLAGS",
        "CMAKE_ARGS",
        "RUSTFLAGS",
        "CARGO_NET_OFFLINE",
        "SETUPTOOLS_SCM_PRETEND_VERSION",
        "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_SHOP",
        "SHOP_PRETEND_VERSION",
        "UV_DYNAMIC_VERSIONING_BYPASS",
        "PDM_BUILD_SCM_VERSION",
        "UV_NO_BINARY_PACKAGE",
        "UV_DEFAULT_INDEX",
        "UV_INDEX",
        "PATH",
        "HOME",
        "TMPDIR",
    ],
)
def test_variables_for_the_network_and_for_build_backends_pass(name: str) -> None:
    assert environment({name: "value"})[name] == "value"


@pytest.mark.parametrize(
    "name",
    [
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "UV_PROJECT_ENVIRONMENT",
        "UV_PROJECT",
        "UV_WORKING_DIR",
        "UV_FROZEN",
        "UV_LOCKED",
        "UV_DEV",
        "UV_NO_DEV",
        "UV_NO_EDITABLE",
        "UV_NO_INSTALL_PROJECT",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_MANAGED_PYTHON",
        "UV_CONFIG_FILE",
        "UV_NO_CONFIG",
        "UV_NO_CACHE",
        "UV_COMPILE_BYTECODE",
        "UV_EXCLUDE_NEWER",
        "UV_PRERELEASE",
        "UV_RESOLUTION",
        "UV_TORCH_BACKEND",
        "UV_NO_SOURCES",
        "UV_OFFLINE",
        "UV_MALWARE_CHECK",
        "PYC_INVALIDATION_MODE",
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONUSERBASE",
        "PYTHONINSPECT",
        "BP_UV_GROUPS",
        "LD_PRELOAD",
        "MY_DATABASE_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
    ],
)
def test_everything_else_does_not_reach_uv(name: str) -> None:
    assert environment({name: "hostile"}) == FIXED | DEFAULTS


def test_the_users_variable_beats_one_of_a_binding() -> None:
    bound = Bound(variables={"UV_INDEX_OWN_USERNAME": "bound", "UV_INDEX_OWN_PASSWORD": "bound"})
    made = environment({"UV_INDEX_OWN_USERNAME": "user"}, bound)
    assert (made["UV_INDEX_OWN_USERNAME"], made["UV_INDEX_OWN_PASSWORD"]) == ("user", "bound")


def test_a_binding_gives_netrc_and_configuration() -> None:
    bound = Bound(netrc=Path("/bindings/own/netrc"), config_file=Path("/scratch/config/uv/uv.toml"))
    made = environment({}, bound)
    assert made["NETRC"] == "/bindings/own/netrc"
    assert made["XDG_CONFIG_HOME"] == "/scratch/config"


def test_proxies_are_written_as_every_program_reads_them() -> None:
    made = environment(
        {"https_proxy": "proxy.example:3128", "NO_PROXY": "*.corp.example, 10.0.0.0/8, index.example:8443"}
    )
    proxies = {name: value for name, value in made.items() if "proxy" in name.lower()}
    assert proxies == {
        "HTTPS_PROXY": "http://proxy.example:3128",
        "https_proxy": "http://proxy.example:3128",
        "NO_PROXY": "corp.example,10.0.0.0/8,index.example",
        "no_proxy": "corp.example,10.0.0.0/8,index.example",
    }


def test_certificates_of_bindings_are_for_every_program_and_hide_the_directory() -> None:
    bound = Bound(certificates=Path("/scratch/ca-certificates.pem"))
    made = environment({"SSL_CERT_FILE": "/own.pem", "SSL_CERT_DIR": "/certs", "GIT_SSL_CAINFO": "/git.pem"}, bound)
    assert made["SSL_CERT_FILE"] == made["REQUESTS_CA_BUNDLE"] == "/scratch/ca-certificates.pem"
    assert made["GIT_SSL_CAINFO"] == "/git.pem"
    assert "SSL_CERT_DIR" not in made


def test_the_interpreter_is_pinned(tmp_path: Path) -> None:
    fake = fake_uv(tmp_path, {})
    pinned = with_python(fake.uv, Path("/layers/x/python/bin/python3.13"))
    assert pinned.environment["UV_PYTHON"] == "/layers/x/python/bin/python3.13"
    assert pinned.binary == fake.uv.binary


INDEXES = {"UV_DEFAULT_INDEX": "https://index.example", "UV_INDEX": "https://b.example", "UV_FIND_LINKS": "x"}


def test_the_lock_is_checked_without_other_indexes_but_with_credentials(tmp_path: Path) -> None:
    fake = fake_uv(tmp_path, {"lock*": "exit 0"}, {**INDEXES, "UV_INDEX_OWN_PASSWORD": "hunter2"})
    with capture_logs():
        assert fake.uv.check_lock(tmp_path) is None
        fake.uv.relock(tmp_path)
    check, relock = fake.calls()
    assert check.arguments == ["lock", "--check"]
    assert relock.arguments == ["lock"]
    for call in (check, relock):
        assert call.environment == {"PATH": "/usr/bin:/bin", "UV_INDEX_OWN_PASSWORD": "hunter2"}
        assert call.directory == str(tmp_path)


def test_an_environment_is_made_with_the_interpreter_and_an_even_prompt(tmp_path: Path) -> None:
    fake = fake_uv(tmp_path, {"venv*": "exit 0"})
    with capture_logs():
        fake.uv.make_venv(tmp_path / "venv", tmp_path, Path("/python/bin/python3"))
    (call,) = fake.calls()
    assert call.arguments == [
        "venv",
        "--no-project",
        "--prompt",
        "venv",
        "--python",
        "/python/bin/python3",
        str(tmp_path / "venv"),
    ]


def test_a_sync_is_frozen_and_takes_no_default_groups_and_nothing_local(tmp_path: Path) -> None:
    fake = fake_uv(tmp_path, {"sync*": "exit 0"}, INDEXES)
    with capture_logs():
        fake.uv.install(FromProject(["--package", "api", "--group", "docs"]).third_party(VENV), tmp_path, VENV)
    (call,) = fake.calls()
    assert call.arguments == [
        *("sync", "--frozen", "--no-default-groups", "--no-install-local", "--no-compile-bytecode"),
        *("--package", "api", "--group", "docs"),
    ]
    assert call.environment["UV_PROJECT_ENVIRONMENT"] == call.environment["VIRTUAL_ENV"] == "/layers/venv"


def test_local_packages_are_synced_into_what_is_there_and_without_what_differs_with_each_build(tmp_path: Path) -> None:
    fake = fake_uv(tmp_path, {"sync*": "exit 0"}, INDEXES)
    with capture_logs():
        command = FromProject([]).local(VENV, tmp_path, LocalPackages(names=["api"], copied=True))
        fake.uv.install_local(command, tmp_path, VENV)
    (call,) = fake.calls()
    assert call.arguments == [
        *("sync", "--frozen", "--inexact", "--no-default-groups", "--no-compile-bytecode"),
        *("--only-install-package", "api", "--no-editable"),
    ]
    assert call.environment["UV_PROJECT_ENVIRONMENT"] == call.environment["VIRTUAL_ENV"] == "/layers/venv"
    assert call.environment["UV_NO_INSTALLER_METADATA"] == "1"


def test_what_uv_says_is_shown_as_it_comes(tmp_path: Path) -> None:
    fake = fake_uv(tmp_path, {"sync*": says("Resolved 2 packages\n + six==1.17.0", 0)})
    with capture_logs() as events:
        fake.uv.install(FromProject([]).third_party(VENV), tmp_path, VENV)
    assert [(event["kind"], event["event"]) for event in events] == [
        ("command", "uv sync --frozen --no-default-groups --no-install-local --no-compile-bytecode"),
        ("detail", "Resolved 2 packages"),
        ("detail", " + six==1.17.0"),
    ]


@pytest.mark.parametrize("command", ["venv", "sync", "pip", "lock"])
def test_a_command_that_fails_is_a_problem_that_names_it(tmp_path: Path, command: str) -> None:
    fake = fake_uv(tmp_path, {f"{command}*": says("error: unheard of", 2)})
    calls: dict[str, Callable[[], object]] = {
        "venv": lambda: fake.uv.make_venv(tmp_path, tmp_path, tmp_path),
        "sync": lambda: fake.uv.install(["sync"], tmp_path, tmp_path),
        "pip": lambda: fake.uv.install_tool("uv==0.12.0", tmp_path, tmp_path),
        "lock": lambda: fake.uv.relock(tmp_path),
    }
    with pytest.raises(UvFailed, match=f"uv {command} failed"), capture_logs():
        calls[command]()


def test_a_missing_git_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    packages = {
        "six": "1.17.0 registry=https://index.example/simple 0123",
        "own": "1.0 git=https://git.example/own 4567",
    }
    with pytest.raises(GitMissing) as raised:
        require_git(packages, {"PATH": str(tmp_path)})
    assert raised.value.facts == ("own comes from git",)
    require_git({"six": packages["six"]}, {"PATH": str(tmp_path)})
    git = tmp_path / "git"
    git.touch(mode=0o755)
    require_git(packages, {"PATH": str(tmp_path)})

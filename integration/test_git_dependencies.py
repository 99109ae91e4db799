"""Dependencies from a private git repository, over https behind TLS of an own authority."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from integration.application import App, project
from integration.git_server import commit, make_repository, serving
from integration.package_index import BACKEND
from integration.private_index import PASSWORD, USER, Authority
from integration.test_secrets import assert_nowhere
from integration.test_seeded_secrets import watched
from integration.workbench import BASE, Workbench, errors, layer_states

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.platforms("embedded")

LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"
ASK = ("python", "-c", "import hidden; print(hidden.version)")


def sources(version: str) -> Mapping[str, str]:
    """A package with a build backend of its own, which needs nothing."""
    return {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "hidden"\nversion = "{version}"\n',
        "backend.py": BACKEND.format(name="hidden", version=version, before="pass"),
    }


@pytest.fixture
def repositories(tmp_path: Path, authority: Authority) -> Iterator[str]:
    """The address of a server with the repository `team/hidden`."""
    make_repository(tmp_path / "repositories" / "team" / "hidden", sources("1.0"))
    with serving(tmp_path / "repositories", authority, f"{USER}:{PASSWORD}") as address:
        yield address


@pytest.fixture
def pinned(app: App, repositories: str, authority: Authority) -> App:
    """An app that has a package from the repository, and no credentials in its files."""
    source = f'[tool.uv.sources]\nhidden = {{ git = "{repositories}/team/hidden" }}\n'
    app.write({"pyproject.toml": project("pinned", ("hidden",), more=source), "main.py": ""})
    lock(app, repositories, authority)
    return app


def lock(app: App, repositories: str, authority: Authority) -> None:
    host = repositories.removeprefix("https://")
    store = app.directory.parent / "store"
    store.write_text(f"https://{LOGIN}@{host}\n", encoding="utf-8")
    helper = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "credential.helper",
        "GIT_CONFIG_VALUE_0": f"store --file={store}",
    }
    app.lock("--upgrade", variables={**helper, "GIT_SSL_CAINFO": str(authority.certificate)})


@pytest.fixture
def bound(tmp_path: Path) -> Path:
    """A binding with a netrc, whose hosts have no ports."""
    directory = tmp_path / "git-login"
    directory.mkdir()
    (directory / "type").write_text("uv")
    (directory / "netrc").write_text(f"machine 127.0.0.1\nlogin {USER}\npassword {PASSWORD}\n")
    return directory


def test_a_package_from_a_private_repository_cold_hot_and_changed(  # noqa: PLR0913, PLR0917 (fixtures)
    bench: Workbench, pinned: App, repositories: str, authority: Authority, company: Path, bound: Path, image: str
) -> None:
    env = {"BP_LOG_LEVEL": "debug"}
    with watched((USER, PASSWORD)) as command_lines:
        cold = bench.build(pinned, image, previous=BASE, bindings=[company, bound], env=env)
    assert bench.run(image, *ASK) == "1.0\n"
    assert_nowhere(bench, image, cold.log)
    assert command_lines == []
    hot = bench.build(pinned, image, bindings=[company])
    assert layer_states(hot)["venv"] == "reused"
    repository = pinned.directory.parent / "repositories" / "team" / "hidden"
    commit(repository.with_suffix(".work"), repository, sources("1.1"))
    lock(pinned, repositories, authority)
    bench.build(pinned, image, bindings=[company, bound], env=env)
    assert bench.run(image, *ASK) == "1.1\n"


def test_a_password_in_a_rewriting_of_addresses_is_in_no_command_line(
    bench: Workbench, pinned: App, repositories: str, company: Path, image: str
) -> None:
    rewriting = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repositories.replace('//', f'//{LOGIN}@')}/.insteadOf",
        "GIT_CONFIG_VALUE_0": f"{repositories}/",
    }
    with watched((USER, PASSWORD)) as command_lines:
        result = bench.build(pinned, image, previous=BASE, bindings=[company], env=rewriting)
    assert bench.run(image, *ASK) == "1.0\n"
    assert_nowhere(bench, image, result.log)
    assert command_lines == []


def test_without_credentials_the_error_says_how_to_give_them(
    bench: Workbench, pinned: App, repositories: str, company: Path, image: str
) -> None:
    log = bench.failing(pinned, image, previous=BASE, bindings=[company])
    assert errors(log) == [f"uv sync: the git repository {repositories}/team/hidden refused access."]
    assert "file netrc in a binding of type uv" in log

"""What a build decides before it does anything, what it recalls, and everything that is wrong at once."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.contexts import context_for
from tests.uv_buildpack.trees import LOCK, PROJECT, PYPROJECT, plant

from cnb.layer import RestoredLayer
from cnb.plan import PlanEntry
from uv_buildpack import decisions
from uv_buildpack.analysis import Analysis, analyse
from uv_buildpack.errors import (
    DefaultProcessUnknown,
    NoCompatibleDistribution,
    Problem,
    Problems,
    PythonRequestContradictory,
)
from uv_buildpack.layers.venv.key import packages_text
from uv_buildpack.project.local_packages import LocalPackage
from uv_buildpack.surroundings import build_environment, libc, target_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cnb.context import BuildContext

INDEX = 'source = { registry = "https://index.example/simple" }'
PURE = f"""
[[package]]
name = "pure"
version = "1.0"
{INDEX}
wheels = [{{ url = "https://files.example/pure-1.0-py3-none-any.whl", hash = "sha256:aa" }}]
"""
UP_TO_312 = f"""
[[package]]
name = "compiled"
version = "2.0"
{INDEX}
sdist = {{ url = "https://files.example/compiled-2.0.tar.gz", hash = "sha256:bb" }}
wheels = [
    {{ url = "https://files.example/compiled-2.0-cp311-cp311-manylinux_2_17_x86_64.whl", hash = "sha256:cc" }},
    {{ url = "https://files.example/compiled-2.0-cp312-cp312-manylinux_2_17_x86_64.whl", hash = "sha256:dd" }},
]
"""
SOURCE = f"""
[[package]]
name = "source"
version = "3.0"
{INDEX}
sdist = {{ url = "https://files.example/source-3.0.tar.gz", hash = "sha256:ee" }}
"""


def needing(*names: str) -> dict[str, str]:
    """Return a project that depends on these packages, with its lock."""
    declared = ", ".join(f'"{name}"' for name in names)
    edges = ", ".join(f'{{ name = "{name}" }}' for name in names)
    entries = {"pure": PURE, "compiled": UP_TO_312, "source": SOURCE}
    return {
        "pyproject.toml": PYPROJECT.replace("dependencies = []", f"dependencies = [{declared}]"),
        "uv.lock": f"{LOCK}dependencies = [{edges}]\n" + "".join(entries[name] for name in names),
    }


def analysed(root: Path, files: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Analysis:
    return analyse(context_for(root, files, environment))


def problems(context: BuildContext) -> list[str]:
    with pytest.raises((Problem, Problems)) as raised:
        analyse(context)
    found = raised.value.problems if isinstance(raised.value, Problems) else [raised.value]
    return [type(problem).__name__ for problem in found]


def test_the_newest_python_that_fits_is_taken(tmp_path: Path) -> None:
    decided = analysed(tmp_path, needing("pure")).decisions
    assert decided.python.version == "3.13.9"
    assert list(decided.packages) == ["pure"]
    assert decided.sdists == {}


def test_without_an_exact_request_wheels_decide_between_minors(tmp_path: Path) -> None:
    decided = analysed(tmp_path, needing("pure", "compiled")).decisions
    assert decided.python.version == "3.12.12"
    assert "compiled" in decided.python_reason


def test_an_exact_request_beats_wheels(tmp_path: Path) -> None:
    decided = analysed(tmp_path, needing("compiled"), {"BP_PYTHON_VERSION": "3.13"}).decisions
    assert decided.python.version == "3.13.9"
    assert decided.sdists == {"compiled": f"no wheel fits Python 3.13.9 on x86_64, {libc()}"}


def test_what_nobody_can_install_is_said_before_any_download(tmp_path: Path) -> None:
    files = needing("compiled")
    files["uv.lock"] = re.sub(r"(?m)^sdist.*\n", "", files["uv.lock"])
    assert analysed(tmp_path, files).decisions.python.version == "3.12.12"
    with pytest.raises(NoCompatibleDistribution) as raised:
        analysed(tmp_path, files, {"BP_PYTHON_VERSION": "3.13"})
    assert raised.value.facts == (
        f"compiled 2.0 has no wheel for Python 3.13.9 on Linux (x86_64, {libc()}), and no source distribution",
    )


def test_a_lock_for_other_systems_is_said_before_any_download(tmp_path: Path) -> None:
    files = needing("pure")
    files["uv.lock"] = files["uv.lock"].replace("\n[[", "\nsupported-markers = [\"sys_platform == 'darwin'\"]\n[[", 1)
    with pytest.raises(NoCompatibleDistribution) as raised:
        analysed(tmp_path, files)
    assert "sys_platform == 'darwin'" in raised.value.facts[0]


def test_a_package_without_any_wheel_decides_nothing(tmp_path: Path) -> None:
    decided = analysed(tmp_path, needing("source")).decisions
    assert decided.python.version == "3.13.9"
    assert decided.sdists == {"source": "uv.lock has no wheel"}


def identities(root: Path, files: Mapping[str, str], settings: str, tool: str) -> Mapping[str, str]:
    more = {
        "pyproject.toml": f"{files['pyproject.toml']}\n[tool.uv]\n{settings}\n",
        "tools/tool-1-py3-none-any.whl": tool,
    }
    return analysed(root, {**files, **more}).decisions.packages


def test_what_is_built_from_source_counts_by_what_it_is_built_with(tmp_path: Path) -> None:
    files, settings = needing("source", "pure"), 'find-links = ["tools"]'
    before, after = (identities(tmp_path, files, settings, tool) for tool in ("one", "two"))
    assert before["source"] != after["source"]
    assert before["pure"] == after["pure"]


def test_what_is_built_without_isolation_gets_no_tools(tmp_path: Path) -> None:
    files, settings = needing("source"), 'find-links = ["tools"]\nno-build-isolation = true'
    before, after = (identities(tmp_path, files, settings, tool) for tool in ("one", "two"))
    assert before == after


@pytest.mark.parametrize("environment", [{"UV_NO_BINARY": "1"}, {"UV_NO_BINARY_PACKAGE": "pure"}])
def test_a_package_may_be_built_though_it_has_a_wheel(tmp_path: Path, environment: dict[str, str]) -> None:
    assert analysed(tmp_path, needing("pure"), environment).decisions.sdists == {"pure": "no-binary is set"}


@pytest.mark.parametrize(
    ("environment", "files", "plan", "version"),
    [
        ({"BP_PYTHON_VERSION": "3.11"}, {".python-version": "3.12\n"}, ("3.13",), "3.11.14"),
        ({}, {".python-version": "3.12\n"}, ("3.13",), "3.12.12"),
        ({}, {}, ("3.11",), "3.11.14"),
        ({}, {}, ("",), "3.13.9"),
    ],
)
def test_requests_have_an_order(
    tmp_path: Path, environment: dict[str, str], files: dict[str, str], plan: tuple[str, ...], version: str
) -> None:
    entries = tuple(PlanEntry("python", {"version": text}) for text in plan)
    context = replace(context_for(tmp_path, {**PROJECT, **files}, environment), plan=entries)
    assert analyse(context).decisions.python.version == version


@pytest.mark.parametrize(
    ("entries", "asked"),
    [
        ((), {"python": False, "uv": False, "venv": False}),
        ((PlanEntry("python"), PlanEntry("uv"), PlanEntry("venv")), {"python": False, "uv": False, "venv": False}),
        ((PlanEntry("python", {"build": True}),), {"python": True, "uv": False, "venv": False}),
        ((PlanEntry("venv"), PlanEntry("venv", {"build": True})), {"python": True, "uv": False, "venv": True}),
        ((PlanEntry("uv", {"build": True}),), {"python": False, "uv": True, "venv": False}),
        ((PlanEntry("python", {"launch": True}),), {"python": False, "uv": False, "venv": False}),
    ],
)
def test_layers_are_asked_for_by_later_buildpacks(
    tmp_path: Path, entries: tuple[PlanEntry, ...], asked: dict[str, bool]
) -> None:
    assert analyse(replace(context_for(tmp_path, PROJECT), plan=entries)).asked._asdict() == asked


WORKSPACE = {
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["api", "worker"]\n[dependency-groups]\nops = []\n',
    "api/pyproject.toml": '[project]\nname = "api"\nversion = "1"\n[project.optional-dependencies]\nfast = []\n',
    "worker/pyproject.toml": '[project]\nname = "worker"\nversion = "1"\n[build-system]\nbuild-backend = "uv_build"\n',
    "uv.lock": """
        version = 1
        [manifest]
        members = ["api", "worker"]
        [manifest.dependency-groups]
        ops = []
        [[package]]
        name = "api"
        version = "1"
        source = { virtual = "api" }
        [package.metadata]
        provides-extras = ["fast"]
        [[package]]
        name = "worker"
        version = "1"
        source = { editable = "worker" }
        [package.metadata]
    """,
}


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        ({}, []),
        ({"BP_UV_PROJECT_DIR": "api"}, []),
        ({"BP_UV_PACKAGE": "worker,api"}, ["--package", "worker", "--package", "api"]),
        ({"BP_UV_PACKAGE": "api", "BP_UV_EXTRAS": "fast"}, ["--package", "api", "--extra", "fast"]),
        ({"BP_UV_PACKAGE": "api", "BP_UV_EXTRAS": "*"}, ["--package", "api", "--all-extras"]),
        ({"BP_UV_GROUPS": "ops"}, ["--group", "ops"]),
    ],
)
def test_a_choice_becomes_arguments_of_uv(tmp_path: Path, environment: dict[str, str], arguments: list[str]) -> None:
    assert analysed(tmp_path, WORKSPACE, environment).sync_arguments() == arguments


@pytest.mark.parametrize(("environment", "editable"), [({}, True), ({"BP_UV_NO_EDITABLE": "true"}, False)])
def test_local_packages_are_those_that_are_chosen(
    tmp_path: Path,
    environment: dict[str, str],
    editable: bool,  # noqa: FBT001 (a parametrized value)
) -> None:
    analysis = analysed(tmp_path, WORKSPACE, environment)
    assert analysis.decisions.local == (LocalPackage(name="worker", path="worker", editable=editable),)
    assert list(analysis.pyprojects) == ["worker"]
    assert analysed(tmp_path, WORKSPACE, {**environment, "BP_UV_PACKAGE": "api"}).decisions.local == ()


@pytest.mark.parametrize("environment", [{}, {"BP_UV_PACKAGE": "app"}])
def test_a_virtual_root_with_one_member_starts_what_the_member_is(tmp_path: Path, environment: dict[str, str]) -> None:
    files = {
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["backend"]\n',
        "backend/pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["flask"]\n',
        "backend/app.py": "from flask import Flask\napp = Flask(__name__)\n",
        "uv.lock": """
            version = 1
            [manifest]
            members = ["app"]
            [[package]]
            name = "app"
            version = "1"
            source = { virtual = "backend" }
            dependencies = [{ name = "flask" }]
            [package.metadata]
            requires-dist = [{ name = "flask" }]
            [[package]]
            name = "flask"
            version = "3.1.0"
            source = { registry = "https://example.org/simple" }
            wheels = [{ url = "https://example.org/flask-3.1.0-py3-none-any.whl", hash = "sha256:00" }]
        """,
    }
    (web,) = analysed(tmp_path, files, environment).processes.processes
    assert (web.type, web.working_directory) == ("web", str(tmp_path / "app" / "backend"))


def test_a_root_that_starts_nothing_starts_the_members_that_it_depends_on(tmp_path: Path) -> None:
    member = (
        '[project]\nname = "{0}"\nversion = "1"\ndependencies = ["{1}"]\n[build-system]\nbuild-backend = "uv_build"\n'
    )
    locked = """
        [[package]]
        name = "{0}"
        version = "1"
        source = {{ editable = "{0}" }}
        dependencies = [{{ name = "{1}" }}]
        [package.metadata]
        requires-dist = [{{ name = "{1}" }}]
        [[package]]
        name = "{1}"
        version = "2.0"
        source = {{ registry = "https://example.org/simple" }}
        wheels = [{{ url = "https://example.org/{1}-2.0-py3-none-any.whl", hash = "sha256:00" }}]
    """
    files = {
        "pyproject.toml": '[project]\nname = "all"\nversion = "1"\ndependencies = ["site", "queue"]\n'
        '[tool.uv.workspace]\nmembers = ["site", "queue"]\n',
        "site/pyproject.toml": member.format("site", "flask"),
        "site/app.py": "from flask import Flask\napp = Flask(__name__)\n",
        "queue/pyproject.toml": member.format("queue", "celery"),
        "queue/tasks.py": "from celery import Celery\napp = Celery(__name__)\n",
        "uv.lock": """
            version = 1
            [manifest]
            members = ["all", "queue", "site"]
            [[package]]
            name = "all"
            version = "1"
            source = { virtual = "." }
            dependencies = [{ name = "queue" }, { name = "site" }]
            [package.metadata]
            requires-dist = [{ name = "queue", editable = "queue" }, { name = "site", editable = "site" }]
        """
        + locked.format("site", "flask")
        + locked.format("queue", "celery"),
    }
    web, worker = analysed(tmp_path, files).processes.processes
    assert (web.type, web.working_directory, web.default) == ("web", str(tmp_path / "app" / "site"), True)
    assert (worker.type, worker.working_directory) == ("worker", str(tmp_path / "app" / "queue"))
    root = files["pyproject.toml"] + '[tool.uv-buildpack]\ndefault-process = "worker"\n'
    plan = analysed(tmp_path, {**files, "pyproject.toml": root}).processes
    assert plan.processes == (web, worker)
    assert plan.warnings[-1].startswith("default-process = 'worker' has no effect: `web` is the default")
    with pytest.raises(DefaultProcessUnknown):
        analysed(tmp_path, {**files, "pyproject.toml": root.replace("worker", "wroker")})
    (main,) = analysed(tmp_path, {**files, "main.py": "if __name__ == '__main__':\n    pass\n"}).processes.processes
    assert main.type == "main"


def test_a_package_outside_of_the_app_is_said_once(tmp_path: Path) -> None:
    outside = '\n[[package]]\nname = "other"\nversion = "1"\nsource = { directory = "../other" }\n'
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "1"\n', encoding="utf-8")
    context = context_for(tmp_path, {**PROJECT, "uv.lock": LOCK + outside})
    assert problems(context) == ["PathDependencyOutside"]


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    files = {
        **PROJECT,
        "pyproject.toml": PYPROJECT.replace("dependencies = []", 'dependencies = ["six"]')
        + "[tool.uv-buildpack]\nnonsense = 1\n[tool.uv]\nrequired-version = 'new'\n",
        "uv.lock": LOCK + "\n[package.metadata]\n",
        ".python-version": "pypy\n",
        "Procfile": "no process\n",
        ".venv/pyvenv.cfg": "",
    }
    environment = {"BP_UV_NO_EDITABLE": "ja", "BP_UV_EXTRAS": "x", "UV_PROJECT_ENVIRONMENT": "/opt"}
    context = replace(context_for(tmp_path, files, environment), layers_dir=tmp_path / "none")
    assert problems(context) == [
        "LayersDirectoryNotWritable",
        "SettingInvalid",
        "ProjectEnvironmentOutside",
        "UnknownKey",
        "UvVersionInvalid",
        "PythonImplementationUnsupported",
        "UnknownExtra",
        "LockfileOutdated",
        "ProcfileInvalid",
    ]


def test_a_problem_writes_nothing(tmp_path: Path) -> None:
    context = context_for(tmp_path, {**PROJECT, "uv.lock": "version = 2\n"})
    assert problems(context) == ["LockfileTooNew"]
    assert list(context.layers_dir.iterdir()) == []


def remembered(context: BuildContext, analysis: Analysis, **changed: str) -> BuildContext:
    """Return the next build's input: the environment's metadata as the lifecycle restores it."""
    metadata: dict[str, Any] = {
        "packages": packages_text(analysis.decisions.packages),
        "inputs": analysis.inputs,
        "decisions": decisions.write(analysis.decisions),
        **changed,
    }
    layer = RestoredLayer(decisions.LAYER, json.loads(json.dumps(metadata)), None, {})
    return replace(context, restored={decisions.LAYER: layer})


FILES = {**WORKSPACE, ".python-version": "3.12\n", "uv.toml": "", "Procfile": "web: python -m worker\n"}


def test_decisions_are_recalled_while_nothing_changed(tmp_path: Path) -> None:
    context = context_for(tmp_path, FILES)
    first = analyse(context)
    second = analyse(remembered(context, first))
    assert (first.recalled, second.recalled) == (False, True)
    assert second.decisions == first.decisions
    assert second.inputs == first.inputs
    assert list(second.pyprojects) == ["worker"]


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "uv.lock", "uv.toml", "api/pyproject.toml", "worker/pyproject.toml"]
)
def test_decisions_are_rebuilt_when_a_file_changed_by_a_comment_even(tmp_path: Path, name: str) -> None:
    context = context_for(tmp_path, FILES)
    following = remembered(context, analyse(context))
    with (context.app_dir / name).open("a") as file:
        file.write("# a comment\n")
    assert not analyse(following).recalled


@pytest.mark.parametrize(("text", "recalled"), [("3.11\n", False), ("# a comment\n3.12\n", False), ("3.12\n\n", True)])
def test_decisions_are_rebuilt_when_another_python_is_asked_for(tmp_path: Path, text: str, recalled: bool) -> None:  # noqa: FBT001
    context = context_for(tmp_path, FILES)
    following = remembered(context, analyse(context))
    plant(context.app_dir, {".python-version": text})
    assert analyse(following).recalled is recalled


@pytest.mark.parametrize(
    "environment",
    [
        {"BP_UV_GROUPS": "ops"},
        {"BP_UV_PACKAGE": "api"},
        {"BP_UV_NO_EDITABLE": "1"},
        {"BP_PYTHON_VERSION": "3.11"},
        {"BP_UV_VERSION": "0.12"},
        {"UV_NO_BINARY": "1"},
    ],
)
def test_decisions_are_rebuilt_when_a_setting_changed(tmp_path: Path, environment: dict[str, str]) -> None:
    context = context_for(tmp_path, FILES)
    following = remembered(context, analyse(context))
    changed = replace(following, environment={**following.environment, **environment})
    assert not analyse(changed).recalled


@pytest.mark.parametrize(
    "environment", [{"BP_LOG_LEVEL": "debug"}, {"BP_UV_ENVIRONMENT_LINK": ".venv"}, {"CC": "clang"}]
)
def test_decisions_are_recalled_when_the_setting_decides_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    context = context_for(tmp_path, FILES)
    following = remembered(context, analyse(context))
    changed = replace(following, environment={**following.environment, **environment})
    assert analyse(changed).recalled


def test_decisions_are_rebuilt_for_another_target_catalogue_or_buildpack(tmp_path: Path) -> None:
    context = context_for(tmp_path, FILES)
    following = remembered(context, analyse(context))
    others = [
        replace(following, target=replace(following.target, arch="arm64")),
        replace(following, target=replace(following.target, distro_version="14")),
        replace(following, buildpack=replace(following.buildpack, version="99")),
    ]
    assert [analyse(other).recalled for other in others] == [False, False, False]
    plant(tmp_path, {"catalogue.json": (tmp_path / "catalogue.json").read_text().replace("3.12.12", "3.12.13")})
    assert analyse(following).decisions.python.version == "3.12.13"


@pytest.mark.parametrize("changed", [{"decisions": "{"}, {"decisions": "{}"}, {"packages": "["}, {"inputs": ""}])
def test_damaged_decisions_are_rebuilt(tmp_path: Path, changed: dict[str, str]) -> None:
    context = context_for(tmp_path, FILES)
    assert not analyse(remembered(context, analyse(context), **changed)).recalled


def test_what_is_wrong_is_found_though_decisions_could_be_recalled(tmp_path: Path) -> None:
    context = context_for(tmp_path, FILES)
    following = remembered(context, analyse(context))
    plant(context.app_dir, {"Procfile": "no process\n"})
    assert problems(following) == ["ProcfileInvalid"]


def test_the_processes_are_planned_for_the_one_chosen_member(tmp_path: Path) -> None:
    with capture_logs():
        analysis = analysed(tmp_path, FILES)
    assert [process.type for process in analysis.processes.processes] == ["web"]


def test_variables_and_settings_for_builds_have_one_digest(tmp_path: Path) -> None:
    project = analysed(tmp_path, PROJECT).project
    assert build_environment({}, project) == ""
    assert build_environment({"PATH": "/bin", "UV_HTTP_TIMEOUT": "1"}, project) == ""
    one = build_environment({"CFLAGS": "-O2", "CC": "gcc"}, project)
    assert one == build_environment({"CC": "gcc", "CFLAGS": "-O2"}, project)
    assert one != build_environment({"CC": "gcc"}, project)
    plant(tmp_path, {"app/uv.toml": "no-build-isolation = true\n"})
    assert build_environment({}, project) != ""


def test_a_target_is_said_with_its_c_library(tmp_path: Path) -> None:
    words = target_text(context_for(tmp_path, PROJECT).target, libc()).split()
    assert words[:2] == ["linux", "amd64"]
    assert words[2] in {"gnu", "musl"}
    assert words[3:] == ["debian", "13"]


TESTED = {
    "pyproject.toml": PYPROJECT + '\n[dependency-groups]\ndev = ["pytest"]\ndocs = ["mkdocs"]\n',
    "uv.lock": LOCK
    + """
[package.dev-dependencies]
dev = [{ name = "pytest" }]
docs = [{ name = "mkdocs" }]
"""
    + "".join(
        f"""
[[package]]
name = "{name}"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
wheels = [{{ url = "https://files.example/{name}-1.0-py3-none-any.whl", hash = "sha256:00" }}]
"""
        for name in ("pytest", "mkdocs")
    ),
}


@pytest.mark.parametrize(
    ("environment", "installed", "types"),
    [
        ({}, set(), ["python"]),
        ({"CNB_EXEC_ENV": "production"}, set(), ["python"]),
        ({"CNB_EXEC_ENV": "test"}, {"pytest"}, ["python", "test"]),
        ({"CNB_EXEC_ENV": "test", "BP_UV_GROUPS": "docs"}, {"mkdocs", "pytest"}, ["python", "test"]),
    ],
)
def test_an_image_for_tests_has_the_default_groups(
    tmp_path: Path, environment: dict[str, str], installed: set[str], types: list[str]
) -> None:
    analysis = analysed(tmp_path, TESTED, environment)
    assert set(analysis.decisions.packages) == installed
    assert [process.type for process in analysis.processes.all] == types


@pytest.mark.parametrize(
    ("default", "installed"), [('["docs"]', {"mkdocs"}), ('"all"', {"mkdocs", "pytest"}), ("[]", set())]
)
def test_the_default_groups_are_those_of_the_project(tmp_path: Path, default: str, installed: set[str]) -> None:
    settings = f"\n[tool.uv]\ndefault-groups = {default}\n"
    files = {**TESTED, "pyproject.toml": TESTED["pyproject.toml"] + settings}
    assert set(analysed(tmp_path, files, {"CNB_EXEC_ENV": "test"}).decisions.packages) == installed


def test_a_project_without_groups_can_be_built_for_tests(tmp_path: Path) -> None:
    assert analysed(tmp_path, PROJECT, {"CNB_EXEC_ENV": "test"}).decisions.choice.groups == ()


def test_decisions_for_production_are_not_recalled_for_tests(tmp_path: Path) -> None:
    context = context_for(tmp_path, TESTED)
    following = remembered(context, analyse(context))
    assert analyse(following).recalled
    for_tests = replace(following, environment={**following.environment, "CNB_EXEC_ENV": "test"})
    assert not analyse(for_tests).recalled


BESIDE = """
[[package]]
name = "beside"
version = "1.0"
source = { registry = "vendor" }
wheels = [{ path = "beside-1.0-py3-none-any.whl" }]
"""


def test_a_file_that_the_lock_names_without_a_hash_is_in_the_identity_and_not_recalled_when_it_changed(
    tmp_path: Path,
) -> None:
    files = {
        "pyproject.toml": PYPROJECT.replace("dependencies = []", 'dependencies = ["beside"]'),
        "uv.lock": f'{LOCK}dependencies = [{{ name = "beside" }}]\n{BESIDE}',
        "vendor/beside-1.0-py3-none-any.whl": "one",
    }
    context = context_for(tmp_path, files)
    first = analyse(context)
    known = remembered(context, first)
    assert analyse(known).recalled
    plant(context.app_dir, {"vendor/beside-1.0-py3-none-any.whl": "another"})
    second = analyse(known)
    assert not second.recalled
    assert first.decisions.packages != second.decisions.packages


def test_the_pythons_of_the_lock_and_of_chosen_groups_decide(tmp_path: Path) -> None:
    lock = LOCK.replace('">=3.11"', '">=3.11,<3.14"').replace("revision = 3", "revision = 5")
    lock += '[package.metadata.requires-dev]\nprod = []\n[package.group-requires-python]\nprod = "<3.13"\n'
    files = {"pyproject.toml": f"{PYPROJECT}[dependency-groups]\nprod = []\n", "uv.lock": lock}
    assert analysed(tmp_path, files).decisions.python.version.startswith("3.13.")
    chosen = analysed(tmp_path, files, {"BP_UV_GROUPS": "prod"})
    assert chosen.decisions.python.version.startswith("3.12.")
    wanted = {"BP_UV_GROUPS": "prod", "BP_PYTHON_VERSION": "3.13"}
    with pytest.raises(Problems) as raised:
        analysed(tmp_path, files, wanted)
    (problem,) = raised.value.problems
    assert isinstance(problem, PythonRequestContradictory)
    assert "group prod of [tool.uv.dependency-groups]" in problem.what


def test_a_new_directory_among_the_members_is_no_reason_to_recall(tmp_path: Path) -> None:
    root = f'{PYPROJECT}[tool.uv.workspace]\nmembers = ["packages/*"]\n'
    context = context_for(tmp_path, {"pyproject.toml": root, "uv.lock": LOCK})
    known = remembered(context, analyse(context))
    assert analyse(known).recalled
    plant(context.app_dir, {"packages/new/module.py": ""})
    assert not analyse(known).recalled


def test_secrets_are_in_no_key(tmp_path: Path) -> None:
    project = analysed(tmp_path, PROJECT).project
    assert build_environment({"CARGO_REGISTRY_TOKEN": "pin-4711", "HATCH_INDEX_AUTH": "hunter2"}, project) == ""
    one = build_environment({"CARGO_REGISTRY_INDEX": "https://user:one@index.example/"}, project)
    assert one == build_environment({"CARGO_REGISTRY_INDEX": "https://user:two@index.example/"}, project)
    assert one != build_environment({"CARGO_REGISTRY_INDEX": "https://user:one@other.example/"}, project)


def test_a_link_out_of_the_app_is_no_place_for_the_environment(tmp_path: Path) -> None:
    context = context_for(tmp_path, PROJECT, {"BP_UV_ENVIRONMENT_LINK": "out/deep/.venv"})
    (context.app_dir / "out").symlink_to(tmp_path)
    with pytest.raises(Problems) as raised:
        analyse(context)
    assert [problem.what for problem in raised.value.problems] == ["out is a link that leads out of the app directory."]


@pytest.mark.parametrize("value", ["a\0b", "x" * 256])
def test_a_name_that_no_file_system_takes_is_no_link(tmp_path: Path, value: str) -> None:
    with pytest.raises(Problems, match="BP_UV_ENVIRONMENT_LINK cannot be"):
        analyse(context_for(tmp_path, PROJECT, {"BP_UV_ENVIRONMENT_LINK": value}))


def test_groups_that_include_each_other_are_read_in_time(tmp_path: Path) -> None:
    # Each includes the next one twice: followed path by path, that is 2**500 ways.
    groups = [f"g{n} = [{{ include-group = 'g{n + 1}' }}, {{ include-group = 'g{n + 1}' }}]" for n in range(500)]
    text = "\n".join((PYPROJECT, "[dependency-groups]", *groups, 'g500 = ["six", { include-group = "g0" }]'))
    with pytest.raises(Problems) as raised:
        analyse(context_for(tmp_path, {**PROJECT, "pyproject.toml": text, "uv.lock": LOCK + "[package.metadata]\n"}))
    assert len(raised.value.problems[0].facts) == 501

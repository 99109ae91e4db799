"""Which packages of a lock are installed, on which platform."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.errors import LockfileOutdated, Problems, UnknownExtra, UnknownGroup, UnknownPackage
from uv_buildpack.project.lockfile import Artifact, Lock, LockedPackage, read_lock
from uv_buildpack.project.selection import (
    Choice,
    Platform,
    candidates,
    choose,
    compatible_wheels,
    group_pythons,
    identity,
    select,
)

if TYPE_CHECKING:
    from pathlib import Path

LINUX = Platform(python="3.13.4", machine="x86_64", libc="gnu")
ALL = Choice(members=(), extras=(), groups=())


def package(name: str, version: str, *lines: str) -> str:
    """Write a package of the index."""
    source = 'source = { registry = "https://index.example/simple" }'
    return "\n".join(("[[package]]", f'name = "{name}"', f'version = "{version}"', source, *lines, ""))


def lock_of(directory: Path, *parts: str) -> Lock:
    plant(directory, {"uv.lock": "\n".join(('version = 1\nrequires-python = ">=3.11"', *parts))})
    return read_lock(directory / "uv.lock", "uv.lock")


def versions(lock: Lock, wanted: Choice = ALL, platform: Platform = LINUX, name: str | None = "app") -> list[str]:
    return [f"{found.name} {found.version}" for found in select(lock, choose(lock, name, wanted), platform)]


def simple(directory: Path, project: str, *packages: str) -> Lock:
    head = '[[package]]\nname = "app"\nversion = "0.1.0"\nsource = { virtual = "." }\n'
    return lock_of(directory, head + project, *packages)


def test_what_the_project_needs_is_selected_and_nothing_else(tmp_path: Path) -> None:
    lock = simple(
        tmp_path,
        'dependencies = [{ name = "a" }]',
        package("a", "1", 'dependencies = [{ name = "b" }]'),
        package("b", "2"),
        package("c", "3"),
    )
    assert versions(lock) == ["a 1", "app 0.1.0", "b 2"]


def test_a_circle_of_dependencies_ends(tmp_path: Path) -> None:
    lock = simple(
        tmp_path,
        'dependencies = [{ name = "a" }]',
        package("a", "1", 'dependencies = [{ name = "b" }]'),
        package("b", "2", 'dependencies = [{ name = "a" }]'),
    )
    assert versions(lock) == ["a 1", "app 0.1.0", "b 2"]


@pytest.mark.parametrize(
    ("marker", "platform", "selected"),
    [
        ("sys_platform == 'linux'", LINUX, True),
        ("sys_platform == 'win32'", LINUX, False),
        ("python_full_version < '3.13'", LINUX, False),
        ("python_full_version < '3.13'", Platform(python="3.12.9", machine="x86_64", libc="gnu"), True),
        ("platform_machine == 'aarch64'", LINUX, False),
        ("platform_machine == 'aarch64'", Platform(python="3.13.4", machine="aarch64", libc="gnu"), True),
        ("implementation_name == 'cpython' and os_name != 'nt'", LINUX, True),
        ("python_version >= '3.9'", LINUX, True),
    ],
)
def test_a_marker_decides(tmp_path: Path, marker: str, platform: Platform, selected: bool) -> None:  # noqa: FBT001
    lock = simple(tmp_path, f'dependencies = [{{ name = "a", marker = "{marker}" }}]', package("a", "1"))
    assert ("a 1" in versions(lock, platform=platform)) is selected


EXTRAS = """
dependencies = [{ name = "a", extra = ["fast"] }]

[package.optional-dependencies]
docs = [{ name = "d" }]

[package.dev-dependencies]
dev = [{ name = "e" }]

[package.metadata]
provides-extras = ["docs", "empty"]

[package.metadata.requires-dev]
dev = [{ name = "e" }]
nothing = []
"""


@pytest.fixture
def extras(tmp_path: Path) -> Lock:
    fast = '[package.optional-dependencies]\nfast = [{ name = "c" }]\nslow = [{ name = "x" }]'
    return simple(
        tmp_path,
        EXTRAS,
        package("a", "1", fast),
        package("c", "1"),
        package("d", "1"),
        package("e", "1"),
        package("x", "1"),
    )


def test_an_extra_that_a_dependency_asks_for_is_selected(extras: Lock) -> None:
    assert versions(extras) == ["a 1", "app 0.1.0", "c 1"]


@pytest.mark.parametrize("wanted", [("docs",), ("*",), ("docs", "empty")])
def test_an_extra_that_was_chosen_is_selected(extras: Lock, wanted: tuple[str, ...]) -> None:
    choice = Choice(members=(), extras=wanted, groups=())
    assert versions(extras, choice) == ["a 1", "app 0.1.0", "c 1", "d 1"]


def test_all_extras_become_their_names(extras: Lock) -> None:
    assert choose(extras, "app", Choice(members=(), extras=("*",), groups=())).extras == ("docs", "empty")


def test_no_group_is_selected_unless_chosen(extras: Lock) -> None:
    assert "e 1" not in versions(extras)
    assert "e 1" in versions(extras, Choice(members=(), extras=(), groups=("dev", "nothing")))


def test_a_renamed_project_is_a_stale_lock_and_no_wrong_choice(extras: Lock) -> None:
    with pytest.raises(Problems) as raised:
        choose(extras, "shop", Choice(members=(), extras=(), groups=()))
    (problem,) = raised.value.problems
    assert isinstance(problem, LockfileOutdated)
    assert problem.facts == ("the project is shop, uv.lock has app",)


def test_all_that_is_unknown_is_said_at_once(extras: Lock) -> None:
    with pytest.raises(Problems) as raised:
        choose(extras, "app", Choice(members=("app", "ghost"), extras=("nope",), groups=("none",)))
    package_problem, extra_problem, group_problem = raised.value.problems
    assert isinstance(package_problem, UnknownPackage)
    assert package_problem.facts == ("Members: app.",)
    assert isinstance(extra_problem, UnknownExtra)
    assert extra_problem.facts == ("Extras: docs, empty.",)
    assert isinstance(group_problem, UnknownGroup)
    assert group_problem.facts == ("Groups: dev, nothing.",)


FORKS = (
    'dependencies = [\n    { name = "a", version = "1", source = { registry = "https://index.example/simple" }, '
    "marker = \"python_full_version < '3.12'\" },\n"
    '    { name = "a", version = "2", source = { registry = "https://index.example/simple" }, '
    "marker = \"python_full_version >= '3.12'\" },\n]"
)


@pytest.mark.parametrize(("python", "version"), [("3.11.9", "1"), ("3.13.4", "2")])
def test_of_forked_versions_the_one_for_the_platform_is_selected(tmp_path: Path, python: str, version: str) -> None:
    lock = simple(tmp_path, FORKS, package("a", "1"), package("a", "2"))
    platform = Platform(python=python, machine="x86_64", libc="gnu")
    assert versions(lock, platform=platform) == [f"a {version}", "app 0.1.0"]


def test_of_equal_versions_from_two_sources_the_named_one_is_selected(tmp_path: Path) -> None:
    dependency = '{ name = "a", version = "1", source = { registry = "https://other.example/simple" } }'
    other = '[[package]]\nname = "a"\nversion = "1"\nsource = { registry = "https://other.example/simple" }\n'
    lock = simple(tmp_path, f"dependencies = [{dependency}]", package("a", "1"), other)
    selected = select(lock, choose(lock, "app", ALL), LINUX)
    assert [found.source for found in selected if found.name == "a"] == ["https://other.example/simple"]


CONFLICTS = (
    'conflicts = [[{ package = "app", extra = "cpu" }, { package = "app", extra = "gpu" }]]',
    """
[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "plain", marker = "extra != 'extra-3-app-gpu'" },
    { name = "lib", extra = ["b"], marker = "extra == 'extra-3-lib-b' or (extra == 'extra-3-app-cpu' and extra == 'extra-3-app-gpu')" },
]

[package.optional-dependencies]
cpu = [{ name = "torch", version = "1", source = { registry = "https://index.example/simple" }, marker = "extra == 'extra-3-app-cpu'" }]
gpu = [{ name = "torch", version = "2", source = { registry = "https://index.example/simple" }, marker = "extra == 'extra-3-app-gpu'" }]

[package.dev-dependencies]
ops = [{ name = "ops", marker = "extra == 'group-3-app-ops'" }]

[[package]]
name = "lib"
version = "1"
source = { editable = "lib" }

[package.optional-dependencies]
b = [{ name = "needed" }]
""",  # noqa: E501 (uv writes one dependency a line)
)


@pytest.mark.parametrize(
    ("extras", "groups", "expected"),
    [
        ((), (), ["app 0.1.0", "lib 1", "needed 1", "plain 1"]),
        (("cpu",), (), ["app 0.1.0", "lib 1", "needed 1", "plain 1", "torch 1"]),
        (("gpu",), (), ["app 0.1.0", "lib 1", "needed 1", "torch 2"]),
        ((), ("ops",), ["app 0.1.0", "lib 1", "needed 1", "ops 1", "plain 1"]),
    ],
)
def test_conflicting_extras_and_groups_are_told_apart(
    tmp_path: Path, extras: tuple[str, ...], groups: tuple[str, ...], expected: list[str]
) -> None:
    names = (("plain", "1"), ("torch", "1"), ("torch", "2"), ("needed", "1"), ("ops", "1"))
    lock = lock_of(tmp_path, *CONFLICTS, *(package(*name) for name in names))
    assert versions(lock, Choice(members=(), extras=extras, groups=groups)) == expected


def test_an_extra_that_a_dependency_turns_on_is_seen_by_all_markers(tmp_path: Path) -> None:
    lock = lock_of(
        tmp_path,
        'conflicts = [[{ package = "lib", extra = "a" }, { package = "lib", extra = "b" }]]',
        """
[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "early", marker = "extra == 'extra-3-lib-b'" },
    { name = "lib", extra = ["b"] },
]

[[package]]
name = "lib"
version = "1"
source = { editable = "lib" }
""",
        package("early", "1"),
    )
    assert versions(lock) == ["app 0.1.0", "early 1", "lib 1"]


WORKSPACE = """
conflicts = []

[manifest]
members = ["api", "worker"]

[manifest.dependency-groups]
ops = [{ name = "linter" }]
dev = [{ name = "of-root" }]

[[package]]
name = "api"
version = "1"
source = { editable = "api" }
dependencies = [{ name = "a" }]

[package.dev-dependencies]
dev = [{ name = "of-api" }]

[[package]]
name = "worker"
version = "2"
source = { virtual = "worker" }
dependencies = [{ name = "b" }]
"""
OTHERS = (("a", "1"), ("b", "1"), ("linter", "1"), ("of-root", "1"), ("of-api", "1"))


@pytest.fixture
def workspace(tmp_path: Path) -> Lock:
    return lock_of(tmp_path, WORKSPACE, *(package(*other) for other in OTHERS))


def test_a_root_that_is_no_project_means_all_members(workspace: Lock) -> None:
    assert choose(workspace, None, ALL).members == ("api", "worker")
    assert versions(workspace, name=None) == ["a 1", "api 1", "b 1", "worker 2"]


def test_a_member_brings_only_what_it_needs(workspace: Lock) -> None:
    assert versions(workspace, name="api") == ["a 1", "api 1"]


def test_a_chosen_package_beats_the_project(workspace: Lock) -> None:
    assert versions(workspace, Choice(members=("worker",), extras=(), groups=()), name="api") == ["b 1", "worker 2"]


@pytest.mark.parametrize("name", [None, "api"])
def test_a_group_of_the_root_counts_for_members(workspace: Lock, name: str | None) -> None:
    assert "linter 1" in versions(workspace, Choice(members=(), extras=(), groups=("ops",)), name=name)


def test_a_members_own_group_hides_the_roots(workspace: Lock) -> None:
    selected = versions(workspace, Choice(members=(), extras=(), groups=("dev",)), name="api")
    assert "of-api 1" in selected
    assert "of-root 1" not in selected


def test_a_group_of_a_root_that_is_a_project_counts_for_members(tmp_path: Path) -> None:
    root = (
        '[[package]]\nname = "root"\nversion = "1"\nsource = { virtual = "." }\n'
        '[package.dev-dependencies]\nlint = [{ name = "linter" }]\n'
    )
    members = WORKSPACE.replace('members = ["api",', 'members = ["api", "root",')
    lock = lock_of(tmp_path, members, root, *(package(*other) for other in OTHERS))
    selected = versions(lock, Choice(members=(), extras=(), groups=("lint",)), name="api")
    assert selected == ["a 1", "api 1", "linter 1"]


def test_forks_decide_where_a_group_of_the_root_names_no_version(tmp_path: Path) -> None:
    forks = (
        package("linter", "1", "resolution-markers = [\"python_full_version < '3.12'\"]"),
        package("linter", "2", "resolution-markers = [\"python_full_version >= '3.12'\"]"),
    )
    lock = lock_of(tmp_path, WORKSPACE, *(package(*other) for other in OTHERS if other[0] != "linter"), *forks)
    selected = versions(lock, Choice(members=("api",), extras=(), groups=("ops",)))
    assert selected == ["a 1", "api 1", "linter 2"]


def test_conflicting_projects_are_told_apart(tmp_path: Path) -> None:
    lock = lock_of(
        tmp_path,
        'conflicts = [[{ package = "api" }, { package = "worker" }]]\n[manifest]\nmembers = ["api", "worker"]',
        *(
            f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ virtual = "{name}" }}\ndependencies = '
            f'[{{ name = "six", version = "{version}", source = {{ registry = "https://index.example/simple" }}, '
            f"marker = \"extra == 'project-{len(name)}-{name}'\" }}]\n"
            for name, version in (("api", "1.16"), ("worker", "1.17"))
        ),
        package("six", "1.16"),
        package("six", "1.17"),
    )
    assert versions(lock, name="worker") == ["six 1.17", "worker 1"]


def wheels(*names: str) -> LockedPackage:
    return LockedPackage(
        name="a",
        version="1",
        source_kind="registry",
        source="https://index.example/simple",
        dependencies=(),
        extras={},
        groups={},
        wheels=tuple(Artifact(filename=f"a-1-{name}.whl", hash=f"sha256:{name}", size=None) for name in names),
        sdist=Artifact(filename="a-1.tar.gz", hash="sha256:sdist", size=None),
        forks=(),
        metadata=None,
        group_pythons={},
    )


def no_file(path: str) -> str:
    """These packages have no file beside the lock."""
    raise AssertionError(path)


FREE_THREADED = Platform(python="3.13.4", machine="x86_64", libc="gnu", freethreaded=True)
MUSL = Platform(python="3.13.4", machine="x86_64", libc="musl")


@pytest.mark.parametrize(
    ("tag", "platform", "compatible"),
    [
        ("py3-none-any", LINUX, True),
        ("py2.py3-none-any", LINUX, True),
        ("py2-none-any", LINUX, False),
        ("py314-none-any", LINUX, False),
        ("cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64", LINUX, True),
        ("cp313-cp313-manylinux_2_17_aarch64", LINUX, False),
        ("cp313-cp313-musllinux_1_2_x86_64", LINUX, False),
        ("cp313-cp313-musllinux_1_2_x86_64", MUSL, True),
        ("cp313-cp313-manylinux_2_17_x86_64", MUSL, False),
        ("cp313-cp313-linux_x86_64", LINUX, True),
        ("cp312-cp312-manylinux_2_17_x86_64", LINUX, False),
        ("cp313-none-manylinux_2_17_x86_64", LINUX, True),
        ("cp38-abi3-manylinux_2_17_x86_64", LINUX, True),
        ("cp314-abi3-manylinux_2_17_x86_64", LINUX, False),
        ("cp38-abi3-manylinux_2_17_x86_64", FREE_THREADED, False),
        ("cp313-cp313t-manylinux_2_17_x86_64", FREE_THREADED, True),
        ("cp313-cp313t-manylinux_2_17_x86_64", LINUX, False),
        ("cp313-cp313-manylinux_2_17_x86_64", FREE_THREADED, False),
        ("py3-none-manylinux_2_17_x86_64", FREE_THREADED, True),
        ("cp313-cp313-win_amd64", LINUX, False),
        ("cp313-cp313-macosx_11_0_arm64", LINUX, False),
        ("pp310-pypy310_pp73-manylinux_2_17_x86_64", LINUX, False),
        ("nonsense", LINUX, False),
    ],
)
def test_a_wheel_fits_by_interpreter_abi_and_platform(tag: str, platform: Platform, compatible: bool) -> None:  # noqa: FBT001
    assert bool(compatible_wheels(wheels(tag), platform)) is compatible


def test_the_identity_does_not_change_for_a_wheel_of_another_platform() -> None:
    one = wheels("cp313-cp313-manylinux_2_17_x86_64")
    two = wheels("cp313-cp313-win_amd64", "cp313-cp313-manylinux_2_17_x86_64")
    assert identity(one, LINUX, no_file) == identity(two, LINUX, no_file)


def test_the_identity_changes_with_version_source_and_files() -> None:
    base = wheels("py3-none-any")
    others = [
        wheels("py2.py3-none-any"),
        wheels(),
        base._replace(version="2"),
        base._replace(source="https://other.example/simple"),
    ]
    identities = {identity(entry, LINUX, no_file) for entry in (base, *others)}
    assert len(identities) == 5


def test_the_identity_of_a_file_beside_the_lock_is_its_content() -> None:
    base = wheels("py3-none-any")
    wheel = base.wheels[0]._replace(hash="", path="vendor/a-1-py3-none-any.whl")
    sdist = Artifact(filename="a-1.tar.gz", hash="", size=None, path="vendor/a-1.tar.gz")
    beside = base._replace(wheels=(wheel,), sdist=sdist)
    contents = {"vendor/a-1-py3-none-any.whl": "1", "vendor/a-1.tar.gz": "1"}
    first = identity(beside, LINUX, contents.__getitem__)
    assert identity(beside, LINUX, contents.__getitem__) == first
    # A setting may have uv build the source although there is a wheel.
    for path in contents:
        assert identity(beside, LINUX, {**contents, path: "2"}.__getitem__) != first
    assert [file.path for file in candidates(beside, LINUX)] == list(contents)


CONFLICTING = """
    conflicts = [
        [{ package = "app", extra = "cpu" }, { package = "app", extra = "gpu" }, { package = "app", group = "metal" }],
        [{ package = "lib", extra = "a" }, { package = "lib", extra = "b" }],
    ]
"""


@pytest.mark.parametrize(
    ("extras", "groups", "said"),
    [
        (("cpu", "gpu"), (), "The extra cpu of app and the extra gpu of app cannot be installed together."),
        (("gpu",), ("metal",), "The extra gpu of app and the group metal of app cannot be installed together."),
        (("gpu",), (), None),
        (("a", "b"), (), None),
    ],
)
def test_a_choice_of_what_conflicts_is_refused_as_uv_does(
    tmp_path: Path, extras: tuple[str, ...], groups: tuple[str, ...], said: str | None
) -> None:
    text = (
        CONFLICTING
        + """
        [[package]]
        name = "app"
        version = "1"
        source = { virtual = "." }
        [package.metadata]
        provides-extras = ["cpu", "gpu", "a", "b"]
        [package.metadata.requires-dev]
        metal = []
        [[package]]
        name = "lib"
        version = "1"
        source = { virtual = "lib" }
        [package.metadata]
        provides-extras = ["a", "b"]
    """
    )
    (tmp_path / "uv.lock").write_text(f"version = 1\n{dedent(text)}", encoding="utf-8")
    lock = read_lock(tmp_path / "uv.lock", "uv.lock")
    wanted = Choice(members=(), extras=extras, groups=groups)
    if said is None:
        assert choose(lock, "app", wanted).extras == extras
    else:
        with pytest.raises(Problems) as raised:
            choose(lock, "app", wanted)
        assert [problem.what for problem in raised.value.problems] == [said]


@pytest.mark.parametrize(
    ("marker", "members", "refused"), [("", 2, True), ("os_name == 'nt'", 2, True), ("", 0, False)]
)
def test_conflicting_extras_of_a_member_that_is_needed_are_refused(
    tmp_path: Path, marker: str, members: int, *, refused: bool
) -> None:
    edge = f'{{ name = "lib", marker = "{marker}" }}' if marker else '{ name = "lib" }'
    text = (
        f"version = 1\n{dedent(CONFLICTING)}\n[manifest]\nmembers = {['app', 'lib'][:members]}\n"
        f'[[package]]\nname = "app"\nversion = "1"\nsource = {{ virtual = "." }}\ndependencies = [{edge}]\n'
        '[package.metadata]\nprovides-extras = ["a", "b"]\n'
        '[[package]]\nname = "lib"\nversion = "1"\nsource = { virtual = "lib" }\n'
    )
    (tmp_path / "uv.lock").write_text(text, encoding="utf-8")
    lock = read_lock(tmp_path / "uv.lock", "uv.lock")
    if not refused:
        assert choose(lock, "app", Choice(members=(), extras=("a", "b"), groups=())).extras == ("a", "b")
        return
    for extras in (("a", "b"), ("*",)):
        with pytest.raises(Problems, match="the extra b of lib cannot be installed together"):
            choose(lock, "app", Choice(members=(), extras=extras, groups=()))


NEEDING_LIB = """
    version = 1
    conflicts = [[{{ package = "lib", group = "a" }}, {{ package = "lib", group = "b" }}]]
    manifest.members = ["app", "lib"]
    [[package]]
    name = "app"
    version = "1"
    source = {{ virtual = "." }}
    {edges}
    [package.dev-dependencies]
    a = []
    b = []
    [[package]]
    name = "lib"
    version = "1"
    source = {{ virtual = "lib" }}
"""


@pytest.mark.parametrize(
    ("edges", "extras", "refused"),
    [
        ('dependencies = [{ name = "lib" }]', (), True),
        ('optional-dependencies.more = [{ name = "lib" }]', (), False),
        ('optional-dependencies.more = [{ name = "lib" }]', ("more",), True),
        ('dependencies = [{ name = "lib" }]\noptional-dependencies.more = []', ("more",), True),
    ],
)
def test_conflicting_groups_count_for_members_that_the_choice_leads_to(
    tmp_path: Path, edges: str, extras: tuple[str, ...], *, refused: bool
) -> None:
    (tmp_path / "uv.lock").write_text(NEEDING_LIB.format(edges=edges), encoding="utf-8")
    lock = read_lock(tmp_path / "uv.lock", "uv.lock")
    wanted = Choice(members=(), extras=extras, groups=("a", "b"))
    if refused:
        with pytest.raises(Problems, match="The group a of lib and the group b of lib cannot be installed together"):
            choose(lock, "app", wanted)
    else:
        assert choose(lock, "app", wanted).groups == ("a", "b")


def test_the_pythons_of_chosen_groups_are_those_of_the_lock(tmp_path: Path) -> None:
    text = """
        version = 1
        revision = 5
        [manifest.group-requires-python]
        shared = ">=3.12"
        [[package]]
        name = "app"
        version = "1"
        source = { editable = "app" }
        [package.group-requires-python]
        mine = "<3.14"
        [[package]]
        name = "other"
        version = "1"
        source = { editable = "other" }
        [package.group-requires-python]
        theirs = "<3.13"
    """
    (tmp_path / "uv.lock").write_text(dedent(text), encoding="utf-8")
    lock = read_lock(tmp_path / "uv.lock", "uv.lock")
    choice = Choice(members=("app",), extras=(), groups=("mine", "shared", "theirs"))
    assert group_pythons(lock, choice) == {"mine": "<3.14", "shared": ">=3.12"}


def test_an_identity_holds_no_credentials_and_does_not_change_with_them(tmp_path: Path) -> None:
    def identified(address: str) -> str:
        lock = lock_of(tmp_path, f'[[package]]\nname = "x"\nversion = "1"\nsource = {{ url = "{address}" }}\n')
        return identity(lock.packages[0], LINUX, no_file)

    one = identified("https://deploy:sw0rdfish@files.example/x-1.tar.gz")
    assert one == identified("https://deploy:another@files.example/x-1.tar.gz")
    assert one != identified("https://deploy:sw0rdfish@files.example/x-2.tar.gz")
    assert not {"deploy", "sw0rdfish", "files.example"} & set(one.replace("=", " ").split())

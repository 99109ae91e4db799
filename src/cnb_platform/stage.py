"""Setting up a build: directories, machine, buildpacks, app, platform directory, images."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cnb import toml
from cnb_platform import directories, oci
from cnb_platform.buildpack import Buildpack, Group, Reference, Shelf, read_buildpack, read_order
from cnb_platform.buildpackage import unpack
from cnb_platform.console import Log
from cnb_platform.container import Start, container_machine, image_owner
from cnb_platform.directories import CUSTOMARY_APP, CUSTOMARY_LAYERS, NotFree, Pair
from cnb_platform.environment import Place
from cnb_platform.errors import UnusableArgument
from cnb_platform.machine import DEFAULT_OWNER, Machine, give_tree, this_machine
from cnb_platform.oci import Image
from cnb_platform.request import Request
from cnb_platform.run_image import read_run_image, target_of, this_architecture
from cnb_platform.session import Session
from cnb_platform.tar import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A build that can begin."""

    session: Session
    shelf: Shelf
    order: tuple[Group, ...]
    run_image: Image
    previous_image: Image | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    layers: Place
    app: Place
    platform: Place
    plans: Place
    buildpacks: Mapping[str, Place]
    build_config: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setup:
    """What is decided before any directory is made; `stack` undoes what is made."""

    request: Request
    caller: Mapping[str, str]
    log: Log
    work: Path
    shelf: Shelf
    owner: Owner
    stack: contextlib.ExitStack


@contextlib.contextmanager
def stage(request: Request, caller: Mapping[str, str], log: Log) -> Iterator[Staged]:
    """Make everything that the phases need; whatever was made is gone at the end, the image and cache aside.

    Raises PlatformError for what does not exist or cannot be read.
    """
    with contextlib.ExitStack() as stack:
        owner = request.owner or (image_owner(request.container) if request.container else DEFAULT_OWNER)
        work = stack.enter_context(_work_directory(owner))
        shelf, order = _buildpacks(request, work)
        run_image, previous = read_run_image(request.run_image), _previous_image(request)
        setup = _Setup(request=request, caller=caller, log=log, work=work, shelf=shelf, owner=owner, stack=stack)
        session = _session(setup, run_image)
        yield Staged(session=session, shelf=shelf, order=order, run_image=run_image, previous_image=previous)


def _session(setup: _Setup, run_image: Image) -> Session:
    request = setup.request
    places = _places_inside(setup) if request.container else _places_here(setup)
    _fill(request, places)
    machine = _machine(setup, places)
    for place in (places.app, places.layers, places.platform, places.plans):
        machine.give(place.host)
    return Session(
        machine=machine,
        log=setup.log,
        layers=places.layers,
        app=places.app,
        platform=places.platform,
        plans=places.plans,
        buildpacks=places.buildpacks,
        target=target_of(run_image, machine, int(request.platform_api.partition(".")[2])),
        platform_api=request.platform_api,
        umask=request.umask,
        exec_env=request.env.get("CNB_EXEC_ENV", "production"),
        build_config=places.build_config,
    )


@contextlib.contextmanager
def _work_directory(owner: Owner) -> Iterator[Path]:
    """Yield a temporary directory that the build user can reach."""
    parent = Path(tempfile.gettempdir())
    if not directories.reachable(parent / "x", owner):
        parent = Path("/tmp")  # noqa: S108 - the caller's own TMPDIR is closed to the build user
    path = Path(tempfile.mkdtemp(prefix="cnb-platform-", dir=parent))
    path.chmod(0o711)  # to pass through: what is secret lies below a directory that is the build user's alone
    try:
        yield path
    finally:
        directories.remove_tree(path)


def _buildpacks(request: Request, work: Path) -> tuple[Shelf, tuple[Group, ...]]:
    """Return the buildpacks given, and the order: that of `--order`, else one group of all that were named."""
    found: list[Buildpack] = []
    named: list[Buildpack] = []
    for number, path in enumerate(request.buildpacks):
        paths = unpack(path, work / f"package-{number}") if path.is_file() else [path.absolute()]
        read = [read_buildpack(directory) for directory in paths]
        named.append(read[0])
        found += (buildpack for buildpack in read if buildpack.key not in {known.key for known in found})
    shelf = Shelf(tuple(found))
    if request.order is None:
        return shelf, (tuple(Reference(id=b.id, version=b.version) for b in named),)
    try:
        return shelf, tuple(read_order(toml.load(request.order)))
    except (OSError, toml.TOMLError, KeyError, TypeError, AttributeError) as error:
        raise UnusableArgument(f"{request.order} is not an order: {error}") from error


def _previous_image(request: Request) -> Image | None:
    layout = request.previous_image or request.image
    if request.previous_image is None and not (layout / "index.json").exists():
        return None
    return oci.read(layout, this_architecture())


def _own(setup: _Setup) -> Path:
    """Return the part of the work directory that is the build user's alone: it holds the user's variables."""
    own = setup.work / "own"
    own.mkdir(mode=0o700)
    for name in ("platform/env", "platform/bindings", "plans"):
        (own / name).mkdir(parents=True)
    return own


def _places_inside(setup: _Setup) -> _Places:
    """Return directories that are mounted into a container, where they have the platforms' paths."""
    request, own = setup.request, _own(setup)
    for name, mode in (("layers", 0o755), ("workspace", 0o777)):
        (own / name).mkdir()
        (own / name).chmod(mode)
    return _Places(
        layers=Place(own / "layers", str(request.layers_dir or CUSTOMARY_LAYERS)),
        app=Place(own / "workspace", str(request.app_dir or CUSTOMARY_APP)),
        platform=Place(own / "platform", "/platform"),
        plans=Place(own / "plans", "/cnb/plans"),
        buildpacks={
            b.key: Place(b.directory, f"/cnb/buildpacks/{b.directory_name}/{b.version}") for b in setup.shelf.buildpacks
        },
        build_config=Place(request.build_config.absolute(), "/cnb/build-config") if request.build_config else None,
    )


def _places_here(setup: _Setup) -> _Places:
    """Return directories that the phases see as this process does."""
    request, own = setup.request, _own(setup)
    pair = _pair(setup)
    return _Places(
        layers=_same(pair.layers),
        app=_same(pair.app),
        platform=_same(own / "platform"),
        plans=_same(own / "plans"),
        buildpacks={buildpack.key: _same(_readable(setup, buildpack)) for buildpack in setup.shelf.buildpacks},
        build_config=_same(request.build_config.absolute()) if request.build_config else None,
    )


def _same(path: Path) -> Place:
    return Place(path, str(path))


def _pair(setup: _Setup) -> Pair:
    """Layers and app directory on this machine; what the user named is kept afterwards."""
    request = setup.request
    if request.layers_dir is None and request.app_dir is None:
        pair = setup.stack.enter_context(directories.customary(setup.caller))
    else:
        layers = (request.layers_dir or CUSTOMARY_LAYERS).absolute()
        app = (request.app_dir or layers.with_name(f"{layers.name}-app")).absolute()
        try:
            pair = setup.stack.enter_context(directories.claim(Pair(layers, app), keep=True))
        except NotFree as error:
            raise UnusableArgument(f"--layers and --app-dir must name directories that are free: {error}") from error
    if pair != Pair(CUSTOMARY_LAYERS, CUSTOMARY_APP):
        setup.log.line(f"Layers are in {pair.layers}, the app is in {pair.app}")
    return pair


def _readable(setup: _Setup, buildpack: Buildpack) -> Path:
    """Return the buildpack's directory if the build user can read it, else a copy that everybody can."""
    directory = buildpack.directory
    programs = [directory / "bin" / name for name in ("detect", "build") if (directory / "bin" / name).exists()]
    read_and_pass = stat.S_IROTH | stat.S_IXOTH
    if os.geteuid() != 0 or all(
        directories.usable_by(path, setup.owner, read_and_pass) for path in (directory, *programs)
    ):
        return directory
    copy = setup.work / "readable" / buildpack.directory_name / buildpack.version
    setup.log.line(f"{directory} is closed to the build user: a copy of it is used")
    directories.copy_readable(directory, copy)
    return copy


def _fill(request: Request, places: _Places) -> None:
    """Copy the app, the user's variables and the bindings."""
    results = {path.resolve() for path in (request.image, request.cache, request.previous_image) if path}
    directories.copy_app(request.app, places.app.host, results)
    for name, value in request.env.items():
        (places.platform.host / "env" / name).write_bytes(os.fsencode(value))
    for binding in request.bindings:
        shutil.copytree(binding, places.platform.host / "bindings" / binding.resolve().name)


def _machine(setup: _Setup, places: _Places) -> Machine:
    if os.geteuid() == 0:
        give_tree(places.plans.host.parent, setup.owner)
    if not setup.request.container:
        return this_machine(setup.caller, setup.owner, setup.request.umask)
    read_only = [*places.buildpacks.values(), *([places.build_config] if places.build_config else [])]
    start = Start(
        image=setup.request.container,
        own=(places.layers, places.app, places.platform, places.plans),
        read_only=tuple(read_only),
        volumes=setup.request.volumes,
        owner=setup.owner,
        umask=setup.request.umask,
    )
    return setup.stack.enter_context(container_machine(start))

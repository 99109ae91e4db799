"""The baseline: what buildpacks for Python usually do, with the same SDK, interpreters and uv as the real one.

`python` and `venv` are `launch`, `build` and `cache`: the platform restores both on each build. Then comes
`uv sync --locked --compile-bytecode`, which compiles every module again, as with Heroku's buildpack:
`SOURCE_DATE_EPOCH` makes bytecode that stays valid in the image, and uv then takes none of it for up to date.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).with_name("runtime") / "lib" / "uv_buildpack.zip"))

from cnb.context import BuildContext
from cnb.detection import DetectContext
from cnb.launch import Process
from cnb.layer import Layer, LayerTypes, Variable
from cnb.plan import BuildPlan
from cnb.result import BuildResult, empty_layer
from cnb.run import NotDetected, run_build, run_detect
from uv_buildpack.downloads.archive import extract

_CACHED = LayerTypes(launch=True, build=True, cache=True)
_BYTECODE_OF_THE_IMAGE = {"SOURCE_DATE_EPOCH": "315532801"}


def detect(context: DetectContext) -> BuildPlan | NotDetected:
    """Pass where there is a `uv.lock`."""
    if (context.app_dir / "uv.lock").is_file():
        return BuildPlan()
    return NotDetected("there is no uv.lock")


def build(context: BuildContext) -> BuildResult:
    """Make or take the interpreter, then sync and compile the environment."""
    chosen = _choose(context)
    target = context.target
    identity = {
        "python": f"{chosen['version']} {chosen['date']}",
        "target": f"{target.arch} {target.distro_name} {target.distro_version}",
    }
    print("Python", identity["python"], flush=True)
    _python(context, chosen, identity)
    uv = _uv(context)
    print("Environment", flush=True)
    _venv(context, uv, identity)
    venv = context.layers_dir / "venv"
    return BuildResult(
        layers=(
            Layer(name="python", types=_CACHED, metadata=identity),
            Layer(name="uv", types=LayerTypes(build=True)),
            Layer(
                name="venv",
                types=_CACHED,
                metadata=identity,
                environment=(Variable(name="VIRTUAL_ENV", value=str(venv)),),
            ),
        ),
        processes=(Process(type="web", command=("python", "main.py"), default=True),),
    )


def _choose(context: BuildContext) -> dict[str, str]:
    """Return the newest build of the version in `.python-version`."""
    wanted = (context.app_dir / ".python-version").read_text(encoding="utf-8").strip()
    catalogue = Path(context.environment["BP_PYTHON_CATALOGUE"])
    builds: list[dict[str, str]] = json.loads(catalogue.read_text(encoding="utf-8"))["builds"]
    fitting = [build for build in builds if f"{build['version']}.".startswith(f"{wanted}.")]
    return max(fitting, key=lambda build: build["date"])


def _is_restored(context: BuildContext, name: str, identity: dict[str, str]) -> bool:
    restored = context.restored.get(name)
    return restored is not None and restored.directory is not None and dict(restored.metadata) == identity


def _python(context: BuildContext, chosen: dict[str, str], identity: dict[str, str]) -> None:
    if _is_restored(context, "python", identity):
        return
    directory = empty_layer(context, "python")
    mirror = Path(unquote(urlsplit(context.environment["BP_PYTHON_MIRROR"]).path))
    extract(mirror / chosen["path"], directory, strip_components=1)
    python = next(path for path in sorted((directory / "bin").glob("python3.*")) if not path.name.endswith("config"))
    for name in ("python", "python3"):
        link = directory / "bin" / name
        if not link.exists():
            link.symlink_to(python.name)
    # The archives of others come compiled. -B: otherwise what this process itself imports is written with time stamps,
    # which compileall considers up to date, and which each later build finds stale and rewrites.
    argv = [str(python), "-B", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*argv, str(directory / "lib")], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _uv(context: BuildContext) -> Path:
    directory = empty_layer(context, "uv")
    (directory / "bin").mkdir()
    uv = directory / "bin" / "uv"
    uv.symlink_to(context.buildpack.directory / "uv" / "uv")
    return uv


def _venv(context: BuildContext, uv: Path, identity: dict[str, str]) -> None:
    if not _is_restored(context, "venv", identity):
        empty_layer(context, "venv")
    cache = context.layers_dir / ".uv-cache"
    passed = {name: value for name, value in context.environment.items() if name.startswith(("SSL_CERT", "HTTP"))}
    environment = passed | _BYTECODE_OF_THE_IMAGE | {
        "PATH": context.environment.get("PATH", os.defpath),
        "HOME": str(cache),
        "UV_CACHE_DIR": str(cache),
        "UV_NO_MANAGED_PYTHON": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PROJECT_ENVIRONMENT": str(context.layers_dir / "venv"),
        "UV_PYTHON": str(context.layers_dir / "python" / "bin" / "python3"),
        "UV_PYTHON_DOWNLOADS": "never",
    }  # fmt: skip
    argv = [str(uv), "sync", "--locked", "--no-default-groups", "--compile-bytecode"]
    try:
        subprocess.run(argv, check=True, cwd=context.app_dir, env=environment)
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def main() -> int:
    """Run a phase."""
    os.umask(0o022)
    phase, *arguments = sys.argv[1:]
    if phase == "detect":
        return run_detect(detect, arguments, os.environ, Path.cwd(), say=print)
    return run_build(build, arguments, os.environ, Path.cwd())


if __name__ == "__main__":
    sys.exit(main())

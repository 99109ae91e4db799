"""A whole buildpack: a layer with an environment variable and a program, and a process that runs it.

It detects a file `greeting.txt` in the application. Detection gives a build plan or a reason; a build gives a value,
and the package `cnb` writes the lifecycle's files from it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from cnb.context import BuildContext
from cnb.detection import DetectContext
from cnb.launch import Process
from cnb.layer import Action, Layer, LayerTypes, ReusedLayer, Scope, Variable
from cnb.plan import BuildPlan, Require
from cnb.result import BuildResult, empty_layer
from cnb.run import NotDetected, run_build, run_detect

PROGRAM = """#!/bin/sh
exec printf '%s, %s\\n' "$GREETING" "${1:-world}"
"""


def detect(context: DetectContext) -> BuildPlan | NotDetected:
    """Pass for an application with a greeting."""
    if not (context.app_dir / "greeting.txt").is_file():
        return NotDetected("hello: there is no greeting.txt")
    return BuildPlan(provides=("hello",), requires=(Require("hello"),))


def build(context: BuildContext) -> BuildResult:
    """Make one layer, or reuse the previous image's: then there is no directory to make, upload or compare."""
    greeting = (context.app_dir / "greeting.txt").read_text(encoding="utf-8").strip()
    key = {"greeting": hashlib.sha256(greeting.encode()).hexdigest(), "program": PROGRAM}
    process = Process(type="hello", command=("hello",), args=("world",), default=True)
    restored = context.restored.get("hello")
    if restored and restored.metadata == key:
        print("hello: reused")
        return BuildResult(layers=(ReusedLayer(name="hello", metadata=key),), processes=(process,))
    print("hello: rebuilt")
    return BuildResult(layers=(_layer(context, greeting, key),), processes=(process,))


def _layer(context: BuildContext, greeting: str, key: dict[str, str]) -> Layer:
    """Return a program in `bin`, which the lifecycle puts on PATH, and a variable that a user may override."""
    directory = empty_layer(context, "hello")
    (directory / "bin").mkdir()
    (directory / "bin" / "hello").write_text(PROGRAM, encoding="utf-8")
    (directory / "bin" / "hello").chmod(0o755)
    variable = Variable(name="GREETING", value=greeting, action=Action.DEFAULT, scope=Scope.LAUNCH)
    return Layer(name="hello", types=LayerTypes(launch=True), metadata=key, environment=(variable,))


def main() -> int:
    """Run the phase that the first argument names."""
    phase, *arguments = sys.argv[1:]
    if phase == "detect":
        return run_detect(detect, arguments, os.environ, Path.cwd(), print)
    return run_build(build, arguments, os.environ, Path.cwd())


if __name__ == "__main__":
    sys.exit(main())

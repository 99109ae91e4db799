"""Mutants: small faults put into the modules that decide, one at a time. A fault that no test notices is one too few.

Each mutant is the program with one operator turned round, one condition negated or one constant exchanged. The tests of
its module run against it, and it lives if they pass. Which mutants are tried is drawn from a seed, so a run can be
repeated.
"""

from __future__ import annotations

import ast
import random
import shutil
import subprocess
import sys
import tempfile
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODULES = {
    "uv_buildpack/layers/reuse.py": ("layers/test_reuse.py", "layers/venv/test_key.py", "layers/test_venv_project.py"),
    "uv_buildpack/layers/venv/key.py": ("layers/venv/test_key.py",),
    "uv_buildpack/layers/venv/layer.py": ("test_build.py",),
    "uv_buildpack/layers/venv/warm.py": ("test_build.py",),
    "uv_buildpack/snapshots/policy.py": ("snapshots", "test_build.py"),
    "uv_buildpack/snapshots/file_format.py": ("snapshots", "test_build.py"),
    "uv_buildpack/installed/distributions.py": ("installed/test_distributions.py",),
    "uv_buildpack/installed/conflicts.py": ("installed/test_conflicts.py",),
    "uv_buildpack/installed/heavy/facts.py": ("installed/heavy",),
    "uv_buildpack/project/selection.py": ("project/test_selection.py",),
    "uv_buildpack/project/markers.py": ("project/test_markers.py", "project/test_lockfile.py"),
    "uv_buildpack/project/requirements.py": ("project/test_requirements.py", "project/test_lock_check.py"),
    "uv_buildpack/interpreter/request.py": ("interpreter/test_request.py",),
    "uv_buildpack/decisions.py": ("test_decisions.py", "test_analysis.py", "layers/test_reuse.py"),
    "uv_buildpack/configuration.py": ("test_configuration.py",),
    "uv_buildpack/project/lock_check.py": ("project/test_lock_check.py",),
    "uv_buildpack/project/build_settings.py": ("project/test_build_settings.py",),
    "uv_buildpack/uv/version.py": ("uv/test_version.py",),
    "uv_buildpack/downloads/proxies.py": ("downloads/test_proxies.py",),
    "uv_buildpack/processes/plan.py": ("processes/test_plan.py",),
    "uv_buildpack/processes/start_command.py": ("processes/test_start_command.py",),
}
"""Module below `src` → its tests below `tests/uv_buildpack`."""

_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_SLOWEST, _QUICKEST = 600.0, 20.0
"""Seconds. A fault may make a loop endless, and is noticed by that: five times what the tests take without one."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one fault: where it is, what was changed, and the whole text."""

    line: int
    change: str
    text: str


def mutants(source: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines."""
    tree = ast.parse(source)
    count = sum(1 for _ in _places(tree))
    found = []
    for number in range(count):
        changed = deepcopy(tree)
        node, change = list(_places(changed))[number]
        before = ast.unparse(node)
        change(node)
        found.append(Mutant(node.lineno, f"{before} → {ast.unparse(node)}", ast.unparse(changed)))
    return sorted(found, key=lambda mutant: mutant.line)


def main(repository: Path, names: Sequence[str], most: int, seed: int) -> int:
    """Try mutants of each module, `most` of them, and say which live; return the exit code."""
    alive = tried = 0
    for module in names or MODULES:
        source = (repository / "src" / module).read_text(encoding="utf-8")
        every = mutants(source)
        chosen = random.Random(seed).sample(every, min(most, len(every)))  # noqa: S311 (a seed that can be replayed)
        with tempfile.TemporaryDirectory() as directory:
            root = _copy(repository, Path(directory))
            begin = time.monotonic()
            if not _lives(root, module, Mutant(0, "nothing", ast.unparse(ast.parse(source))), _SLOWEST):
                print(f"{module}: its tests fail without a fault")
                return 1
            patience = max(_QUICKEST, 5 * (time.monotonic() - begin))
            living = [mutant for mutant in chosen if _lives(root, module, mutant, patience)]
        for mutant in living:
            print(f"  lives: {module}:{mutant.line}: {mutant.change}")
        print(f"{module}: {len(chosen) - len(living)} of {len(chosen)} killed ({len(every)} there are)", flush=True)
        alive, tried = alive + len(living), tried + len(chosen)
    print(f"{tried - alive} of {tried} mutants killed")
    return 0 if alive * 10 <= tried else 1


def _copy(repository: Path, directory: Path) -> Path:
    for name in ("src", "tests", "scripts", "benchmarks"):
        shutil.copytree(repository / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "buildpack.toml"):
        shutil.copy(repository / name, directory)
    return directory


def _lives(root: Path, module: str, mutant: Mutant, patience: float) -> bool:
    path = root / "src" / module
    original = path.read_text(encoding="utf-8")
    tests = [str(Path("tests", "uv_buildpack", name)) for name in MODULES[module]]
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", *tests]
    path.write_text(mutant.text, encoding="utf-8")
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False, timeout=patience)
    except subprocess.TimeoutExpired:
        return False
    finally:
        path.write_text(original, encoding="utf-8")
    return done.returncode == 0


class _Change:
    """What is done to a node."""

    def __init__(self, name: str, value: object) -> None:
        self._name = name
        self._value = value

    def __call__(self, node: ast.AST) -> None:
        setattr(node, self._name, self._value)


def _places(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, _Change]]:
    """Return each node that can be changed, with what to do to it."""
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    # How a class is declared (`slots=True`) decides nothing that a build does.
    declared = {id(inner) for node in classes for outer in node.decorator_list for inner in ast.walk(outer)}
    for node in ast.walk(tree):
        if id(node) in declared:
            continue
        match node:
            case ast.Compare(ops=[op]):
                yield node, _Change("ops", [_TURNED[type(op)]()])
            case ast.BoolOp(op=op):
                yield node, _Change("op", ast.Or() if isinstance(op, ast.And) else ast.And())
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass  # No program runs it.
            case ast.IfExp(test=test) | ast.If(test=test):
                yield node, _Change("test", ast.UnaryOp(ast.Not(), test))
            case ast.Constant(value=bool(value)):
                yield node, _Change("value", not value)
            case ast.Constant(value=int(value)):
                yield node, _Change("value", value + 1)

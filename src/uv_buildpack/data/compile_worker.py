"""Compile sources to bytecode; run by the interpreter that will load it (CPython 3.8 and newer), never imported.

Standard input: JSON, `{"checked": bool, "prefix": path or null, "files": [path, ...]}`. Standard output: JSON,
`[path, reason]`, a line for each file that does not compile.
"""
# A program for old interpreters; and every import costs each process its time.
# ruff: noqa: INP001, E402, PTH103, PTH105, PTH120, PTH123

import sys

# The program comes by `-c`, so the first place to look for modules would be the current directory.
sys.path[:] = [entry for entry in sys.path if entry]

import importlib.util
import json
import marshal
import os

UNCHECKED, CHECKED = 0b01, 0b11


def compile_file(path: str, checked: bool) -> None:  # noqa: FBT001 (as it comes in)
    """Write the bytecode of `path` where CPython looks for it, in hash mode (PEP 552). Raises what `compile` does."""
    with open(path, "rb") as file:
        source = file.read()
    header = importlib.util.MAGIC_NUMBER + (CHECKED if checked else UNCHECKED).to_bytes(4, "little")
    content = header + importlib.util.source_hash(source) + compiled(source, path)
    write(importlib.util.cache_from_source(path), content)


def compiled(source: bytes, path: str) -> bytes:
    """Give the code of a module, the same whatever this process compiled before.

    Whether two equal constant sets of a module are one object, and so how `marshal` writes them, depends on whether
    their strings were interned before (`intern_constants` in CPython's codeobject.c). Compiled a second time, while the
    first result is alive, they always are.
    """
    code = compile(source, path, "exec", dont_inherit=True)
    again = compile(source, path, "exec", dont_inherit=True) if holds_set(code.co_consts) else code
    return marshal.dumps(again)


def holds_set(constants: "tuple[object, ...]") -> bool:
    """Tell whether there is a set among the constants of a code object, or of the code inside it."""
    for constant in constants:
        if isinstance(constant, frozenset):
            return True
        if isinstance(constant, tuple) and holds_set(constant):
            return True
        if isinstance(constant, type(holds_set.__code__)) and holds_set(constant.co_consts):
            return True
    return False


def write(path: str, content: bytes) -> None:
    """Write beside and rename: a file that is there may be a hard link into somebody's cache."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = f"{path}.{os.getpid()}"
    with open(partial, "wb") as file:
        file.write(content)
    os.replace(partial, path)


def attempt(path: str, checked: bool) -> str:  # noqa: FBT001 (as it comes in)
    """Compile `path`; give what is wrong with it, or nothing."""
    try:
        compile_file(path, checked)
    except Exception as error:  # noqa: BLE001 (whatever a source provokes is that source's)
        return f"{type(error).__name__}: {error}"
    return ""


def report(path: str, reason: str) -> None:
    """Say on standard output what is wrong with a file."""
    os.write(1, (json.dumps([path, reason]) + "\n").encode("ascii"))


def attempt_apart(path: str, checked: bool) -> None:  # noqa: FBT001 (as it comes in)
    """Compile `path` in a process of its own, forked from one that has compiled nothing.

    Before CPython 3.11 `marshal` looks at reference counts, which tell what else the process holds. Costs 3 ms a file.
    """
    child = os.fork()
    if child == 0:
        if reason := attempt(path, checked):
            report(path, reason)
        os._exit(0)
    os.waitpid(child, 0)


def main() -> None:
    """Compile what standard input names."""
    os.umask(0o022)
    order = json.load(sys.stdin)
    sys.pycache_prefix = order["prefix"]  # not before our own imports: they have bytecode where it usually is
    if sys.version_info < (3, 11):  # noqa: UP036 (older interpreters run this)
        for path in order["files"]:
            attempt_apart(path, order["checked"])
        return
    reasons = [(path, attempt(path, order["checked"])) for path in order["files"]]
    # Not before all is compiled: the encoder interns "[" and "]", which marshal then writes in another way.
    for path, reason in reasons:
        if reason:
            report(path, reason)


main()

"""Compile sources to bytecode; run by the interpreter that will load it (CPython 3.8 and newer), never imported.

Standard input: JSON, `{"checked": bool, "prefix": path or null, "files": [path, ...]}`. Standard output: JSON,
`[path, reason]`, a line for each file that does not compile. What is not the fault of a source (no space left, no
memory, a damaged disk) ends the program with status 74 and the line `[path, reason, errno]`.
"""
# A program for old interpreters; and every import costs each process its time.
# ruff: noqa: INP001, E402, PTH103, PTH105, PTH108, PTH120, PTH123

import sys

# The program comes by `-c`, so the first place to look for modules would be the current directory.
sys.path[:] = [entry for entry in sys.path if entry]

import errno
import importlib.util
import json
import marshal
import os

UNCHECKED, CHECKED = 0b01, 0b11
FAILED = 74  # EX_IOERR of sysexits.h
# Nothing can be written at such a path, on any machine: the package is made so.
OF_THE_PATH = {errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR}
# Bytes that compiling takes at the most: a fixed amount, and some for each byte of source (its syntax tree).
MEMORY, MEMORY_PER_BYTE = 64 << 20, 200


def compile_file(path: str, checked: bool) -> str:  # noqa: FBT001 (as it comes in)
    """Write the bytecode of `path` where CPython looks for it, in hash mode (PEP 552).

    Returns what is wrong with the source, or an empty string. Raises `OSError` if it is not the fault of the source.
    """
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compiled(source, path)
    except MemoryError as error:
        # CPython's parser says this of nesting that is too deep as well (MAXSTACK in
        # https://github.com/python/cpython/blob/v3.13.0/Parser/parser.c).
        check_memory(MEMORY + MEMORY_PER_BYTE * len(source))
        return f"MemoryError: {error}"
    except Exception as error:  # noqa: BLE001 (whatever a source provokes is the fault of that source)
        return f"{type(error).__name__}: {error}"
    header = importlib.util.MAGIC_NUMBER + (CHECKED if checked else UNCHECKED).to_bytes(4, "little")
    try:
        write(importlib.util.cache_from_source(path), header + importlib.util.source_hash(source) + code)
    except OSError as error:
        if error.errno in OF_THE_PATH:
            return f"{type(error).__name__}: {error}"
        raise
    return ""


def check_memory(size: int) -> None:
    """Raise `OSError` if there is no memory for `size` bytes."""
    try:
        bytearray(size)
    except MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)) from None


def compiled(source: bytes, path: str) -> bytes:
    """Return the code of a module, the same whatever this process compiled before.

    Whether two equal constant sets of a module are one object, and so how `marshal` writes them, depends on whether
    their strings were interned before (`intern_constants` in
    https://github.com/python/cpython/blob/v3.13.0/Objects/codeobject.c). Compiled a second time, while the
    first result is alive, they always are.
    """
    code = compile(source, path, "exec", dont_inherit=True)
    again = compile(source, path, "exec", dont_inherit=True) if holds_set(code.co_consts) else code
    return marshal.dumps(again)


def holds_set(constants: "tuple[object, ...]") -> bool:
    """Return whether there is a set among the constants of a code object, or of the code inside it."""
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
    try:
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except OSError:
        if os.path.lexists(partial):
            os.unlink(partial)
        raise


def report(*line: "str | int | None") -> None:
    """Write a line on standard output."""
    os.write(1, (json.dumps(line) + "\n").encode("ascii"))


def attempt_apart(path: str, checked: bool) -> int:  # noqa: FBT001 (as it comes in)
    """Compile `path` in a process of its own, forked from one that has compiled nothing; return its exit status.

    Before CPython 3.11 `marshal` looks at reference counts, which tell what else the process holds (`w_ref` in
    https://github.com/python/cpython/blob/v3.10.0/Python/marshal.c). Costs 3 ms a file.
    """
    child = os.fork()
    if child == 0:
        os._exit(attempt([path], checked))
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else FAILED


def attempt(paths: "list[str]", checked: bool) -> int:  # noqa: FBT001 (as it comes in)
    """Compile `paths`, report what is wrong with them, and return the exit status of the program."""
    reasons = []
    failure = None
    for path in paths:
        try:
            reasons.append((path, compile_file(path, checked)))
        except OSError as error:
            failure = (path, error.strerror, error.errno)
            break
    # Not before all is compiled: the encoder interns "[" and "]", which marshal then writes in another way.
    for path, reason in reasons:
        if reason:
            report(path, reason)
    if failure:
        report(*failure)
        return FAILED
    return 0


def main() -> int:
    """Compile what standard input names."""
    os.umask(0o022)
    order = json.load(sys.stdin)
    sys.pycache_prefix = order["prefix"]  # not before our own imports: they have bytecode where it usually is
    if sys.version_info < (3, 11):  # noqa: UP036 (older interpreters run this)
        return next(filter(None, (attempt_apart(path, order["checked"]) for path in order["files"])), 0)
    return attempt(order["files"], order["checked"])


sys.exit(main())

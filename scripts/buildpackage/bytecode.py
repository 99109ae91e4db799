"""Compiling Python sources with the interpreter that will run them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Reads [path, name] pairs, writes the bytecode of each, in that order, as 8 bytes of length and the bytes.
# UNCHECKED_HASH: never compared with a source, no time stamp. The header is that of PEP 552; the functions of importlib
# that write it are private, and 3.15 has none of them. A fresh process without environment, with fixed string hashes,
# fed in one order, makes equal bytes each time.
_COMPILE = """
import importlib.util, json, marshal, sys
UNCHECKED = (0b01).to_bytes(4, "little")
for path, name in json.load(sys.stdin):
    source = open(path, "rb").read()
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    pyc = importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source) + marshal.dumps(code)
    sys.stdout.buffer.write(len(pyc).to_bytes(8, "big") + pyc)
"""


class CannotCompile(Exception):
    """The interpreter refused a source; its own words are the message."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """An interpreter of this machine whose bytecode the target understands (same X.Y)."""

    interpreter: Path

    def compiled(self, sources: Mapping[str, Path]) -> dict[str, bytes]:
        """Bytecode files by name: `{"json/decoder.py": path}` gives `{"json/decoder.pyc": …}`. Raises CannotCompile."""
        names = sorted(sources)
        jobs = json.dumps([[str(sources[name]), name] for name in names]).encode()
        argv = [str(self.interpreter), "-s", "-S", "-B", "-X", "utf8", "-W", "ignore", "-c", _COMPILE]
        done = subprocess.run(argv, input=jobs, env={"PYTHONHASHSEED": "0"}, capture_output=True, check=False)
        if done.returncode:
            raise CannotCompile(done.stderr.decode(errors="replace"))
        return {f"{name}c": pyc for name, pyc in zip(names, _split(done.stdout), strict=True)}


def _split(stream: bytes) -> list[bytes]:
    pieces = []
    while stream:
        end = 8 + int.from_bytes(stream[:8], "big")
        pieces.append(stream[8:end])
        stream = stream[end:]
    return pieces

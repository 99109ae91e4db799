"""The application's program: imports what it is told, and reports what it finds, as JSON.

Arguments: modules to import. It runs in the interpreter of the image.
"""

import importlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from importlib.util import source_hash
from pathlib import Path

_MAGIC = 4
_HEADER = 16
_UNCHECKED, _CHECKED = 1, 3


def main() -> None:
    """Report versions and values, and modules that were not loaded from bytecode that belongs to their source."""
    values = {}
    for name in sys.argv[1:]:
        module = importlib.import_module(name)
        values[name] = module.VALUE
    report = {
        "python": sys.version.split()[0],
        "prefix": sys.prefix,
        "distributions": {dist.name: dist.version for dist in importlib.metadata.distributions()},
        "values": values,
        "odd": getattr(sys, "odd", ""),
        "data": {path.name: path.read_text(encoding="utf-8") for path in Path(sys.prefix, "etc").glob("*")},
        "unexpected": sorted(f"{name}: {fault}" for name, fault in _faults(of_layers=True)),
        "of the application": sorted(f"{name}: {fault}" for name, fault in _faults(of_layers=False)),
    }
    sys.stdout.write(json.dumps(report) + "\n")


def _faults(*, of_layers: bool) -> Iterator[tuple[str, str]]:
    """Return modules, and what is wrong with their bytecode: of layers, or of the application's directory."""
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        origin = Path(spec.origin) if spec and spec.origin else Path()
        if spec is None or origin.suffix != ".py" or origin.is_relative_to(Path.cwd()) == of_layers:
            continue
        fault = _fault(spec.cached, origin, _UNCHECKED if of_layers else _CHECKED)
        if fault:
            yield name, fault


def _fault(cached: str | None, origin: Path, expected: int) -> str:
    """Return what is wrong with the bytecode of a module."""
    if cached is None or not Path(cached).exists():
        return "no bytecode"
    content = Path(cached).read_bytes()
    flags = int.from_bytes(content[_MAGIC:8], "little")
    if flags != expected:
        return f"bytecode with flags {flags}"
    return "" if content[8:_HEADER] == source_hash(origin.read_bytes()) else "bytecode of another source"


main()

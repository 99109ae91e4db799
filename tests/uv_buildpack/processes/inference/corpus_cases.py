"""The corpus: small trees as real projects have them, with what should be started. `corpus/*.txt` holds the cases.

A case begins with `=== title`. Then lines about the project, what is expected, and files:

    needs NAME …                direct dependencies (installed)
    has NAME …                  installed besides
    excluded NAME …             direct dependencies that a marker excludes here
    elsewhere NAME SETTING      a dependency that only a setting installs
    packaged                    the project itself is installed
    script NAME TARGET          one of [project.scripts]
    entrypoint TARGET           [tool.fastapi] entrypoint
    name NAME                   the project's name, `shop` if there is none
    data DIRECTORY COUNT        that many data files
    link PATH TARGET            a symbolic link
    TYPE COMMAND                a process type that is expected; `TYPE*`: as the default
    in DIRECTORY                where every process but console scripts starts
    says TEXT                   in what the log says besides
    @ PATH                      a file: the lines up to the next `@`

In a file `{manage settings}`, `{wsgi settings}`, `{asgi settings}`, `{settings package}` and `{comment size}` stand for
the files of Django's startproject, and for a long comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from uv_buildpack.processes.inference import AppFacts
from uv_buildpack.processes.plan import ProcessPlan, plan_processes, shown

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = Path(__file__).parent / "corpus"

SNIPPETS = {
    "manage": """import os
import sys

def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)

if __name__ == "__main__":
    main()
""",
    "wsgi": """import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
application = get_wsgi_application()
""",
    "asgi": """import os
from django.core.asgi import get_asgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
application = get_asgi_application()
""",
    "settings": """from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
INSTALLED_APPS = ["django.contrib.staticfiles", "{0}"]
WSGI_APPLICATION = "{0}.wsgi.application"
""",
}


@dataclass
class Case:
    """A tree, and what should be started in it: (type, command, whether it is the default)."""

    family: str
    title: str
    installed: dict[str, str] = field(default_factory=dict)
    direct: set[str] = field(default_factory=set)
    elsewhere: dict[str, str] = field(default_factory=dict)
    packaged: bool = False
    scripts: dict[str, str] = field(default_factory=dict)
    pyproject: dict[str, dict[str, object]] = field(default_factory=lambda: {"project": {"name": "shop"}})
    data: list[tuple[str, int]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    expected: set[tuple[str, str, bool]] = field(default_factory=set)
    directory: str = ""
    says: list[str] = field(default_factory=list)

    @property
    def default(self) -> str | None:
        """The command that should be the default."""
        return next((command for _, command, is_default in self.expected if is_default), None)

    def plan(self, app_dir: Path) -> ProcessPlan:
        """Write the tree and plan its processes."""
        for name, text in self.files.items():
            path = app_dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for name, count in self.data:
            (app_dir / name).mkdir(parents=True)
            for number in range(count):
                (app_dir / name / f"{number}.bin").touch()
        for name, target in self.links:
            (app_dir / name).symlink_to(app_dir / target)
        facts = AppFacts(
            project_dir=app_dir,
            direct_dependencies=frozenset(self.direct),
            installed=self.installed,
            packaged=self.packaged,
            pyproject=self.pyproject,
            elsewhere=self.elsewhere,
        )
        return plan_processes({}, None, app_dir, facts, "production")


def cases() -> list[Case]:
    """Return every case of the corpus."""
    return [
        _case(path.stem, text)
        for path in sorted(CORPUS.glob("*.txt"))
        for text in path.read_text(encoding="utf-8").split("=== ")[1:]
    ]


def started(plan: ProcessPlan) -> set[tuple[str, str, bool]]:
    """Return what the image starts, without the `exec` that start commands get."""
    return {(one.type, re.sub(r"\bexec ", "", shown(one)), bool(one.default)) for one in plan.processes}


def words(plan: ProcessPlan) -> str:
    """Return all that the log says about it but for the commands."""
    return "\n".join((*plan.considered, *plan.warnings))


def _case(family: str, text: str) -> Case:
    head, *files = re.split(r"^@ ", text, flags=re.MULTILINE)
    title, *lines = head.strip().splitlines()
    case = Case(family, title)
    for line in lines:
        _understand(case, line)
    for file in files:
        name, _, content = file.partition("\n")
        case.files[name.strip()] = re.sub(r"^\{(\w+) (\S+)\}$", _snippet, content.rstrip() + "\n", flags=re.MULTILINE)
    return case


def _snippet(match: re.Match[str]) -> str:
    if match[1] == "comment":
        return "#" * int(match[2])
    return SNIPPETS[match[1]].format(match[2])


def _understand(case: Case, line: str) -> None:
    word, _, rest = line.partition(" ")
    if word in _PROJECT:
        _PROJECT[word](case, *rest.split())
    elif word == "says":
        case.says.append(rest)
    else:
        case.expected.add((word.removesuffix("*"), rest, word.endswith("*")))


def _needs(case: Case, *names: str) -> None:
    _excluded(case, *names)
    _has(case, *names)


def _has(case: Case, *names: str) -> None:
    case.installed.update((canonicalize_name(name.partition("[")[0]), "1.0") for name in names)


def _excluded(case: Case, *names: str) -> None:
    case.direct.update(canonicalize_name(name.partition("[")[0]) for name in names)


def _elsewhere(case: Case, name: str, setting: str) -> None:
    case.elsewhere[name] = setting


def _packaged(case: Case) -> None:
    case.packaged = True


def _script(case: Case, name: str, target: str) -> None:
    case.scripts[name] = target
    case.pyproject["project"]["scripts"] = case.scripts


def _entrypoint(case: Case, target: str) -> None:
    case.pyproject["tool"] = {"fastapi": {"entrypoint": target}}


def _name(case: Case, name: str) -> None:
    case.pyproject["project"]["name"] = name


def _data(case: Case, directory: str, count: str) -> None:
    case.data.append((directory, int(count)))


def _link(case: Case, path: str, target: str) -> None:
    case.links.append((path, target))


def _in(case: Case, directory: str) -> None:
    case.directory = directory


_PROJECT: dict[str, Callable[..., None]] = {
    "needs": _needs,
    "has": _has,
    "excluded": _excluded,
    "elsewhere": _elsewhere,
    "packaged": _packaged,
    "script": _script,
    "entrypoint": _entrypoint,
    "name": _name,
    "data": _data,
    "link": _link,
    "in": _in,
}

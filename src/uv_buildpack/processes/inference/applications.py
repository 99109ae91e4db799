"""The search for the application object: which files are read, in which order, and when the answer is certain."""

from __future__ import annotations

from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.files import LAST_TIER, SourceFile
from uv_buildpack.processes.inference.objects import Binding, bindings, demanding_factory
from uv_buildpack.processes.inference.roots import HERE, module_name
from uv_buildpack.processes.inference.starters import FACTORY_NAMES, Kind, Starter
from uv_buildpack.processes.inference.syntax import Module, Unreadable, imports_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from uv_buildpack.processes.inference.sources import Sources


class AppObject(NamedTuple):
    """An application, or a factory of one, and how it is imported."""

    file: SourceFile
    root: PurePosixPath
    binding: Binding

    @property
    def module(self) -> str:
        """The dotted name, with `root` on the import path."""
        return module_name(self.file.path, self.root)

    @property
    def evidence(self) -> str:
        """Where it was found."""
        kind = "factory" if self.binding.factory else "application"
        name, framework = self.binding.name, self.binding.kind.starter.name
        return f"{self.file.path}:{self.binding.line}: {framework} {kind} `{name}`"

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """Objects before factories, then the likelier file. Equal ranks: neither is certain."""
        tier, depth, name, _ = self.file.rank
        return (self.binding.factory, tier, depth, name)


class Found(NamedTuple):
    """The likeliest applications: none, the one, or several when the sources do not tell which.

    `considered` is what was looked at in vain, for a reader who wonders; `doubts` is why the answer is not certain.
    """

    applications: tuple[AppObject, ...] = ()
    considered: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def kinds_of(starters: Iterable[Starter]) -> dict[str, Kind]:
    """Return what each class makes, the first row first where two know it."""
    kinds: dict[str, Kind] = {}
    for starter in starters:
        for dotted, interface in starter.objects.classes.items():
            kinds.setdefault(dotted, Kind(starter, interface))
    return kinds


def find_applications(sources: Sources, starters: Sequence[Starter]) -> Found:
    """Return the likeliest applications of these frameworks."""
    kinds = kinds_of(starters)
    names = " or ".join(dict.fromkeys(starter.name for starter in starters))
    words = _words_of(kinds)
    packages = list(dict.fromkeys(dotted.partition(".")[0].encode() for dotted in kinds))
    considered: list[str] = []
    unreadable: list[tuple[SourceFile, str]] = []
    for tier, files in groupby(sources.files, key=lambda file: file.tier):
        found: list[AppObject] = []
        listed = list(files)
        # Most files are in the last tier, and few of them mention the framework: that is asked first. One at the top
        # may call a factory without mentioning it.
        top = (file for file in listed if file.depth == 1)
        likely = (*sources.mentioning(packages, listed), *top) if tier == LAST_TIER else listed
        # A file with the usual name may call a factory of any name.
        relevant = set(sources.mentioning([*words, b"app"] if tier == 0 else words, likely))
        for file in listed:
            here = _in_file(sources, file, kinds) if file in relevant else None
            if isinstance(here, Unreadable):
                content = sources.content(file)
                if isinstance(content, Unreadable) or any(word in content for word in words):
                    unreadable.append((file, here.reason))
                    considered.append(f"{file.path}: {here.reason}")
            elif here:
                found += here
            elif file in relevant and (demanding := _demanding(sources, file)):
                considered.append(demanding)
            elif tier == 0:
                content = sources.content(file)
                mentions = not isinstance(content, Unreadable) and any(word in content for word in words)
                reason = "no application object at the top level" if mentions else f"does not mention {names}"
                considered.append(f"{file.path}: {reason}")
        if found:
            return _certain(sources, sorted(found, key=lambda one: one.rank), unreadable, considered)
    doubts = tuple(_doubt(file, reason) for file, reason in unreadable if file.tier != LAST_TIER)
    if not (considered or doubts):
        considered.append(f"no module of the project makes an application of {names}")
    return Found(considered=_not_told(considered, doubts), doubts=doubts)


def _demanding(sources: Sources, file: SourceFile) -> str:
    module = sources.module(file.path)
    return demanding_factory(module) if isinstance(module, Module) else ""


def _words_of(kinds: Mapping[str, Kind]) -> list[bytes]:
    """Return what a file has to mention to be parsed: a class, or what its factory is called."""
    classes = dict.fromkeys(dotted.rpartition(".")[2] for dotted in kinds)
    return [name.encode() for name in (*classes, *FACTORY_NAMES)]


def objects_in(sources: Sources, module: Module, kinds: Mapping[str, Kind]) -> list[Binding]:
    """Return what a module makes, or gets from another one, of these classes: the likeliest first."""
    return bindings(module, kinds, sources.resolver(module.path, _words_of(kinds)))


def _in_file(sources: Sources, file: SourceFile, kinds: Mapping[str, Kind]) -> list[AppObject] | Unreadable:
    """Return the file's likeliest applications."""
    module = sources.module(file.path)
    if isinstance(module, Unreadable):
        return module
    found = objects_in(sources, module, kinds)
    root = sources.import_root(file.path, module) if found else None
    if root is None:
        return []
    best = [one for one in found if one.rank == found[0].rank]
    return [AppObject(file, root, one) for one in best]


def _certain(
    sources: Sources, found: Sequence[AppObject], unreadable: Iterable[tuple[SourceFile, str]], considered: list[str]
) -> Found:
    """Return the first of the objects found in one tier, with its equals and what speaks against it."""
    best = [one for one in found if _is_equal(sources, one, found[0])]
    including = [one for one in best if all(_knows(sources, one, other) for other in best if other is not one)]
    best = including if len(including) == 1 else best
    doubts = [_doubt(file, reason) for file, reason in unreadable if file.rank < best[0].file.rank]
    doubts += [
        f"{one.evidence} exists only if the condition in line {one.binding.condition} holds"
        for one in best
        if one.binding.condition is not None
    ]
    return Found(tuple(best), _not_told(considered, doubts), tuple(doubts))


def _doubt(file: SourceFile, reason: str) -> str:
    return f"{file.path}: {reason}, so that it may hold the application"


def _not_told(considered: Iterable[str], doubts: Iterable[str]) -> tuple[str, ...]:
    """Return what was considered without what the doubts say as well."""
    told = {doubt.partition(", so that")[0] for doubt in doubts}
    return tuple(line for line in considered if line not in told)


def _is_equal(sources: Sources, one: AppObject, first: AppObject) -> bool:
    """Return whether neither is likelier: equal names, or the usual names in two directories without a connection.

    A name tells which of two files in one directory is likelier. Of two directories the one with the top-level
    application imports the other.
    """
    if one.rank == first.rank:
        return True
    if one.rank[:3] != first.rank[:3] or one.file.path.parent == first.file.path.parent:
        return False
    return not _knows(sources, first, one)


def _knows(sources: Sources, importer: AppObject, other: AppObject) -> bool:
    module = sources.module(importer.file.path)
    return isinstance(module, Module) and other.module in imports_of(module)


def declared_application(sources: Sources, module: str, name: str, starter: Starter) -> AppObject | None:
    """Return the object that was declared as `module:name`, if its file is in the project."""
    for root in (HERE, PurePosixPath("src")):
        path = sources.path_of(module, (root,))
        if path is None:
            continue
        parsed = sources.module(path)
        kinds = kinds_of([starter])
        found = objects_in(sources, parsed, kinds) if isinstance(parsed, Module) else []
        declared = Binding(name=name, line=1, kind=next(iter(kinds.values())))
        binding = next((one for one in found if one.name == name), declared)
        return AppObject(SourceFile(str(path)), root, binding)
    return None

"""What takes jobs from a queue: one function for each library, which reads where its jobs are defined."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from uv_buildpack.processes.inference.facts import InferredProcess
from uv_buildpack.processes.inference.starters import Programs
from uv_buildpack.processes.inference.syntax import Module, assigned, dotted_name, imports_of
from uv_buildpack.processes.inference.ui import find_programs
from uv_buildpack.processes.inference.worker_search import Named, Place, Search, decorators, every_node, top_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import PurePosixPath

_SCHEDULES = frozenset({"beat_schedule", "CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE"})
_ROUTES = frozenset({"task_routes", "CELERY_TASK_ROUTES", "CELERY_ROUTES"})
_QUEUE = re.compile(r"[\w.-]+\Z", re.ASCII)
_HUEYS = (
    "FileHuey",
    "Huey",
    "PriorityRedisExpireHuey",
    "PriorityRedisHuey",
    "RedisExpireHuey",
    "RedisHuey",
    "SqliteHuey",
)


def celery(search: Search) -> list[InferredProcess]:
    """Return a Celery application, and `beat` where a schedule is defined."""
    found = search.objects("celery", {"celery.Celery": "celery", "celery.app.Celery": "celery"})
    found += [one for place in search.places("celery", ".extensions[") for one in _flask_extension(place)]
    one = search.only(found, "Celery application")
    if one is None:
        return []
    tasks = _celery_tasks(search, one)
    entry = _celery_entry(search, one, tasks)
    target = f"{entry.place.name}:{entry.name}"
    where = (f"{entry.place.module.path}: has it for workers",) if entry is not one else ()
    evidence = (f"{one.where}: Celery application `{one.name}`", *where, search.version("celery"))
    include = f"--include {','.join(place.name for place in tasks)}" if tasks else ""
    registered = (f"{place.module.path}: its tasks" for place in tasks)
    routed, queues = _celery_queues(search)
    command = f"celery --app {target} worker --loglevel INFO {include} {queues}"
    worker = search.process("worker", command, entry, *evidence[:-1], *registered, *routed, evidence[-1])
    schedule, scheduler = _schedule(search)
    if not schedule:
        return [worker]
    # The application's directory may be read-only, and a process id says nothing in a container.
    command = f"celery --app {target} beat --loglevel INFO --pidfile= {scheduler}"
    return [worker, search.process("beat", command, entry, schedule, *evidence)]


def _celery_tasks(search: Search, one: Named) -> list[Place]:
    """Return the modules of tasks that a worker would not import by itself.

    Without them it would refuse every message. A project that says itself where its tasks are has the last word.
    """
    said = (b"autodiscover_tasks", b"config_from_object", b"imports", b"include")
    if any(search.sources.mentioning(said, search.sources.mentioning([b"celery"]))):
        return []
    shared = [
        place
        for place in search.places("celery", "shared_task")
        if any(name == "celery.shared_task" for _, name in decorators(place.module))
    ]
    known = imports_of(one.place.module)
    found = {place.name: place for place in (*_task_modules(search, one), *shared) if place.name not in known}
    return [place for name, place in sorted(found.items()) if place.root == one.place.root and name != one.place.name]


def _celery_queues(search: Search) -> tuple[list[str], str]:
    """Return where tasks are routed to queues, and the option for them: a worker takes only `celery` by itself.

    Where the queues are defined as well, a worker takes all of those.
    """
    if any(search.sources.mentioning((b"task_queues", b"TASK_QUEUES", b"default_queue", b"DEFAULT_QUEUE"))):
        return [], ""
    for place in search.places("", "task_routes", "TASK_ROUTES"):
        for node in every_node(place.module):
            routes = getattr(node, "value", None) if _names(node) & _ROUTES else None
            values = routes.values if isinstance(routes, ast.Dict) else []
            names = {name for value in values if (name := _route_queue(value))} - {"celery"}
            if names:
                line = f"{place.at(getattr(node, 'lineno', 1))}: tasks for the queues {', '.join(sorted(names))}"
                return [line], f"--queues {','.join(['celery', *sorted(names)])}"
    return [], ""


def _route_queue(value: ast.expr) -> str:
    """Return the queue of a route: `"mail"`, or `{"queue": "mail"}`."""
    if isinstance(value, ast.Dict):
        keys = [one.value if isinstance(one, ast.Constant) else None for one in value.keys]
        value = value.values[keys.index("queue")] if "queue" in keys else value
    plain = value.value if isinstance(value, ast.Constant) else None
    return plain if isinstance(plain, str) and _QUEUE.match(plain) else ""


def _celery_entry(search: Search, one: Named, tasks: Sequence[Place]) -> Named:
    """Return the application as the module for workers has it, where there is one: `celery_worker.py` of a Flask app.

    It prepares what the tasks need, such as an application context.
    """
    dotted = f"{one.place.name}.{one.name}"
    found = [
        Named(place, bound, 1)
        for place in search.places(one.name, "import")
        if re.search("celery|worker", place.module.path.stem) and place.module.path not in _paths(one.place, *tasks)
        for bound, origin in place.module.names.items()
        if origin == dotted
    ]
    return found[0] if len(found) == 1 else one


def _paths(*places: Place) -> set[PurePosixPath]:
    return {place.module.path for place in places}


def _flask_extension(place: Place) -> Iterator[Named]:
    """`celery_app = flask_app.extensions["celery"]`, as Flask's documentation has it (Patterns, "Celery")."""
    for statement in place.module.statements:
        for name, value in assigned(statement.node):
            if isinstance(value, ast.Subscript) and ast.unparse(value).endswith(".extensions['celery']"):
                yield Named(place, name, statement.node.lineno)


def _schedule(search: Search) -> tuple[str, str]:
    """Return where a schedule is defined (in Django's database, or in the source) and the option for it."""
    django = search.django
    if django is not None and "django_celery_beat" in django.installed_apps:
        where = f"{django.settings_file}: `django_celery_beat` in INSTALLED_APPS"
        return where, "--scheduler django_celery_beat.schedulers:DatabaseScheduler"
    for place in search.places("", "beat_schedule", "BEAT_SCHEDULE", "add_periodic_task"):
        for node in every_node(place.module):
            if _defines_schedule(node):
                line = getattr(node, "lineno", 1)
                return f"{place.at(line)}: a schedule", "--schedule /tmp/celerybeat-schedule"
    return "", ""


def _defines_schedule(node: ast.AST) -> bool:
    added = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_periodic_task"
    return bool(_names(node) & _SCHEDULES) or added


def _names(node: ast.AST) -> set[str | None]:
    """Return what gets a value from an assignment or an argument: `conf.task_routes = …`, `update(task_routes=…)`."""
    if isinstance(node, ast.keyword):
        return {node.arg}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {(dotted_name(one) or "").rpartition(".")[2] for one in targets}


def dramatiq(search: Search) -> list[InferredProcess]:
    """Return every module with actors, after the one that sets the broker."""
    managed = search.managed("rundramatiq", "django_dramatiq", search.version("dramatiq"))
    if managed:
        return managed
    actors = [
        Named(place, definition.name, definition.lineno)
        for place in search.places("dramatiq", "actor")
        for definition, name in list(decorators(place.module))
        if name == "dramatiq.actor"
    ]
    brokers = [
        place for place in search.places("dramatiq", "set_broker") if _calls(place.module, "dramatiq.set_broker")
    ]
    if not actors:
        search.considered.append("no function decorated with `dramatiq.actor` at the top level of a module")
        return []
    if len(brokers) > 1 or len({place.root for place in (*brokers, *(one.place for one in actors))}) > 1:
        search.considered.extend(f"{place.module.path}: sets dramatiq's broker, one of several" for place in brokers)
        return []
    names = [*(place.name for place in brokers), *sorted(one.place.name for one in actors)]
    evidence = f"{actors[0].where}: dramatiq actor `{actors[0].name}`"
    command = f"dramatiq {' '.join(dict.fromkeys(names))}"
    return [search.process("worker", command, actors[0], evidence, search.version("dramatiq"))]


def _calls(module: Module, qualified: str) -> bool:
    return any(
        isinstance(node, ast.Call) and module.qualified(dotted_name(node.func) or "") == qualified
        for node in top_level(module)
    )


def rq(search: Search) -> list[InferredProcess]:
    """Return the project's own worker program, else RQ's for the queues that the source names."""
    distribution = "rq" if "rq" in search.app.installed else "django-rq"
    managed = search.managed("rqworker default", "django_rq", search.version(distribution))
    if managed:
        return managed
    programs = find_programs(search.app, search.sources, Programs(imports=("rq",), calls=("*.work",)))
    if programs:
        return [
            InferredProcess(
                type="worker",
                command=program.command(search.app, search.sources),
                evidence=(f"{program.evidence}: an RQ worker", search.version(distribution)),
            )
            for program in programs
        ]
    queues: dict[str, str] = {}
    for place in search.places("rq", "Queue"):
        # Applications often make their queue in a function, such as a factory.
        for node in every_node(place.module):
            if isinstance(node, ast.Call) and place.module.qualified(dotted_name(node.func) or "") == "rq.Queue":
                queues.setdefault(_queue_name(node), place.at(node.lineno))
    if not queues or "" in queues:
        search.considered.append(f"{queues.get('', 'RQ')}: no queue whose name is in the source")
        return []
    evidence = (f"{where}: RQ queue `{name}`" for name, where in queues.items())
    command = f"rq worker --url ${{REDIS_URL:-redis://localhost:6379}} {' '.join(queues)}"
    return [
        InferredProcess(
            type="worker",
            command=command,
            evidence=(*evidence, search.version(distribution)),
            directory=search.directory,
        )
    ]


def _queue_name(call: ast.Call) -> str:
    """Return the name that a queue is given, or nothing where it is not a plain text."""
    given = [one.value for one in call.keywords if one.arg == "name"] or call.args[:1]
    if not given:
        return "default"
    value = given[0]
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def arq(search: Search) -> list[InferredProcess]:
    """Return the class with the settings of arq's worker."""
    found = [
        Named(place, name, definition.lineno)
        for place in search.places("", "WorkerSettings")
        for name, definition in place.module.definitions.items()
        if isinstance(definition, ast.ClassDef)
        and name.endswith("WorkerSettings")
        and {"functions", "cron_jobs"} & {bound for one in definition.body for bound, _ in assigned(one)}
    ]
    one = search.only(found, "class with the settings of arq's worker")
    if one is None:
        return []
    command = f"arq {one.place.name}.{one.name}"
    return [search.process("worker", command, one, f"{one.where}: arq's `{one.name}`", search.version("arq"))]


def huey(search: Search) -> list[InferredProcess]:
    """Return the Huey instance, in a module that imports its tasks as well: the consumer imports only that."""
    version = search.version("huey")
    managed = search.managed("run_huey", "huey.contrib.djhuey", version)
    if managed:
        return managed
    one = search.only(search.objects("huey", {f"huey.{name}": "huey" for name in _HUEYS}, ("huey",)), "Huey instance")
    if one is None:
        return []
    place = one.place
    tasks = _task_modules(search, one)
    if tasks:
        instance = f"{place.name}.{one.name}"
        importing = [
            other
            for other in search.places(one.name, "import")
            if instance in imports_of(other.module)
            and all(task.name in imports_of(other.module) or task.name == other.name for task in tasks)
        ]
        above = [other for other in importing if other not in tasks] or importing
        if len(above) != 1:
            where = tasks[0].module.path
            search.considered.append(f"{where}: no one module imports all tasks and Huey's `{one.name}`")
            return []
        place = above[0]
    evidence = (f"{one.where}: Huey instance `{one.name}`", *(f"{task.module.path}: its tasks" for task in tasks))
    command = f"huey_consumer {place.name}.{one.name}"
    return [search.process("worker", command, Named(place, one.name, 1), *evidence, version)]


def _task_modules(search: Search, owner: Named) -> list[Place]:
    """Return the other modules with functions that an object decorates: `@huey.task()`, `@broker.task`."""
    prefix = f"{owner.place.name}.{owner.name}."
    found = [
        place
        for place in search.places(owner.name, ".task", ".periodic_task")
        if place.module.path != owner.place.module.path
        and any(name.startswith(prefix) for _, name in decorators(place.module))
    ]
    return sorted(found, key=lambda place: place.name)


def taskiq(search: Search) -> list[InferredProcess]:
    """Return the broker with every module that has tasks, and a scheduler where there is one."""
    one = search.only(_made(search, "Broker"), "taskiq broker")
    if one is None:
        return []
    tasks = " ".join(place.name for place in _task_modules(search, one))
    version = search.version("taskiq")
    evidence = f"{one.where}: taskiq broker `{one.name}`"
    found = [
        search.process("worker", f"taskiq worker {one.place.name}:{one.name} {tasks}", one, evidence, version),
    ]
    for scheduler in _made(search, "TaskiqScheduler")[:1]:
        command = f"taskiq scheduler {scheduler.place.name}:{scheduler.name} {tasks}"
        evidence = f"{scheduler.where}: taskiq scheduler `{scheduler.name}`"
        found.append(search.process("scheduler", command, scheduler, evidence, version))
    return found


def _made(search: Search, ending: str) -> list[Named]:
    """Return objects of classes whose names end so, of taskiq or its extensions (`taskiq_redis`)."""
    return [
        Named(place, name, statement.node.lineno)
        for place in search.places("taskiq", ending)
        for statement in place.module.statements
        for name, value in assigned(statement.node)
        if (made := _class_of(value, place.module)).startswith("taskiq")
        and made.endswith(ending)
        and not made.endswith("InMemoryBroker")
    ]


def _class_of(value: ast.expr, module: Module) -> str:
    """Return the dotted name of the class that is called, also at the start of a chain of setters."""
    while isinstance(value, ast.Call):
        inner = value.func.value if isinstance(value.func, ast.Attribute) else None
        if not isinstance(inner, ast.Call):
            break
        value = inner
    return module.qualified(dotted_name(value.func) or "") if isinstance(value, ast.Call) else ""


def saq(search: Search) -> list[InferredProcess]:
    """Return the mapping with the settings of SAQ's worker."""
    found = [
        Named(place, name, statement.node.lineno)
        for place in search.places("functions", "queue")
        for statement in place.module.statements
        for name, value in assigned(statement.node)
        if {"queue", "functions"} <= _keys(value)
    ]
    one = search.only(found, "mapping with the settings of SAQ's worker")
    if one is None:
        return []
    command = f"saq {one.place.name}.{one.name}"
    return [search.process("worker", command, one, f"{one.where}: SAQ's `{one.name}`", search.version("saq"))]


def _keys(value: ast.expr) -> set[object]:
    if isinstance(value, ast.Dict):
        return {one.value for one in value.keys if isinstance(one, ast.Constant)}
    return {one.arg for one in value.keywords} if isinstance(value, ast.Call) else set()


def django_q(search: Search) -> list[InferredProcess]:
    """Django-Q2's cluster."""
    return search.managed("qcluster", "django_q", search.version("django-q2"))


QUEUES: Sequence[tuple[tuple[str, ...], Callable[[Search], list[InferredProcess]]]] = (
    (("celery",), celery),
    (("dramatiq", "django-dramatiq"), dramatiq),
    (("rq", "django-rq"), rq),
    (("arq",), arq),
    (("huey",), huey),
    (("taskiq",), taskiq),
    (("saq",), saq),
    (("django-q2",), django_q),
)
"""The libraries, by the distributions of which one has to be a direct dependency."""

import os
from collections.abc import Callable, Iterable
from importlib.metadata import version

import waitress

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def application(environ: dict[str, object], start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"Hello from greeter {version('greeter')}, asked for {environ['PATH_INFO']}\n".encode()]


def main() -> None:
    waitress.serve(application, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))  # noqa: S104

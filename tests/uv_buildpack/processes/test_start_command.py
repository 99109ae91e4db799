"""How command lines become arguments, and that the program, not a shell, gets the signals."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from uv_buildpack.processes.start_command import from_line, from_words


def script(line: str) -> str:
    command = from_line(line)
    assert command.shell
    return command.argv[2]


@pytest.mark.parametrize(
    "line",
    [
        "gunicorn shop:app --bind 0.0.0.0:8000",
        "gunicorn 'shop:create_app()'",
        'python -c "print(1)"',
        r"python -c print\(1\)",
        "  worker  ",
        "python -m shop --name='a;b' --cost '$5'",
    ],
)
def test_a_command_without_shell_syntax_is_executed_directly(line: str) -> None:
    assert from_line(line).argv == tuple(shlex.split(line))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gunicorn app:app -b :$PORT", "exec gunicorn app:app -b :$PORT"),
        ('uvicorn app:app --port "${PORT:-8080}"', 'exec uvicorn app:app --port "${PORT:-8080}"'),
        ("uvicorn app:app --port ${PORT:-8080}", "exec uvicorn app:app --port ${PORT:-8080}"),
        ("gunicorn -w $(nproc) app:app", "exec gunicorn -w $(nproc) app:app"),
        ("A=1 B=$C gunicorn app:app", "A=1 B=$C exec gunicorn app:app"),
        ("python -u main.py 2>&1", "exec python -u main.py 2>&1"),
        ("python main.py > /tmp/log", "exec python main.py > /tmp/log"),
        ("python load.py data/*.csv", "exec python load.py data/*.csv"),
        ("cd shop && gunicorn app:app", "cd shop && exec gunicorn app:app"),
        ("./migrate; gunicorn app:app -b :$PORT", "./migrate; exec gunicorn app:app -b :$PORT"),
        ("./migrate || ./fallback", "./migrate || exec ./fallback"),
    ],
)
def test_the_last_command_takes_the_place_of_the_shell(line: str, expected: str) -> None:
    assert script(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "python main.py | tee log",
        "redis-server & python main.py",
        "python main.py &",
        "(cd shop; python main.py)",
        "if [ -n $A ]; then a; else b; fi",
        "while true; do python main.py; done",
        "f() { python main.py; }; f",
        "exec gunicorn app:app",
        "cd shop",
        "trap cleanup TERM; python main.py",
        "python main.py # a comment",
        "cat <<EOF\ntext\nEOF",
        "python -c `cat x`",
        'python -c "$(cat "x y")"',
        "a\nb",
        "A=1",
        "&& a",
        "a &&",
    ],
)
def test_what_exec_could_break_is_left_alone(line: str) -> None:
    assert script(line) == line


@pytest.mark.parametrize("line", ["", "   ", "gunicorn 'app:app", 'gunicorn "app', "gunicorn app\\"])
def test_a_command_that_cannot_be_read_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="the command"):
        from_line(line)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("uv run gunicorn app:app", "gunicorn app:app"),
        ("uv run --frozen gunicorn app:app", "gunicorn app:app"),
        ("uv run --no-dev --frozen -- gunicorn app:app", "gunicorn app:app"),
        ("uv run main.py --fast", "python main.py --fast"),
        ("uv run -m shop", "python -m shop"),
        ("uv run --script main.py", "python main.py"),
        ("uv run python -m shop", "python -m shop"),
    ],
)
def test_uv_run_is_removed_with_a_warning(line: str, shown: str) -> None:
    command = from_line(line)
    assert command.argv == tuple(shown.split())
    assert command.warnings == (f"`uv run` is not needed in a start command; `{line}` is started as `{shown}`",)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("uv run gunicorn app:app -b :$PORT", "exec gunicorn app:app -b :$PORT"),
        ("A=1 uv run gunicorn app:app", "A=1 exec gunicorn app:app"),
        ("exec uv run gunicorn app:app", "exec gunicorn app:app"),
        ("uv run migrate.py && uv run gunicorn app:app", "python migrate.py && exec gunicorn app:app"),
    ],
)
def test_uv_run_is_removed_within_a_shell_line(line: str, expected: str) -> None:
    assert script(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "uv run --with httpx main.py",
        "uvx shop",
        "uv tool run shop",
        "(uv run main.py)",
        "uv run",
        "uv run -m",
        "uv run --script",
        "uv run --package x y",
    ],
)
def test_a_command_that_needs_uv_is_kept_with_a_warning(line: str) -> None:
    command = from_line(line)
    assert command.argv in {tuple(line.split()), ("/bin/sh", "-c", line)}
    assert command.warnings[0].startswith("uv is not in the image")


def test_an_array_is_executed_as_it_is() -> None:
    assert from_words(["python", "-c", "a; b"]).argv == ("python", "-c", "a; b")
    assert from_words(["python", "a b"]).warnings == ()


def test_an_array_with_a_variable_gets_a_warning() -> None:
    assert "`$` means nothing" in from_words(["gunicorn", "-b", ":$PORT"]).warnings[0]
    assert from_words(["bash", "-c", "echo $PORT"]).warnings == ()


def test_uv_run_is_removed_from_an_array() -> None:
    assert from_words(["uv", "run", "main.py"]).argv == ("python", "main.py")
    assert from_words(["uvx", "shop"]).warnings[0].startswith("uv is not in the image")


def test_an_empty_array_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        from_words([])


@pytest.mark.parametrize(
    "line",
    [
        "A=$GREETING python3 -c 'import os; print(os.getpid(), os.environ[\"A\"])'",
        "true && python3 -c \"import os; print(os.getpid(), '$GREETING')\"",
        "true; python3 -c 'import os, sys; print(os.getpid(), sys.argv[1])' \"${GREETING:-none}\" 2>&1",
    ],
)
def test_the_program_has_the_process_id_that_the_platform_knows(line: str) -> None:
    environment = {"PATH": os.environ["PATH"], "GREETING": "good day"}
    with subprocess.Popen(from_line(line).argv, stdout=subprocess.PIPE, env=environment, text=True) as process:
        output = process.communicate(timeout=30)[0]
    assert output == f"{process.pid} good day\n"

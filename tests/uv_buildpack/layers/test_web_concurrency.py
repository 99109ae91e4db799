"""The program that sets `WEB_CONCURRENCY`, run by sh on files as Linux has them in a container."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.layers import python

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GIBIBYTE = 1024**3
MACHINE = {
    "proc/self/status": "Name:\tsh\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed:\t1\n",
    "proc/meminfo": "MemTotal:       16384000 kB\nMemFree:         1000000 kB\n",
    "proc/self/cgroup": "0::/\n",
}
# Docker with version 1: the container sees its own group as the root of each hierarchy.
VERSION_1 = "12:memory:/docker/b956\n4:cpu,cpuacct:/docker/b956\n1:name=systemd:/docker/b956\n0::/docker/b956\n"


def version_2(cpu: str, memory: str, group: str = "") -> dict[str, str]:
    return {f"sys/fs/cgroup{group}/cpu.max": f"{cpu}\n", f"sys/fs/cgroup{group}/memory.max": f"{memory}\n"}


def version_1(quota: int, memory: int, group: str = "") -> dict[str, str]:
    return {
        "proc/self/cgroup": VERSION_1,
        f"sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us": f"{quota}\n",
        f"sys/fs/cgroup/cpu{group}/cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/memory{group}/memory.limit_in_bytes": f"{memory}\n",
    }


def output(tmp_path: Path, files: Mapping[str, str], environment: Mapping[str, str] | None = None) -> str:
    """Return what the program writes to file descriptor 3; it must end well and say nothing."""
    root = tmp_path / "root"
    root.mkdir()
    plant(root, files)
    program = tmp_path / "web-concurrency"
    program.write_bytes(python.programs()["web-concurrency"])
    # PATH is empty: the image may have no other program than sh.
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec 3>{tmp_path}/written; exec /bin/sh "$0" "$1"', program, root],
        env={"PATH": "", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (tmp_path / "written").read_text()


@pytest.mark.parametrize(
    ("files", "workers"),
    [
        ({}, 12),
        ({"proc/self/status": "Cpus_allowed_list:\t0\n"}, 3),
        ({"proc/self/status": "Cpus_allowed_list:\t0-1,4,6-7\n"}, 11),
        ({"proc/meminfo": "MemTotal:         1048576 kB\n"}, 4),
        (version_2("max 100000", "max"), 12),
        (version_2("50000 100000", "max"), 2),
        (version_2("150000 100000", "max"), 4),
        (version_2("200000 100000", "max"), 5),
        (version_2("20000 100000", "max"), 1),
        (version_2("400000 100000", str(GIBIBYTE)), 4),
        (version_2("400000 100000", str(512 * 1024**2)), 2),
        (version_2("400000 100000", str(100 * 1024**2)), 1),
        (version_2("3200000 100000", str(64 * GIBIBYTE)), 12),
        ({"proc/self/cgroup": "0::/pod/app\n", **version_2("max 100000", str(GIBIBYTE), "/pod")}, 4),
        (
            {
                "proc/self/cgroup": "0::/pod/app\n",
                **version_2("max 100000", str(GIBIBYTE), "/pod"),
                **version_2("100000 100000", "max", "/pod/app"),
            },
            3,
        ),
        (version_1(-1, 9223372036854771712), 12),
        (version_1(200000, 9223372036854771712), 5),
        (version_1(-1, 2 * GIBIBYTE), 8),
        (version_1(50000, 2 * GIBIBYTE), 2),
        (version_1(100000, 2 * GIBIBYTE, "/docker/b956"), 3),
    ],
)
def test_workers_follow_from_cpu_time_and_memory(tmp_path: Path, files: dict[str, str], workers: int) -> None:
    assert output(tmp_path, {**MACHINE, **files}) == f'WEB_CONCURRENCY = "{workers}"\n'


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/status": "", "proc/meminfo": "", "proc/self/cgroup": ""},
        {**MACHINE, "proc/self/status": "Cpus_allowed_list:\tall\n", "proc/meminfo": "MemTotal: much\n"},
        {**MACHINE, **version_2("0 0", "0")},
    ],
)
def test_what_cannot_be_read_makes_one_worker_and_never_fails(tmp_path: Path, files: dict[str, str]) -> None:
    assert output(tmp_path, files) == 'WEB_CONCURRENCY = "1"\n'


def test_files_that_make_no_sense_limit_nothing(tmp_path: Path) -> None:
    files = {**MACHINE, **version_2("many few", "lots")}
    assert output(tmp_path, files) == 'WEB_CONCURRENCY = "12"\n'


def test_the_users_own_number_wins(tmp_path: Path) -> None:
    assert output(tmp_path, MACHINE, {"WEB_CONCURRENCY": "2"}) == ""


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    assert output(tmp_path, MACHINE, {"WEB_CONCURRENCY": ""}) == 'WEB_CONCURRENCY = "12"\n'


def test_it_works_on_this_machine(tmp_path: Path) -> None:
    program = tmp_path / "web-concurrency"
    program.write_bytes(python.programs()["web-concurrency"])
    script = 'exec 3>&1; exec /bin/sh "$0"'
    done = subprocess.run(["/bin/sh", "-c", script, program], env={}, capture_output=True, text=True, check=True)
    assert 1 <= int(done.stdout.removeprefix('WEB_CONCURRENCY = "').removesuffix('"\n')) <= 12


def test_a_change_of_the_program_changes_the_key_of_the_layer() -> None:
    digests = {name: hashlib.sha256(text).hexdigest()[:12] for name, text in python.programs().items()}
    # Where this fails, raise SCHEME: images whose layer has the old program must not keep it.
    assert (python.SCHEME, digests) == ("7", {"ca-certificates": "9091e54f4ed6", "web-concurrency": "e3a774b3093a"})

"""Full disks, in words."""

from __future__ import annotations

import errno
import os

import pytest

from uv_buildpack import disk
from uv_buildpack.errors import DiskFull, FileRefused


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_with_the_path_as_it_is_spelled(number: int) -> None:
    with pytest.raises(DiskFull, match="Writing /layers/Python: no space"), disk.full_is_said("writing /layers/Python"):
        raise OSError(number, os.strerror(number))


def test_other_failures_pass_through() -> None:
    with pytest.raises(PermissionError), disk.full_is_said("the build"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_a_limit_on_the_size_of_files_is_said_with_what_was_written() -> None:
    with (
        pytest.raises(FileRefused, match=r"cannot use a file \(writing /layers/python/\.archive\)"),
        disk.refusals_are_said(),
        disk.full_is_said("writing /layers/python/.archive"),
    ):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

"""The system calls, on a real file system."""

import os

import pytest

from rlviz.record.system import SYSTEM


def test_a_file_is_made_once_appended_to_and_known_by_its_name(tmp_path):
    path = tmp_path / "a" / "b" / "events"
    SYSTEM.make_directory(path.parent)
    SYSTEM.make_directory(path.parent)
    fd = SYSTEM.create(path)
    assert [SYSTEM.write(fd, b"one"), SYSTEM.write(fd, b"two!")] == [3, 4]
    SYSTEM.sync(fd)
    assert path.read_bytes() == b"onetwo!"
    assert SYSTEM.names(path.parent) == ["events"]
    with pytest.raises(FileExistsError):
        SYSTEM.create(path)
    assert SYSTEM.is_at(fd, path)
    os.replace(path, tmp_path / "moved")
    assert not SYSTEM.is_at(fd, path)
    assert not SYSTEM.is_at(fd, tmp_path / "moved" / "below a file")
    SYSTEM.remove(tmp_path / "moved")
    assert not SYSTEM.is_at(fd, tmp_path / "moved")
    SYSTEM.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        SYSTEM.write(fd, b"x")

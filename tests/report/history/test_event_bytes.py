"""Only regular files are opened; rows that stay in their file are found there again."""

import os
import socket

import numpy as np
import pytest

from rlviz.report.history.event_bytes import StoredRows, opened, read_at


def refusal(path):
    with pytest.raises(OSError) as caught, opened(path):  # the words follow
        pass
    return caught.value.strerror


def test_a_regular_file_is_opened_also_through_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("file")
    with opened(tmp_path / "link") as descriptor:
        assert read_at(descriptor, 3, 4) == b"3456"
        assert read_at(descriptor, 8, 100) == b"89"
        assert read_at(descriptor, 100, 1) == b""
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_what_is_no_regular_file_is_refused_in_words_and_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert refusal(tmp_path / "s") == "it is a socket, and not a regular file"
    assert refusal(tmp_path / "pipe") == "it is a pipe, and not a regular file"
    assert refusal(tmp_path / "device") == "it is a device, and not a regular file"
    assert refusal(tmp_path) == "it is a directory, and not a regular file"
    assert refusal(tmp_path / "missing") == "No such file or directory"


@pytest.fixture
def stored(tmp_path):
    """Ten rows of three columns, in stretches of 4, 1 and 5 with other bytes between them; and the
    same rows."""
    rows = np.arange(30.0).reshape(10, 3)
    path = tmp_path / "file"
    parts, offsets, at = [], [], 0
    for number, part in enumerate((rows[:4], rows[4:5], rows[5:])):
        parts += [b"x" * (number + 1), part.tobytes()]
        offsets.append(at + number + 1)
        at += number + 1 + part.nbytes
    path.write_bytes(b"".join(parts))
    ends = np.array([4, 5, 10])
    return StoredRows(path, path.stat().st_ino, 3, np.array(offsets), ends), rows


def test_any_block_of_rows_is_found_in_the_file(stored):
    table, rows = stored
    assert len(table) == 10
    for begin in range(11):
        for end in range(begin, 11):
            np.testing.assert_array_equal(table.block(begin, end), rows[begin:end])


def test_tables_one_behind_the_other_are_one(stored):
    table, rows = stored
    both = table.followed_by([table, table])
    assert len(both) == 30
    np.testing.assert_array_equal(both.block(8, 22), np.concatenate([rows, rows, rows])[8:22])


def test_rows_of_a_file_that_changed_are_an_error_that_says_so(stored):
    table, _ = stored
    content = table.path.read_bytes()
    table.path.write_bytes(content[:-1])
    with pytest.raises(OSError, match=r"changed after it was read\. Read the run again"):
        table.block(0, 10)
    other = table.path.with_name("other")
    other.write_bytes(content)
    other.replace(table.path)
    with pytest.raises(OSError, match="the file changed after it was read"):
        table.block(0, 1)

"""Which of two sessions began first: what their files say goes before the numbers they took."""

import pytest

import rlviz
from rlviz import schema

COLUMNS = ["step", "session"]
EARLY, LATE = 1_789_000_000, 1_789_009_000


@pytest.fixture
def write_session(tmp_path, write_rows):
    """Writes the steps of a session into one of its files."""

    def write(seconds, session, steps, *, number=0, writer="", before=0, **header):
        writer = writer or f"{seconds}"
        name = schema.file_name(seconds, session, number, f"host.1.{writer}")
        fields = {"version": 1, "resumed_after": None, "columns": COLUMNS, **header}
        rows = [[step, session] for step in steps]
        write_rows(
            tmp_path / name,
            COLUMNS,
            rows,
            session=session,
            header={**fields, "session": session, "writer": writer},
        )

    return write


def steps_and_sessions(logdir):
    run = rlviz.read(logdir)
    return list(zip(run.step.tolist(), run.session.tolist(), strict=True))


def test_a_session_that_took_too_low_a_number_is_the_last_if_it_began_last(write_session, tmp_path):
    write_session(EARLY, 0, [1, 2])
    write_session(EARLY + 10, 1, [3, 4], resumed_after=2)
    write_session(LATE, 0, [5, 6], resumed_after=4)  # the directory could not be listed
    assert steps_and_sessions(tmp_path) == [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)]
    assert [session.claimed for session in rlviz.read(tmp_path).sessions] == [0, 1, 0]


def test_of_the_same_second_the_number_says_which_came_first(write_session, tmp_path):
    write_session(EARLY, 1, [2, 3], writer="a", resumed_after=1)
    write_session(EARLY, 0, [1, 2], writer="b")
    assert steps_and_sessions(tmp_path) == [(1, 0), (2, 1), (3, 1)]


def test_files_of_two_directories_that_are_put_together_stand_one_after_the_other(
    write_session, tmp_path
):
    for session in range(3):
        write_session(EARLY + session, session, [session + 1], resumed_after=session or None)
    write_session(LATE, 0, [4], resumed_after=3)
    write_session(LATE + 1, 1, [5], resumed_after=4)
    assert steps_and_sessions(tmp_path) == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]


def test_a_session_whose_first_file_is_gone_began_before_those_of_larger_numbers(
    write_session, tmp_path
):
    write_session(EARLY + 5, 1, [6, 7], resumed_after=5)
    write_session(LATE, 0, [4, 5, 6], number=1)  # it still wrote as session 1 had begun
    assert steps_and_sessions(tmp_path) == [(4, 0), (5, 0), (6, 1), (7, 1)]


def test_files_under_other_names_follow_the_numbers(write_session, tmp_path):
    write_session(EARLY, 1, [2, 3], resumed_after=1)
    write_session(LATE, 0, [1, 2])
    for n, path in enumerate(sorted(tmp_path.iterdir())):
        path.rename(tmp_path / f"events.out.tfevents.{n}")
    assert steps_and_sessions(tmp_path) == [(1, 0), (2, 1), (3, 1)]


def test_rows_copied_into_a_file_of_an_earlier_session_make_theirs_no_earlier(
    write_session, tmp_path
):
    write_session(EARLY, 0, [1, 2])
    write_session(EARLY + 10, 1, [3, 4], resumed_after=2)
    write_session(LATE, 2, [5, 6], resumed_after=4)
    first, _, last = sorted(tmp_path.iterdir())
    first.write_bytes(first.read_bytes() + last.read_bytes())
    assert steps_and_sessions(tmp_path) == [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)]

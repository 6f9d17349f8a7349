"""The files of a run: what is read of them, once or as they grow, and what can't be."""

import os
import random

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

import rlviz
from rlviz import tfrecord
from rlviz.report.history import files as module
from rlviz.report.history.batches import UNREADABLE
from rlviz.report.history.event_bytes import StoredRows, read_at
from rlviz.report.history.files import RunReader, load


def events_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


def test_damage_in_the_middle_hides_only_its_batch(in_batches, rows_records):
    data = bytearray(in_batches.read_bytes())
    start, end = rows_records(data)[1]
    data[start + 40] ^= 1
    in_batches.write_bytes(data)
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == [1, 2, 3, 7, 8, 9, 10, 11, 12]
    (damage,) = run.damage
    assert (damage.file, damage.offset, damage.length) == (in_batches.name, start, end - start)
    assert damage.reason == "the content of a record is damaged"


def test_a_file_cut_off_anywhere_gives_the_batches_before_the_cut(in_batches, rows_records):
    data = in_batches.read_bytes()
    records = rows_records(data)
    for size in range(records[0][1], len(data), 61):
        in_batches.write_bytes(data[:size])
        whole = sum(end <= size for _, end in records)
        run = rlviz.read(in_batches.parent)
        assert list(run.step) == list(range(1, 3 * whole + 1))
        assert len(run.damage) <= 1


def test_zeros_at_the_end_of_a_file_are_damage_and_hide_nothing(in_batches):
    with in_batches.open("ab") as stream:
        stream.write(bytes(4096))
    run = rlviz.read(in_batches.parent)
    assert list(run.step) == list(range(1, 13))
    assert [damage.length for damage in run.damage] == [4096]


def test_event_files_of_others_are_passed_over(write_steps, tmp_path):
    logdir = tmp_path / "run"
    write_steps([1, 2, 3])
    others = EventFileWriter(str(logdir))
    for step in range(100):
        scalar = Summary.Value(tag="rlviz/accuracy", simple_value=0.5)
        others.add_event(Event(step=step, summary=Summary(value=[scalar])))
    others.close()
    (logdir / "events.out.tfevents.0.empty").touch()
    (logdir / "events.out.tfevents.directory").mkdir()
    (logdir / "notes.txt").write_text("rlviz/rows/s0")
    run = rlviz.read(logdir)
    assert list(run.step) == [1, 2, 3]
    assert run.damage == ()
    assert len(events_of(logdir)) == 4


def test_an_event_file_that_is_noise_is_damage(write_steps, tmp_path):
    write_steps([1, 2, 3])
    (tmp_path / "run" / "events.out.tfevents.0.noise").write_bytes(b"x" * 1000)
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == [1, 2, 3]
    assert [(d.file, d.length) for d in run.damage] == [("events.out.tfevents.0.noise", 1000)]


def test_a_run_is_found_by_a_string_or_a_path(write_steps, tmp_path):
    write_steps([1])
    assert len(rlviz.read(str(tmp_path / "run"))) == len(rlviz.read(tmp_path / "run")) == 1


def test_a_directory_that_does_not_exist_is_said_to_be_missing(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError, match=f"there is no run directory {missing}. Give the"):
        rlviz.read(missing)


@pytest.mark.parametrize("name", [None, "events.out.tfevents.0.empty"])
def test_a_directory_without_steps_says_so(tmp_path, name):
    if name is not None:
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=r"holds no steps recorded by rlviz \(yet\)\.$"):
        rlviz.read(tmp_path)


def test_a_directory_above_runs_names_them(write_steps, tmp_path):
    write_steps([1], logdir=tmp_path / "group" / "b")
    write_steps([1], logdir=tmp_path / "group" / "a")
    expected = f"Runs below it: {tmp_path / 'group' / 'a'}, {tmp_path / 'group' / 'b'}."
    with pytest.raises(FileNotFoundError, match=expected):
        rlviz.read(tmp_path)


# --- look after look -------------------------------------------------------


def steps_of(contents):
    return [int(step) for batch in contents.batches for step in batch.steps]


def as_one_look(logdir, contents):
    """Whether many looks make what one does."""
    whole = load(logdir)
    assert (contents.damage, contents.files) == (whole.damage, whole.files)
    assert [b.written for b in contents.batches] == [b.written for b in whole.batches]
    assert steps_of(contents) == steps_of(whole)


def test_many_looks_at_a_file_that_grows_make_what_one_does(in_batches, rows_records):
    data = bytearray(in_batches.read_bytes())
    data[rows_records(data)[1][0] + 40] ^= 1
    in_batches.write_bytes(b"")
    reader = RunReader(in_batches.parent)
    for start in range(0, len(data), 97):
        with in_batches.open("ab") as stream:
            stream.write(data[start : start + 97])
        as_one_look(in_batches.parent, reader.look())
    (damage,) = reader.look().damage
    assert (damage.after_step, damage.before_step) == (3, 7)
    assert len(reader.look().batches) == 2  # on each side of the damage


def test_where_nothing_has_changed_a_look_is_the_one_before(in_batches):
    reader = RunReader(in_batches.parent)
    first = reader.look()
    assert reader.look() is first
    with in_batches.open("ab") as stream:
        stream.write(tfrecord.frame(b"nothing of ours"))
    assert reader.look() is not first


def test_files_that_come_and_go_are_seen(in_batches):
    reader = RunReader(in_batches.parent)
    assert len(reader.look().files) == 1
    other = in_batches.with_name("events.out.tfevents.0.noise")
    other.write_bytes(b"x" * 1000)
    assert [file.size for file in reader.look().files if file.is_foreign] == [1000]
    other.unlink()
    as_one_look(in_batches.parent, reader.look())
    assert len(reader.look().files) == 1


def test_a_file_that_another_takes_the_place_of_is_read_from_its_beginning(in_batches):
    data = in_batches.read_bytes()
    reader = RunReader(in_batches.parent)
    assert len(steps_of(reader.look())) == 12
    beside = in_batches.with_name("copy")
    beside.write_bytes(data + data)  # rows that were written twice
    beside.replace(in_batches)
    assert len(steps_of(reader.look())) == 24
    as_one_look(in_batches.parent, reader.look())
    in_batches.write_bytes(data[: len(data) // 2])
    as_one_look(in_batches.parent, reader.look())


def test_a_link_to_nowhere_is_said_once_and_hides_nothing(in_batches):
    (in_batches.parent / "events.out.tfevents.0.link").symlink_to("nowhere")
    reader = RunReader(in_batches.parent)
    first = reader.look()
    (damage,) = first.damage
    assert (damage.kind, damage.reason) == (
        UNREADABLE,
        "the file can't be read: No such file or directory",
    )
    assert len(steps_of(first)) == 12
    assert reader.look() is first


# --- what is no regular file -------------------------------------------------


def test_a_pipe_a_device_and_a_file_of_the_system_are_said_and_hide_nothing(in_batches):
    logdir = in_batches.parent
    os.mkfifo(logdir / "events.out.tfevents.0.pipe")
    (logdir / "events.out.tfevents.0.zero").symlink_to("/dev/zero")
    (logdir / "events.out.tfevents.0.null").symlink_to("/dev/null")
    run = rlviz.read(logdir)
    assert list(run.step) == list(range(1, 13))
    reasons = {damage.file.rsplit(".", 1)[1]: damage.reason for damage in run.damage}
    device = "the file can't be read: it is a device, and not a regular file"
    assert reasons == {"pipe": device.replace("device", "pipe"), "zero": device, "null": device}
    assert {damage.kind for damage in run.damage} == {UNREADABLE}


# --- a piece at a time, and rows that stay on disk ----------------------------


def damaged(data, chance):
    """The bytes with holes of some kinds, and long records between."""
    data = bytearray(data)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data))
        size = chance.choice([1, 30, 700, 3000])
        kind = chance.randrange(5)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at : at + size] = bytes(size)
        elif kind == 2:
            data[at:at] = chance.randbytes(size)
        elif kind == 3:
            del data[at : at + size]
        else:
            record = bytearray(tfrecord.frame(chance.randbytes(4 * size)))
            record[-1] ^= chance.randrange(2)
            data[at:at] = record
    return bytes(data)


def like(run):
    """All that is known of a run."""
    columns = {name: values.tobytes() for name, values in run.columns.items()}
    return columns, run.damage, run.files, run.sessions, run.superseded, run.missing


@pytest.mark.quick(8)
@pytest.mark.parametrize("seed", range(40))
def test_a_file_read_in_pieces_is_what_it_is_at_once(in_batches, monkeypatch, seed):
    chance = random.Random(seed)
    in_batches.write_bytes(damaged(3 * in_batches.read_bytes(), chance))
    whole = like(rlviz.read(in_batches.parent))
    monkeypatch.setattr(module, "_PIECE_BYTES", chance.choice([50, 333, 1000, 4096]))
    monkeypatch.setattr(tfrecord, "LONGEST", chance.choice([4000, 1 << 24]))
    assert like(rlviz.read(in_batches.parent)) == whole
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    assert like(rlviz.read(in_batches.parent)) == whole


def test_the_rows_of_a_large_run_stay_on_disk(in_batches, monkeypatch):
    held = rlviz.read(in_batches.parent)
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    contents = load(in_batches.parent)
    assert all(isinstance(batch.table, StoredRows) for batch in contents.batches)
    run = rlviz.read(in_batches.parent)
    for name, values in held.columns.items():
        np.testing.assert_array_equal(run.columns[name], values)
    assert [list(part.step) for part in run.parts(5)] == [[*range(1, 6)], [*range(6, 11)], [11, 12]]


def test_a_pass_over_a_large_run_leaves_the_column_that_is_asked_for_next(in_batches, monkeypatch):
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    expected = list(rlviz.read(in_batches.parent).step)
    run = rlviz.read(in_batches.parent)
    assert sum(len(part) for part in run.parts(5, keeping="step")) == len(expected)
    in_batches.unlink()
    assert list(run.step) == expected


def test_a_large_run_that_grows_is_read_on(in_batches, monkeypatch):
    data = in_batches.read_bytes()
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    in_batches.write_bytes(data[: len(data) // 2])
    reader = RunReader(in_batches.parent)
    assert 0 < len(steps_of(reader.look())) < 12
    with in_batches.open("ab") as stream:
        stream.write(data[len(data) // 2 :])
    assert steps_of(reader.look()) == list(range(1, 13))


def test_a_long_record_is_passed_over_and_a_damaged_one_is_said(in_batches, monkeypatch):
    monkeypatch.setattr(module, "_PIECE_BYTES", 500)
    monkeypatch.setattr(tfrecord, "LONGEST", 1000)
    data = in_batches.read_bytes()
    long = tfrecord.frame(bytes(9000))
    in_batches.write_bytes(long + data)
    assert load(in_batches.parent).damage == ()
    in_batches.write_bytes(long[:-1] + b"x" + data)
    run = rlviz.read(in_batches.parent)
    assert [(d.offset, d.length) for d in run.damage] == [(0, len(long))]
    assert list(run.step) == list(range(1, 13))


def test_false_lengths_beyond_a_piece_cost_bytes_linear_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PIECE_BYTES", 500)
    read = 0

    def counted(descriptor, offset, size):
        nonlocal read
        found = read_at(descriptor, offset, size)
        read += len(found)
        return found

    monkeypatch.setattr(module, "read_at", counted)
    claim = tfrecord.frame(bytes(20_000))[: tfrecord.HEADER_BYTES]
    data = claim * (100_000 // len(claim))
    (tmp_path / "events.out.tfevents.1.x").write_bytes(data)
    assert load(tmp_path).damage
    assert read <= 12 * len(data)

"""Files that are damaged, cut or gone, and the steps that go with them."""

import pytest

import rlviz
from rlviz import schema, tfrecord
from rlviz.report.doctor.examination import examine


def kinds(diagnosis):
    return [finding.kind for finding in diagnosis.findings]


def only(diagnosis):
    """The one finding; what it says and its advice."""
    (finding,) = diagnosis.findings
    return finding


def files_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


def test_damage_in_the_middle_is_a_loss_with_the_steps_that_are_missing(
    in_batches, logdir, rows_records
):
    data = bytearray(in_batches.read_bytes())
    start, end = rows_records(data)[1]
    data[start + 40] ^= 1
    in_batches.write_bytes(data)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "damaged")
    size = f"{end - start} bytes" if end - start < 1000 else f"{(end - start) / 1000:.1f} kB"
    assert finding.what == (
        f"{size} of {in_batches.name} are not what was written, at byte {start}: the content of a "
        "record is damaged. With it steps 4 to 6 are missing."
    )
    assert "TensorBoard shows nothing of the file behind the damage" in finding.advice
    (damage,) = diagnosis.facts["damage"]
    assert (damage["after_step"], damage["before_step"], damage["length"]) == (3, 7, end - start)


def test_damage_of_the_first_batch_counts_what_came_before_the_first_step(
    in_batches, logdir, rows_records
):
    data = bytearray(in_batches.read_bytes())
    data[rows_records(data)[0][0] + 40] ^= 1
    in_batches.write_bytes(data)
    assert "With it 3 steps before step 4 is missing" not in only(examine(logdir)).what
    assert only(examine(logdir)).what.endswith("With it 3 steps before step 4 are missing.")


def test_damage_between_the_rows_costs_no_step(in_batches, logdir, rows_records):
    data = bytearray(in_batches.read_bytes())
    data[rows_records(data)[1][1] + 20] ^= 1  # in the scalars behind the second batch
    in_batches.write_bytes(data)
    diagnosis = examine(logdir)
    assert diagnosis.state == "losses"
    assert only(diagnosis).what.endswith("No step is missing there.")


def test_damage_before_the_first_rows_costs_no_step(in_batches, logdir):
    data = bytearray(in_batches.read_bytes())
    data[20] ^= 1  # in the record that every event file begins with
    in_batches.write_bytes(data)
    assert only(examine(logdir)).what.endswith("No step is missing there.")


def test_steps_that_were_not_all_recorded_are_missed_by_their_count(
    write_batch, logdir, rows_records
):
    for first in (10, 40, 70):
        write_batch(range(first, first + 30, 10))
    (file,) = files_of(logdir)
    data = bytearray(file.read_bytes())
    data[rows_records(data)[1][0] + 40] ^= 1
    file.write_bytes(data)
    assert only(examine(logdir)).what.endswith(
        "With it 3 steps between steps 30 and 70 are missing."
    )


def test_damage_of_steps_that_a_later_session_did_again_costs_no_step(
    write_steps, logdir, rows_records
):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, 13):
            viz.on_step_end(step, correct=[1, 0], flops=10, parallelism=[2.0])
            if step == 3:
                state = viz.state_dict()
            assert step % 3 or viz.flush()
    (file,) = files_of(logdir)
    data = bytearray(file.read_bytes())
    data[rows_records(data)[2][0] + 40] ^= 1
    file.write_bytes(data)
    write_steps(range(4, 21), state=state)
    finding = only(examine(logdir))
    assert (finding.kind, finding.what.endswith("No step is missing there.")) == ("damaged", True)


def test_zeros_in_the_middle_of_a_file_are_no_kill(in_batches, logdir, rows_records):
    data = bytearray(in_batches.read_bytes())
    start, end = rows_records(data)[1]
    data[start:end] = bytes(end - start)
    in_batches.write_bytes(data)
    diagnosis = examine(logdir)
    assert (diagnosis.state, kinds(diagnosis)) == ("losses", ["damaged"])
    assert only(diagnosis).what.endswith("With it steps 4 to 6 are missing.")


def test_rows_that_a_run_from_scratch_made_void_are_not_missed(
    in_batches, write_steps, logdir, rows_records
):
    data = in_batches.read_bytes()
    in_batches.write_bytes(data[rows_records(data)[1][0] :])
    assert kinds(examine(logdir)) == ["rows_gone"]
    write_steps(range(1, 21))
    assert kinds(examine(logdir)) == ["restart"]


def test_many_damaged_places_of_a_file_are_one_finding(in_batches, logdir, rows_records):
    data = bytearray(in_batches.read_bytes())
    for start, _ in rows_records(data)[1:3]:
        data[start + 40] ^= 1
        data[start + 2] ^= 1
    in_batches.write_bytes(data)
    finding = only(examine(logdir))
    assert "are not what was written, in " in finding.what
    assert "steps 4 to 9 are missing" in finding.what or "6 steps" in finding.what


@pytest.mark.parametrize("tail", [bytes(4096), tfrecord.frame(b"lost")[:-1], b"\x07"])
def test_a_file_that_ends_in_half_a_record_is_what_a_kill_leaves(in_batches, logdir, tail):
    with in_batches.open("ab") as stream:
        stream.write(tail)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert diagnosis.is_sound
    assert diagnosis.verdict.endswith("nothing lost but perhaps the last second; 1 note.")
    assert finding.kind == "cut"
    assert f"of {in_batches.name} are no whole record" in finding.what or "is no" in finding.what
    assert "It costs at most the last second." in finding.advice


def test_noise_at_the_end_of_a_file_is_no_kill(in_batches, logdir):
    with in_batches.open("ab") as stream:
        stream.write(b"x" * 300)
    diagnosis = examine(logdir)
    assert (diagnosis.state, kinds(diagnosis)) == ("losses", ["damaged"])
    assert "Whether it held steps can't be told" in only(diagnosis).what


def test_a_batch_that_was_cut_and_written_again_costs_no_step(in_batches, logdir, rows_records):
    data = in_batches.read_bytes()
    start, end = rows_records(data)[2]
    header = in_batches.name
    in_batches.write_bytes(data[: end - 7])  # a short write ends the file …
    (logdir / header.replace("s0-0", "s0-1")).write_bytes(data[start:])  # … and the next has it
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert only(diagnosis).kind == "cut"
    assert only(diagnosis).what.endswith("No step is missing there.")


def test_a_file_that_was_copied_in_part_lacks_the_steps_before_the_next(
    in_batches, logdir, rows_records
):
    data = in_batches.read_bytes()
    records = rows_records(data)
    in_batches.write_bytes(data[: records[1][1] - 7])
    rest = data[records[3][0] :]
    (logdir / in_batches.name.replace("s0-0", "s0-1")).write_bytes(rest)
    diagnosis = examine(logdir)
    assert diagnosis.state == "losses"
    assert only(diagnosis).what.endswith("With it steps 4 to 9 are missing.")


def test_a_file_that_was_deleted_is_missed_by_its_rows(in_batches, logdir, rows_records):
    data = in_batches.read_bytes()
    records = rows_records(data)
    in_batches.write_bytes(data[: records[1][0]])
    (logdir / in_batches.name.replace("s0-0", "s0-2")).write_bytes(data[records[3][0] :])
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "rows_gone")
    assert finding.what == (
        "session 0 wrote more than is here: steps 4 to 9 are missing. A file was deleted, or not "
        "copied."
    )


def test_a_batch_that_was_written_twice_is_nothing_odd(in_batches, logdir, rows_records):
    data = in_batches.read_bytes()
    start, _ = rows_records(data)[3]
    (logdir / in_batches.name.replace("s0-0", "s0-1")).write_bytes(data[start:])
    assert rlviz.read(logdir).sessions[0].backwards == 0
    assert kinds(examine(logdir)) == []


def test_files_named_by_a_clock_that_was_set_back_are_read_as_written(write_batch, logdir):
    write_batch([1, 2, 3], name="events.out.tfevents.9.x.rlviz-s0-0")
    write_batch([2, 4, 5], name="events.out.tfevents.1.x.rlviz-s0-1", flops=7)
    assert list(rlviz.read(logdir).flops) == [100, 14, 300, 28, 35]


def test_a_file_that_can_not_be_read_is_said_with_the_systems_reason(in_batches, logdir):
    (logdir / "events.out.tfevents.0.x.rlviz-s0-1").symlink_to("/proc/self/mem")
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "unreadable")
    assert "rlviz-s0-1: the file can't be read: " in finding.what
    assert "chmod" in finding.advice


def test_rows_of_a_newer_format_ask_for_an_upgrade(in_batches, write_batch, logdir):
    write_batch([13], version=schema.FORMAT_VERSION + 1, name=in_batches.name)
    diagnosis = examine(logdir)
    finding = only(diagnosis)
    assert (diagnosis.state, finding.kind) == ("losses", "newer")
    assert f"format version {schema.FORMAT_VERSION + 1}, this rlviz reads up to" in finding.what
    assert finding.advice == "pip install --upgrade rlviz"


def test_intact_rows_that_make_no_sense_are_no_fault_of_the_disk(in_batches, logdir):
    with in_batches.open("ab") as stream:
        stream.write(tfrecord.frame(b"\xff rlviz/rows/s0"))
    finding = only(examine(logdir))
    assert finding.kind == "senseless"
    assert "1 intact record of" in finding.what
    assert "report it" in finding.advice

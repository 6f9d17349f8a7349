"""The doctor: what became of a run on disk, as a whole."""

import json
import random
import shutil
from contextlib import suppress

import pytest

import rlviz
from rlviz import schema
from rlviz.report.doctor.examination import examine


def kinds(diagnosis):
    return [finding.kind for finding in diagnosis.findings]


def only(diagnosis):
    """The one finding; what it says and its advice."""
    (finding,) = diagnosis.findings
    return finding


def test_the_facts_are_plain_numbers(parl_logdir, parl):
    diagnosis = examine(parl_logdir, now=parl.wall_time.max() + 7200)
    data = json.loads(json.dumps(diagnosis.to_dict(), allow_nan=False))
    assert data["state"] == "sound"
    assert data["findings"] == []
    facts = data["facts"]
    assert (facts["steps"], facts["first_step"], facts["last_step"]) == (300, 1, 300)
    assert facts["flops"] == parl.exact_flops()[-1]
    assert facts["seconds_since_last"] == pytest.approx(7200)
    (session,) = facts["sessions"]
    assert (session["rows"], session["superseded"], session["resumed_after"]) == (300, 0, None)
    assert (facts["files"], facts["dropped"], facts["world_size"]) == (1, 0, 1)


def test_a_run_can_be_examined_while_it_is_written(logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1], flops=1, parallelism=[1.0])
        assert viz.flush()
        diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert diagnosis.facts["may_be_running"]


@pytest.mark.parametrize("error", [None, KeyError])
@pytest.mark.parametrize("config", [None, {"lr": 1}])
def test_a_run_that_was_closed_is_not_running(logdir, error, config):
    with suppress(KeyError), rlviz.Callback(logdir, figure_seconds=None, config=config) as viz:
        viz.on_step_end(1, correct=[1], flops=1, parallelism=[1.0])
        assert viz.flush()
        running = examine(logdir)
        if error:
            raise error
    closed = examine(logdir)
    assert (running.facts["closed"], running.facts["may_be_running"]) == (False, True)
    assert (closed.facts["closed"], closed.facts["may_be_running"]) == (True, False)
    assert "; it may still be running." in running.text()
    assert "; its script closed it." in closed.text()


def test_a_run_that_was_resumed_after_it_was_closed_may_be_running(logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1], flops=1, parallelism=[1.0])
        state = viz.state_dict()
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.load_state_dict(state)
        viz.on_step_end(2, correct=[1], flops=1, parallelism=[1.0])
        assert viz.flush()
        assert examine(logdir).facts["may_be_running"]
    assert examine(logdir).facts["closed"]


def test_a_run_of_which_nothing_can_be_read_is_unreadable(in_batches, logdir):
    in_batches.write_bytes(b"\x5a" * 5000)
    diagnosis = examine(logdir)
    assert (diagnosis.state, kinds(diagnosis)) == ("unreadable", ["damaged"])
    assert diagnosis.verdict.endswith("unreadable — not one of its steps can be read.")
    assert diagnosis.facts["steps"] == 0
    json.dumps(diagnosis.to_dict(), allow_nan=False)
    assert "PROBLEM" in diagnosis.text()


def test_a_run_that_is_all_of_a_newer_format_is_unreadable_and_says_why(write_batch, logdir):
    write_batch([1, 2], version=schema.FORMAT_VERSION + 1)
    assert only(examine(logdir)).kind == "newer"
    with pytest.raises(FileNotFoundError, match=r"no steps that can be read: .*Upgrade rlviz"):
        rlviz.read(logdir)


@pytest.mark.quick(6)
@pytest.mark.parametrize("seed", range(150))
def test_whatever_the_disk_does_the_doctor_says_something(in_batches, logdir, seed):
    chance = random.Random(seed)
    data = bytearray(in_batches.read_bytes())
    for _ in range(chance.randrange(1, 5)):
        at, length = chance.randrange(len(data)), chance.randrange(1, 400)
        fault = chance.randrange(4)
        if fault == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif fault == 1:
            del data[at:]
        elif fault == 2:
            data[at : at + length] = bytes(length)
        else:
            data[at:at] = data[at : at + length]
        data = data or bytearray(b"\0")
    in_batches.write_bytes(data)
    with suppress(FileNotFoundError):  # cut off before the first step: nothing is known of a run
        diagnosis = examine(logdir)
        json.dumps(diagnosis.to_dict(), allow_nan=False)
        assert diagnosis.text().startswith(str(logdir))
        recorded = rlviz.read(logdir).step if diagnosis.facts["steps"] else []
        lost = set(range(1, 13)) - set(recorded)
        assert diagnosis.findings or not lost or lost == set(range(min(lost), 13))


def test_a_directory_that_is_no_run_is_said_so(tmp_path, in_batches):
    with pytest.raises(FileNotFoundError, match="there is no run directory"):
        examine(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=r"holds no steps .* Runs below it: .*run\."):
        examine(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(in_batches, other / "events.out.tfevents.0.noise")
    (other / "events.out.tfevents.0.noise").write_bytes(b"x" * 1000)
    with pytest.raises(FileNotFoundError, match="holds no steps recorded by rlviz"):
        examine(other)

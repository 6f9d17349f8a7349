"""What the summary and the doctor both tell of a run is one account."""

import numpy as np
import pytest

import rlviz
from rlviz.report.doctor import examine
from rlviz.report.history.batches import FileDamage
from rlviz.report.history.run_account import account_of, elapsed, may_hide_steps, places_of
from rlviz.report.history.session_account import Gone


def history(wall, flops=None, **columns):
    steps = np.arange(1.0, len(wall) + 1)
    columns = {"step": steps, "wall_time": np.array(wall, dtype=float)} | columns
    if flops is not None:
        columns["flops/total"] = np.array(flops, dtype=float)
        columns["flops_remainder/total"] = np.zeros(len(wall))
    return rlviz.History(columns)


@pytest.mark.parametrize(
    ("wall", "seconds"),
    [
        ([100.0, 1600.0], 1500.0),
        ([100.0, 1600.0, 100.0], 1500.0),  # set back at the end
        ([90_000.0, 90_600.0, 3_600.0, 4_500.0], 1500.0),  # set back by a day, in the middle
        ([np.nan, 100.0, np.nan, 1600.0], 1500.0),
        ([5.0], 0.0),
        ([np.nan], None),
    ],
)
def test_the_length_of_a_run_is_the_time_that_its_clock_saw_pass(wall, seconds):
    assert account_of(history(wall)).wall_seconds == seconds


def test_without_a_set_back_elapsed_time_is_the_plain_difference_bit_for_bit():
    wall = 1.7e9 + np.cumsum(np.random.default_rng(0).uniform(0, 3, 1000))
    np.testing.assert_array_equal(elapsed(wall), wall - wall[0])


def test_the_rate_leaves_out_the_first_step_whose_time_is_unknown():
    account = account_of(history([100.0, 110.0, 120.0], flops=[5e20, 6e20, 9e20]))
    assert account.flops_per_second == 4e20 / 20
    assert account.flops == {"total": 9 * 10**20}
    assert account_of(history([100.0, 110.0])).flops_per_second is None


def test_a_run_without_steps_has_an_account_too():
    account = account_of(rlviz.History({"step": np.array([])}))
    assert (account.steps, account.first_step, account.wall_seconds) == (0, None, None)
    assert (account.flops, account.total_flops, account.lost_share) == ({}, None, 0.0)


def test_what_restarts_lost_is_a_share_of_all_that_was_spent():
    run = history([1.0, 2.0], flops=[1e20, 3e20])
    account = account_of(rlviz.History(run.columns, lost_flops={0: 10**20}))
    assert (account.flops_lost, account.lost_share) == (10**20, 0.25)


def test_summary_and_doctor_agree_on_a_run_whose_clock_was_set_back(tmp_path):
    times = [90_000.0, 90_600.0, 3_600.0, 4_500.0]
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step, at in enumerate(times, 1):
            viz.on_step_end(step, flops=10**20, wall_time=at)
    run = rlviz.read(tmp_path)
    assert run.wall_time.tolist() == times
    told, examined = rlviz.summarise(run).facts, examine(tmp_path).facts
    assert told["wall_seconds"] == examined["wall_seconds"] == 1500.0
    assert told["flops"]["total"] == examined["flops"] == 4 * 10**20


def test_rows_that_are_gone_are_named_by_their_steps_where_these_are_plain():
    gone = [Gone(2, 3, 6), Gone(5, None, 9), Gone(1, 20, 30), Gone(4, 40, 45)]
    assert places_of(gone) == (
        "steps 4 to 5 and 5 steps before step 9 and 1 step between steps 20 and 30 and "
        "4 steps elsewhere"
    )


def test_what_is_gone_and_what_lacks_ranks_is_counted_over_all_sessions(write_batch, logdir):
    write_batch(range(1, 4), missing_ranks=(1,))
    write_batch(range(4, 6))
    write_batch(range(6, 10), session=1, resumed_after=5, missing_ranks=(0, 2))
    account = account_of(rlviz.read(logdir))
    assert (account.without_ranks, account.gone) == (3 + 4, ())


def test_summary_and_doctor_agree_on_the_damaged_end_of_a_file(in_batches, rows_records):
    data = in_batches.read_bytes()
    start, end = rows_records(data)[1]
    spoiled = data[: start + 40] + bytes([data[start + 40] ^ 1]) + data[start + 41 : end]
    in_batches.write_bytes(spoiled)
    run = rlviz.read(in_batches.parent)
    (damage,) = run.damage
    assert may_hide_steps(run, damage)
    assert "can't be told" in " ".join(rlviz.summarise(run).notes)
    assert "can't be told" in examine(in_batches.parent).text()
    # The writer was not sure of it, wrote it again in a new file, and went on there.
    in_batches.with_name(in_batches.name.replace("s0-0", "s0-1")).write_bytes(data[start:])
    run = rlviz.read(in_batches.parent)
    (damage,) = run.damage
    assert damage.before_step is None
    assert not may_hide_steps(run, damage)
    assert "no step is missing by it" in " ".join(rlviz.summarise(run).notes)
    assert "No step is missing there." in " ".join(examine(in_batches.parent).text().split())


def test_damage_of_which_nothing_is_known_may_hide_steps():
    run = rlviz.History({"step": np.array([1.0])})
    assert may_hide_steps(run, FileDamage("a", 0, 9, "damaged"))
    assert may_hide_steps(run, FileDamage("a", 0, 9, "damaged", after_step=1))
    assert not may_hide_steps(run, FileDamage("a", 0, 9, "damaged", before_step=1))


@pytest.mark.parametrize("remainder", [None, np.nan])
def test_counts_whose_remainders_are_not_there_are_the_nearest_floats(remainder):
    run = history([1.0, 2.0], flops=[1e20, 3e20])
    del run.columns["flops_remainder/total"]
    if remainder is not None:
        run.columns["flops_remainder/total"] = np.full(2, remainder)
    assert account_of(run).total_flops == 3 * 10**20


def test_a_night_between_two_steps_is_a_pause_and_no_training_time():
    wall = 1.7e9 + 60 * np.arange(100.0)
    wall[50:] += 8 * 3600
    account = account_of(history(wall, flops=np.arange(100) * 1e15))
    assert (account.wall_seconds, account.paused_seconds) == (99 * 60, 8 * 3600)
    assert account.flops_per_second == pytest.approx(99e15 / (99 * 60))


def test_a_long_run_is_accounted_for_as_if_all_its_rows_were_looked_at_together():
    rng = np.random.default_rng(0)
    steps = 200_000
    wall = 1.7e9 + np.cumsum(rng.normal(1, 2, steps))  # set back at every third step or so
    wall[rng.uniform(size=steps) < 0.1] = np.nan
    seconds, mfu = rng.uniform(size=steps), rng.uniform(size=steps)
    mfu[:70_000] = np.nan
    flops = np.cumsum(rng.uniform(size=steps)) * 1e20
    flops[[0, -1]] = np.nan
    columns = {"seconds/update": seconds, "mfu/update": mfu}
    columns["session"] = np.repeat([0.0, 3.0], steps // 2)
    account = account_of(history(wall, flops, **columns))
    known = wall[np.isfinite(wall)]
    assert account.wall_seconds == elapsed(known)[-1]
    assert (account.began, account.ended) == (known.min(), known.max())
    assert (account.first_step, account.last_step, account.sessions) == (1, steps, 2)
    assert account.flops == {"total": int(flops[-2])}
    assert account.flops_per_second == (flops[-2] - flops[1]) / account.wall_seconds
    assert account.seconds["update"] == pytest.approx(seconds.sum(), rel=1e-13)
    here = np.isfinite(mfu)
    assert account.mfu["update"] == pytest.approx(np.average(mfu[here], weights=seconds[here]))

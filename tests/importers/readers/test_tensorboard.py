"""Event files that torch's own SummaryWriter wrote, whole and damaged."""

import math

import numpy as np
import pytest
import torch
from tensorboard.compat.proto.event_pb2 import Event
from torch.utils.tensorboard import SummaryWriter

import rlviz
from rlviz import tfrecord
from rlviz.importers import import_run


@pytest.fixture
def write(tmp_path):
    """Writes (tag, value, step, wall time) with a SummaryWriter of its own; gives the folder."""

    def write(points, folder="tb"):
        with SummaryWriter(str(tmp_path / folder)) as writer:
            for tag, value, step, wall in points:
                writer.add_scalar(tag, value, step, walltime=wall)
        return tmp_path / folder

    return write


def by_step(steps, **tags):
    """Points of several tags, logged together at each step, a minute apart."""
    names = {name.replace("__", "/"): values for name, values in tags.items()}
    return [
        (tag, values[i], step, 1.7e9 + 60 * step)
        for i, step in enumerate(steps)
        for tag, values in names.items()
    ]


def test_the_tags_of_a_step_come_together(take, write):
    points = by_step(
        [1, 2, 3],
        train__rewards__accuracy_reward__mean=[0.0, 0.25, 0.5],
        train__num_tokens=[1000, 2000, 4000],
        train__kl=[0.125, 0.25, 0.5],
    )
    imported, run = take(write(points), params=1e9)
    assert imported.kind == "tensorboard"
    assert run.step.tolist() == [1, 2, 3]
    assert run.accuracy.tolist() == [0.0, 0.25, 0.5]
    assert run.exact_flops() == [8 * 10**12, 16 * 10**12, 32 * 10**12]
    assert run.columns["metrics/train/kl"].tolist() == [0.125, 0.25, 0.5]
    assert run.wall_time.tolist() == [1.7e9 + 60, 1.7e9 + 120, 1.7e9 + 180]


def test_the_axis_and_the_accuracy_can_be_named(take, write):
    points = by_step(
        [1, 2, 3],
        perf__total_flops=[1e20, 2e20, 4e20],
        train__reward=[0.25, 0.5, 0.5],
        solo=[4] * 3,
    )
    imported, run = take(
        write(points), x="perf/total_flops", accuracy="train/reward", parallelism="solo"
    )
    np.testing.assert_allclose(run.flops, [1e20, 2e20, 4e20], rtol=1e-7)  # stored as float32
    assert run.accuracy.tolist() == [0.25, 0.5, 0.5]
    assert run.parallelism.tolist() == [4, 4, 4]
    assert imported.best_x == "flops"


def test_a_return_beyond_0_1_is_no_accuracy_also_where_it_was_named_as_one(take, write):
    imported, run = take(write(by_step([1, 2], train__reward=[-20.5, 18])), accuracy="train/reward")
    assert np.isnan(run.accuracy).all()
    assert run.columns["metrics/return"].tolist() == [-20.5, 18]
    assert any("'train/reward' is not in [0, 1]" in says for says in imported.unknown)


def test_tags_of_another_unit_of_steps_stand_where_the_run_was_at_their_time(take, write):
    points = []
    for i in range(1, 101):  # environment steps, and gradient steps that count half as fast
        points.append(("rollout/success_rate", i / 100, 1000 * i, 1.7e9 + 10 * i))
        points.append(("update/loss", 1 / i, 40 * i, 1.7e9 + 10 * i + 5))
        points.append(("rollout/ep_len_mean", 5, 1000 * i, 1.7e9 + 10 * i))
    imported, run = take(write(points))
    assert run.step.tolist() == [1000 * i for i in range(1, 101)]
    np.testing.assert_allclose(
        run.columns["metrics/update/loss"], [1 / i for i in range(1, 101)], rtol=1e-6
    )
    assert run.columns["metrics/rollout/ep_len_mean"].tolist() == [5] * 100
    assert any(note.startswith("Other units of steps") for note in imported.notes)
    assert not any("ep_len_mean" in note for note in imported.notes)


def test_a_tag_that_was_logged_now_and_then_keeps_its_own_steps(take, write):
    points = by_step(range(1, 101), train__reward=[0.5] * 100)
    points[55:55] = [("eval/reward", 0.25, 55, 1.7e9 + 60 * 55 + 1)]
    imported, run = take(write(points))
    assert np.flatnonzero(np.isfinite(run.columns["metrics/eval/reward"])).tolist() == [54]
    assert not any("Other units" in note for note in imported.notes)


def test_the_files_of_a_resumed_run_make_one_curve(take, write):
    write(by_step(range(1, 81), train__reward=[0.25] * 80))
    folder = write(by_step(range(51, 131), train__reward=[0.75] * 80))
    assert len(list(folder.iterdir())) == 2
    _, run = take(folder)
    assert run.step.tolist() == list(range(1, 131))
    assert run.accuracy.tolist() == [0.25] * 50 + [0.75] * 80


def test_a_tag_that_goes_back_where_the_rewards_do_not_keeps_its_last_values(take, write):
    points = by_step([10, 20, 30], reward=[0.5, 0.5, 0.5])
    losses = [("loss", 1.0, s, 1.7e9 + 60 * s + 1) for s in range(1, 29)]
    again = [("loss", 9.0, s, 1.7e9 + 60 * s + 1) for s in range(25, 31)]  # from a checkpoint
    in_order = sorted(points[:2] + losses, key=lambda point: point[3])
    imported, run = take(write([*in_order, *again, points[2]]))
    assert run.columns["metrics/loss"].tolist() == [1.0] * 24 + [9.0] * 6
    assert any("4 values that later ones replace" in note for note in imported.notes)


def test_damage_hides_only_the_damaged_record_and_is_said(take, write):
    folder = write(by_step(range(1, 21), train__reward=[0.5] * 20))
    (file,) = folder.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data[:-5])
    imported, run = take(folder)
    assert len(run) == 18
    assert any(
        note.startswith("Left out, for it could not be read: ") and "bytes at" in note
        for note in imported.notes
    )


def test_scalars_that_were_written_as_tensors_are_scalars(take, tmp_path):
    with SummaryWriter(str(tmp_path / "tb")) as writer:
        for step in (1, 2):
            writer.add_scalar("train/reward", 0.25 * step, step, new_style=True)
            writer.add_scalar("exact", 1e30 + step, step, new_style=True, double_precision=True)
            writer.add_text("note", "a text", step)
            writer.add_histogram("weights", torch.ones(3), step)
    imported, run = take(tmp_path / "tb")
    assert run.accuracy.tolist() == [0.25, 0.5]
    assert run.columns["metrics/exact"].tolist() == [1e30 + 1, 1e30 + 2]
    assert any("'note/text_summary', 'weights'" in note for note in imported.notes)


def test_steps_that_can_be_none_are_left_out_and_said(take, write):
    points = by_step([1, 2], reward=[0.5, 0.25])
    imported, run = take(write([("reward", 0.75, -1, 1.7e9), *points]))
    assert run.step.tolist() == [1, 2]
    assert any("step below 0 or beyond 2**53 were left out (1)" in note for note in imported.notes)


def test_an_unknown_tag_is_refused_with_the_ones_close_to_it(write, tmp_path):
    folder = write(by_step([1, 2], train__reward=[0.5, 0.5], train__kl=[0, 0]))
    with pytest.raises(ValueError, match=r"no tag 'train/rewards'\. Close to it: 'train/reward'"):
        import_run(folder, tmp_path / "run", accuracy="train/rewards")
    with pytest.raises(ValueError, match=r"It has train/kl, train/reward\."):
        import_run(folder, tmp_path / "run", tokens="zzzz")
    assert not (tmp_path / "run").exists()


def test_a_folder_of_several_runs_names_them(write, tmp_path):
    write(by_step([1], reward=[0.5]), "tb/PPO_1")
    write(by_step([1], reward=[0.5]), "tb/PPO_2")
    with pytest.raises(ValueError, match=r"holds 2 runs: .*'PPO_1', .*'PPO_2'.*import_runs"):
        import_run(tmp_path / "tb", tmp_path / "run")


def test_a_folder_around_one_run_is_that_run(take, write, tmp_path):
    write(by_step([1, 2], reward=[0.5, 0.25]), "tb/version_0")
    _, run = take(tmp_path / "tb")
    assert run.accuracy.tolist() == [0.5, 0.25]


def test_a_run_of_rlviz_itself_needs_no_import(write_steps, tmp_path):
    write_steps([1, 2], logdir=tmp_path / "mine")
    with pytest.raises(ValueError, match=r"mine is a run that rlviz recorded\. It needs no import"):
        import_run(tmp_path / "mine", tmp_path / "run")


def test_a_directory_with_a_run_is_never_written_into(write, write_steps, tmp_path):
    folder = write(by_step([1, 2], reward=[0.5, 0.25]))
    with pytest.raises(FileExistsError, match=r"tb already holds a run"):
        import_run(folder, folder)
    write_steps([1, 2], logdir=tmp_path / "mine")
    with pytest.raises(FileExistsError, match=r"mine already holds a run"):
        import_run(folder, tmp_path / "mine")
    assert len(rlviz.read(tmp_path / "mine")) == 2


@pytest.mark.parametrize("time", [math.inf, -math.inf, math.nan, 1e300, 0.0])
def test_an_event_at_no_time_costs_no_step(take, write, time):
    points = by_step([1, 2, 3], train__reward=[0.25, 0.5, 0.75])
    _, run = take(write([points[0], (*points[1][:3], time), points[2]]))
    assert run.step.tolist() == [1, 2, 3]
    assert run.wall_time.tolist() == [points[0][3], points[0][3], points[2][3]]


@pytest.mark.filterwarnings("ignore:Setting the dtype:DeprecationWarning")  # tensorboard 2.21 does
def test_a_tensor_of_a_type_that_no_number_has_is_no_number(take, write):
    folder = write(by_step([1, 2, 3], train__reward=[0.25, 0.5, 0.75]))
    for kind in range(64):
        event = Event(step=2, wall_time=1.7e9)
        value = event.summary.value.add(tag="odd")
        value.tensor.dtype = kind
        value.tensor.tensor_shape.dim.add(size=1)
        with next(folder.iterdir()).open("ab") as file:
            file.write(tfrecord.frame(event.SerializeToString()))
    _, run = take(folder)
    assert run.step.tolist() == [1, 2, 3]


def test_the_tags_of_ray_tune_are_known_by_what_stands_behind_their_prefix(take, write, metric):
    returns = {"ray/tune/env_runners/episode_return_mean": [-5.0, -4.0, -3.0]}
    points = [
        (tag, v, s, 1.7e9 + s) for tag, values in returns.items() for s, v in enumerate(values)
    ]
    imported, run = take(write(points))
    assert imported.columns["return"] == "ray/tune/env_runners/episode_return_mean"
    assert metric(run, "return") == [-5, -4, -3]

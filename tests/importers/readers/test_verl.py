"""Console logs of verl, written as its logger writes them, with what a cluster puts around."""

import numpy as np
import pytest

from rlviz.importers import import_run

RAY = "\x1b[36m(TaskRunner pid=2481)\x1b[0m "


def line(step, **values):
    """What verl's LocalLogger prints: name:value pairs, the step before them."""
    metrics = {name.replace("__", "/"): value for name, value in values.items()}
    return " - ".join([f"step:{step}"] + [f"{name}:{value}" for name, value in metrics.items()])


def test_the_lines_of_the_steps_are_found_between_all_else(take):
    log = (
        "2025-05-01 10:00:00,000 INFO worker.py -- Started a local Ray instance.\n"
        + RAY
        + "{'actor_rollout_ref': {'actor': {'clip_ratio': 0.2}}}\n"
        + RAY
        + line(0, **{"val-core__openai__gsm8k__acc__mean@1": 0.508})
        + "\n"
        + "Training Progress:   0%|          | 1/624 [10:00<103:53:21, 600.32s/it]\r"
        + RAY
        + line(1, actor__lr="1e-06", critic__score__mean="0.375", perf__total_num_tokens=1000)
        + "\nwandb: a line of no step\n"
        + RAY
        + "The answer is step:by step:3 - carry the one:1 - done.\n"
        + RAY
        + "training/global_step:7 - actor/lr:3\n"
        + RAY
        + line(2, actor__lr="1e-06", critic__score__mean="0.5", perf__total_num_tokens=3000)
        + "\n"
    )
    imported, run = take(log, params=1e9)
    assert imported.kind == "verl"
    assert imported.columns["accuracy"] == "critic/score/mean"
    assert run.step.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(run.accuracy, [np.nan, 0.375, 0.5])
    # 2·N in the rollout and 6·N in the update, for N = 1e9 and each of the tokens
    assert run.exact_flops("rollout")[1:] == [2 * 10**12, 8 * 10**12]
    assert run.exact_flops("update")[1:] == [6 * 10**12, 24 * 10**12]
    assert run.flops[0] == 0  # nothing was trained before step 1
    assert run.columns["metrics/val-core/openai/gsm8k/acc/mean@1"][0] == 0.508
    assert any("2·N for rollout + 6·N for update" in says for says in imported.known)
    assert any("Not in the RL FLOPs" in says for says in imported.unknown)


def test_the_step_is_not_looked_for_inside_the_name_of_a_metric(take):
    log = "".join(
        f"{RAY}{line(step, critic__score__mean=step / 10)} - training/global_step:{step - 1} - "
        f"training/epoch:0.000\n"
        for step in range(1, 6)
    )
    _, run = take(log)
    assert run.step.tolist() == [1, 2, 3, 4, 5]
    assert run.columns["metrics/training/global_step"].tolist() == [0, 1, 2, 3, 4]


def test_numbers_are_read_however_numpy_and_torch_print_them(take, metric):
    values = {
        "critic__score__mean": "np.float64(0.1)",
        "a": "tensor(0.37, device='cuda:0')",
        "b": "np.int64(7)",
        "c": "-1e-05",
        "d": "nan",
        "e": "inf",
        "f": "warmup",
    }
    imported, run = take(f"{line(1, **values)}\n{line(2, critic__score__mean='1.0')}\n")
    assert run.accuracy.tolist() == [0.1, 1.0]
    assert [metric(run, name)[0] for name in "abce"] == [0.37, 7.0, -1e-05, np.inf]
    assert "d" not in run.metrics
    assert any("Text and lists" in note and "'f'" in note for note in imported.notes)


def test_what_stands_behind_the_last_value_does_not_spoil_it(take):
    row = line(1, actor__lr=0.1, critic__score__mean=0.25)
    _, run = take(f"{row} \x1b[32m [repeated 2x across cluster]\x1b[0m\n")
    assert run.accuracy.tolist() == [0.25]


def test_two_steps_on_one_line_are_two_steps(take):
    _, run = take(
        f"{RAY}{line(1, critic__score__mean=0.25)}{RAY}{line(2, critic__score__mean=0.5)}\n"
    )
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_a_resumed_run_keeps_the_steps_of_the_last_attempt(take):
    first = [line(s, critic__score__mean=0.1, perf__total_num_tokens=100) for s in range(1, 9)]
    second = [line(s, critic__score__mean=0.9, perf__total_num_tokens=100) for s in range(6, 11)]
    imported, run = take("\n".join(first + second), params=1e9)
    assert run.step.tolist() == list(range(1, 11))
    assert run.accuracy.tolist() == [0.1] * 5 + [0.9] * 5
    assert run.has_compute_axis
    assert run.exact_flops()[-1] == 10 * 100 * 8 * 10**9
    assert any("resumed once: 6 values" in note for note in imported.notes)
    assert "What was spent on steps that a resume repeated is not in the count." in imported.unknown


def test_what_a_tag_logged_on_an_abandoned_branch_goes_with_it(take):
    first = [line(s, critic__score__mean=0.1) for s in range(1, 30)]
    first[20] += " - val-core/math/acc/mean@1:0.8"  # step 21, from which it is resumed
    first[24] += " - val-core/math/acc/mean@1:0.9"  # step 25, never evaluated again
    second = [line(s, critic__score__mean=0.9) for s in range(21, 41)]
    _, run = take("\n".join(first + second))
    assert run.step.tolist() == list(range(1, 41))
    assert "val-core/math/acc/mean@1" not in run.metrics


def test_two_logs_of_one_run_are_read_one_after_the_other(take, tmp_path):
    for part, steps in enumerate((range(1, 6), range(4, 8))):
        (tmp_path / f"{part}.log").write_text(
            "".join(line(step, critic__score__mean=(part + 1) / 4) + "\n" for step in steps)
        )
    _, run = take([tmp_path / "0.log", tmp_path / "1.log"])
    assert run.step.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert run.accuracy.tolist() == [0.25] * 3 + [0.5] * 4


def test_a_run_that_starts_at_step_101_keeps_its_steps_and_says_what_is_not_counted(take):
    log = "\n".join(
        line(step, critic__score__mean=0.5, perf__total_num_tokens=10) for step in range(101, 121)
    )
    imported, run = take(log, params=1e9)
    assert run.step.tolist() == list(range(101, 121))
    assert "The log begins at step 101." in imported.notes
    assert any("begins at step 101: what was spent before" in says for says in imported.unknown)


def test_a_score_whose_smallest_sample_is_below_0_is_no_accuracy(take, metric):
    log = "\n".join(
        line(step, critic__score__mean=0.2, critic__score__max=1.0, critic__score__min=-1.0)
        for step in range(1, 4)
    )
    imported, run = take(log)
    assert np.isnan(run.accuracy).all()
    assert metric(run, "return") == [0.2, 0.2, 0.2]
    assert any("The accuracy is unknown" in says for says in imported.unknown)


def test_times_between_steps_come_from_their_durations(take):
    log = "\n".join(
        line(step, critic__score__mean=0.5, timing_s__step=step) for step in range(1, 4)
    )
    imported, run = take(log)
    assert np.diff(run.wall_time).tolist() == pytest.approx([2, 3])
    assert imported.columns["wall_time"] == "timing_s/step"


def test_a_log_without_a_single_step_is_refused_in_words(tmp_path):
    (tmp_path / "train.log").write_text("starting\ntraining/global_step:3 - actor/lr:0.000\n")
    with pytest.raises(ValueError, match=r"train\.log is none of the logs that rlviz knows"):
        import_run(tmp_path / "train.log", tmp_path / "run")


def test_a_value_at_which_a_logger_cut_the_line_is_unknown(cases, take, metric):
    imported, run = take(cases / "11-cut-at-4096.log", params=1e9)
    assert run.step.tolist() == list(range(1, 31))
    assert np.nanmax(metric(run, "tokens")) == 27 * 654_321
    assert not np.isnan(run.accuracy).any()
    said = next(note for note in imported.notes if "cut" in note)
    assert "4,096 characters: step 10, step 20, step 30." in said
    assert "'perf/total_num_tokens'" in said

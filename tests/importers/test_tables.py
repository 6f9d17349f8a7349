"""CSV tables and JSON Lines, as pandas, wandb and loops of one's own write them."""

import io
import json
import sys

import numpy as np
import pandas as pd
import pytest

import rlviz
from rlviz.importers import import_run


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


# --- CSV -------------------------------------------------------------------


def test_a_table_of_pandas_with_gaps_is_read(take):
    table = pd.DataFrame(
        {
            "step": [1, 2, 3],
            "critic/rewards/mean": [0.25, np.nan, 0.5],
            "actor/kl": [np.nan, 0.1, np.nan],
            "flops_total": [10**21, 2 * 10**21, 3 * 10**21],
        }
    )
    imported, run = take(table.to_csv(index=False), "log.csv")
    assert imported.kind == "csv"
    np.testing.assert_array_equal(run.accuracy, [0.25, np.nan, 0.5])
    np.testing.assert_array_equal(run.columns["metrics/actor/kl"], [np.nan, 0.1, np.nan])
    assert run.exact_flops() == [10**21, 2 * 10**21, 3 * 10**21]
    assert "'flops_total'; it counts from the start" in " ".join(imported.known)


def test_the_parl_table_needs_no_words(take, parl, parl_table):
    names = ("step", "flops", "correct", "graded", "parallelism")
    heads = ("step", "flops_total", "correct", "graded", "average_parallelism")
    rows = zip(*(parl_table[name] for name in names), strict=True)
    text = "\n".join([",".join(heads), *(",".join(map(str, row)) for row in rows)])
    imported, run = take(text, "parl.csv")
    np.testing.assert_array_equal(run.step, parl.step)
    np.testing.assert_allclose(run.accuracy, parl.accuracy, rtol=1e-14)
    np.testing.assert_array_equal(run.columns["graded"], parl.columns["graded"])
    np.testing.assert_array_equal(run.parallelism, parl.parallelism)
    np.testing.assert_array_equal(run.flops, parl.flops)
    assert imported.best_x == "flops"


def test_what_rlviz_exports_can_be_imported_again(take, parl, tmp_path):
    from rlviz.report.export.table_file import export

    export(parl, tmp_path / "parl.csv")
    _, run = take(tmp_path / "parl.csv")
    np.testing.assert_allclose(run.accuracy, parl.accuracy, rtol=1e-14)
    np.testing.assert_array_equal(run.columns["graded"], parl.columns["graded"])
    np.testing.assert_array_equal(run.flops, parl.flops)
    np.testing.assert_allclose(run.parallelism, parl.parallelism, rtol=1e-14)
    np.testing.assert_array_equal(run.wall_time, parl.wall_time)


def test_semicolons_with_decimal_commas_comments_and_a_byte_order_mark_are_read(take):
    _, run = take("\ufeff# of the second try\nstep;accuracy\n1;0,25\n2;0,5\n", "log.csv")
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_the_table_of_a_wandb_chart_is_read(take):
    text = (
        '"Step","grpo-7b - train/reward","grpo-7b - train/reward__MIN",'
        '"grpo-7b - train/reward__MAX"\n'
        '"1","0.25","0.25","0.25"\n"2","0.5","0.5","0.5"\n'
    )
    imported, run = take(text, "wandb_export.csv")
    assert imported.columns["accuracy"] == "grpo-7b - train/reward"
    assert run.step.tolist() == [1, 2]
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_a_row_with_more_cells_than_columns_is_left_out_and_said(take):
    imported, run = take("step,accuracy\n1,0.25\n2,0.5,9\n3,0.75\n4", "log.csv")
    assert run.step.tolist() == [1, 3]
    assert any("row 3 of log.csv, with more cells than columns" in n for n in imported.notes)


def test_steps_that_count_episodes_are_kept_and_said(take):
    text = "global_step,correct_rate\n" + "".join(f"{256.0 * i},0.5\n" for i in range(1, 11))
    imported, run = take(text, "log.csv")
    assert run.step.tolist() == [256 * i for i in range(1, 11)]
    assert any(note.startswith("Steps are 256 apart") for note in imported.notes)
    assert not any("begins at step" in note for note in imported.notes)


def test_without_a_column_of_steps_the_rows_are_numbered(take):
    imported, run = take("accuracy,loss\n0.25,1\n0.5,2\n", "log.csv")
    assert run.step.tolist() == [1, 2]
    assert "No column counts steps: the rows are numbered from 1." in imported.unknown


def test_a_table_from_the_newest_row_to_the_oldest_is_sorted(take):
    imported, run = take("step,accuracy\n3,0.75\n2,0.5\n1,0.25\n", "log.csv")
    assert run.accuracy.tolist() == [0.25, 0.5, 0.75]
    assert any("not in the order of their steps" in note for note in imported.notes)


def test_a_column_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("step,reward,reward\n1,2,3\n")
    with pytest.raises(ValueError, match=r"log\.csv has more than one column 'reward'"):
        import_run(tmp_path / "log.csv", tmp_path / "run")


# --- JSON Lines ------------------------------------------------------------


def test_rows_of_the_same_step_are_one_step(take):
    rows = [
        {"_step": 0, "global_step": 1, "train": {"reward": 0.25}, "_timestamp": 1.7e9},
        {"_step": 1, "global_step": 1, "loss": 4.0, "_timestamp": 1.7e9 + 1},
        {"_step": 2, "global_step": 2, "train": {"reward": 0.5}, "_timestamp": 1.7e9 + 2},
        {"_step": 3, "global_step": 2, "loss": 2.0, "_timestamp": 1.7e9 + 3.5},
    ]
    imported, run = take(lines(rows), "history.jsonl")
    assert imported.kind == "jsonl"
    assert run.step.tolist() == [1, 2]
    assert run.accuracy.tolist() == [0.25, 0.5]
    assert run.columns["metrics/loss"].tolist() == [4.0, 2.0]
    assert run.wall_time.tolist() == [1.7e9 + 1, 1.7e9 + 3.5]


def test_answers_that_were_logged_one_by_one_are_counted(take):
    rows = [{"step": s, "correct": c, "tokens": 10} for s, c in [(1, True), (1, False), (2, True)]]
    _, run = take(lines(rows), params=1e9, cumulative=False)
    assert run.accuracy.tolist() == [0.5, 1.0]
    assert run.columns["graded"].tolist() == [2, 1]
    assert run.exact_flops() == [20 * 8 * 10**9, 30 * 8 * 10**9]


def test_micro_batches_are_weighed_by_their_answers(take):
    rows = [
        {"step": 1, "accuracy": 0.5, "graded": 2},
        {"step": 1, "accuracy": 0.9, "graded": 100},
    ]
    _, run = take(lines(rows))
    assert run.accuracy.tolist() == pytest.approx([91 / 102])  # DEFINITIONS 1
    assert run.columns["graded"].tolist() == [102]


def test_a_rate_beside_the_number_of_answers_is_no_count(take):
    rows = [{"step": s, "correct": 0.5, "graded": 64} for s in (1, 2)]
    _, run = take(lines(rows))
    assert run.accuracy.tolist() == [0.5, 0.5]
    assert run.columns["graded"].tolist() == [64, 64]


def test_a_rate_a_rounding_above_1_is_1(take):
    _, run = take(lines({"step": s, "accuracy": 1.0000001} for s in (1, 2)))
    assert run.accuracy.tolist() == [1, 1]


def test_compute_that_no_run_can_have_spent_is_refused(tmp_path):
    (tmp_path / "log").write_text(lines({"step": s, "num_tokens": s} for s in (1, 2)))
    with pytest.raises(ValueError, match=r"would add up to .*Check params"):
        import_run(tmp_path / "log", tmp_path / "run", params=1e32)
    assert not (tmp_path / "run").exists()


def test_a_broken_line_is_left_out_and_said(take):
    text = lines({"step": s, "accuracy": 0.5} for s in (1, 2, 3)) + '{"step": 4, "accu'
    imported, run = take(text.replace('{"step": 2', '{{"step": 2'))
    assert run.step.tolist() == [1, 3]
    assert any(
        "line 2 of log.txt" in note and "line 4 of log.txt" in note for note in imported.notes
    )


def test_an_array_of_rows_is_read_too(take):
    rows = [{"step": 1, "accuracy": 0.25}, {"step": 2, "accuracy": 0.5}]
    _, run = take(json.dumps(rows, indent=1), "rows.json")
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_times_in_words_are_times(take):
    rows = [
        {"step": 1, "reward": 0.5, "timestamp": "2025-05-01T12:00:00Z"},
        {"step": 2, "reward": 0.5, "timestamp": "2025-05-01T12:00:30+00:00"},
    ]
    _, run = take(lines(rows))
    assert run.wall_time.tolist() == [1746100800, 1746100830]


def test_times_in_milliseconds_are_times(take):
    rows = [{"step": s, "reward": 0.5, "timestamp": 1.7e12 + 500 * s} for s in (1, 2)]
    _, run = take(lines(rows))
    assert run.wall_time.tolist() == [1.7e9 + 0.5, 1.7e9 + 1]


def test_a_column_that_few_rows_have_is_not_the_step(take):
    rows = [{"_step": s, "reward": 0.5} for s in range(1, 11)]
    rows[3]["global_step"] = 400
    imported, run = take(lines(rows))
    assert imported.columns["step"] == "_step"
    assert run.step.tolist() == list(range(1, 11))


def test_rows_without_a_step_are_left_out_and_counted(take):
    rows = [{"step": 1, "reward": 0.5}, {"reward": 9.0}, {"step": 2, "reward": 0.25}]
    imported, run = take(lines(rows), accuracy="reward", full_score=10)
    assert run.accuracy.tolist() == [0.05, 0.025]
    assert "1 of 3 rows have no step and were left out." in imported.notes


def test_a_column_that_stands_only_in_rows_without_a_step_is_no_metric(take):
    rows = [{"step": 1, "reward": 0.5}, {"alone": 9.0}, {"step": 2, "reward": 0.25}]
    _, run = take(lines(rows))
    assert "alone" not in run.metrics
    assert run.accuracy.tolist() == [0.5, 0.25]


def test_an_evaluation_that_comes_late_does_not_void_the_steps_since(take):
    rows = [{"step": s, "reward": 0.5} for s in range(1, 21)]
    rows.insert(15, {"step": 10, "eval_score": 0.75})
    imported, run = take(lines(rows))
    assert run.step.tolist() == list(range(1, 21))
    assert np.isfinite(run.accuracy).all()
    assert np.flatnonzero(np.isfinite(run.columns["metrics/eval_score"])).tolist() == [9]
    assert not any("resumed" in note for note in imported.notes)


def test_rows_of_several_workers_are_averaged_and_lose_nothing(take):
    rows = [{"step": s, "reward": r} for s in (1, 2, 3) for r in (0.25, 0.75)]
    rows = rows[0::2] + rows[1::2]  # one worker after the other
    interleaved = [rows[i] for i in (0, 1, 3, 2, 4, 5)]
    imported, run = take(lines(interleaved))
    assert run.step.tolist() == [1, 2, 3]
    assert run.accuracy.tolist() == [0.5, 0.5, 0.5]
    assert any("the values of a step are averaged" in note for note in imported.notes)


# --- what can be said and asked of any of them -----------------------------


def test_a_counter_of_each_step_is_told_from_one_since_the_start(take):
    rows = [{"step": s, "reward": 0.5, "tokens": 100 + s % 3} for s in range(1, 31)]
    _, run = take(lines(rows), params=1e9)
    assert run.columns["metrics/tokens"][-1] == sum(row["tokens"] for row in rows)


def test_a_counter_that_starts_again_from_0_goes_on(take):
    counts = [100, 200, 300, 50, 150]  # a new process counts anew
    rows = [{"step": s, "reward": 0.5, "num_tokens": n} for s, n in enumerate(counts, 1)]
    _, run = take(lines(rows), params=1e9)
    assert run.columns["metrics/tokens"].tolist() == [100, 200, 300, 350, 450]
    assert run.has_compute_axis


def test_a_mean_length_and_the_number_of_sequences_give_tokens(take):
    rows = [{"step": s, "completion_length": 200.0, "reward": 0.5} for s in (1, 2)]
    imported, run = take(lines(rows), tokens="completion_length", sequences=6, params=1e9)
    assert run.exact_flops() == [1200 * 8 * 10**9, 2400 * 8 * 10**9]
    assert any("'completion_length' times 6 sequences a step" in says for says in imported.known)


@pytest.mark.parametrize(
    ("tokens_are", "each"), [("sequences", 8), ("generated", 2), ("trained", 6)]
)
def test_a_token_costs_what_was_done_with_it(take, tokens_are, each):
    rows = [{"step": s, "reward": 0.5, "tokens": 1000} for s in (1, 2)]
    _, run = take(lines(rows), params=1e9, tokens_are=tokens_are)
    assert run.exact_flops()[-1] == 2 * 1000 * each * 10**9


def unknown(imported):
    return " ".join(imported.unknown)


def test_parameters_without_any_tokens_are_said_to_give_nothing(take):
    imported, _ = take("step,accuracy\n1,0.5\n2,0.5\n", "log.csv", params=1e9)
    assert (
        "The RL FLOPs are unknown: no value of the log is known to count FLOPs or tokens."
        in unknown(imported)
    )
    assert "params needs tokens to count FLOPs, and none were found: name their" in unknown(
        imported
    )


def test_parameters_beside_a_counter_of_flops_are_said_to_be_idle(take):
    log = "step,accuracy,total_flops,num_tokens\n1,0.5,7,3\n2,0.5,9,4\n"
    imported, run = take(log, "log.csv", params=1e9)
    assert run.exact_flops()[-1] == 9
    assert "params was not needed: FLOPs are counted by 'total_flops'" in unknown(imported)


@pytest.mark.parametrize(("params", "is_doubted"), [(7.0, True), (99_999, True), (1e5, False)])
def test_fewer_parameters_than_any_language_model_has_are_doubted(take, params, is_doubted):
    imported, _ = take("step,accuracy,num_tokens\n1,0.5,3\n2,0.5,4\n", "log.csv", params=params)
    doubt = f"N = {params:g} parameters is less than any language model has"
    assert (doubt in unknown(imported)) is is_doubted
    assert ("params=7.6e+09 for 7.6 billion" in unknown(imported)) is is_doubted


@pytest.mark.parametrize(
    "name", ["completions/mean_length", "response_length", "tokens_per_sequence"]
)
def test_a_mean_of_tokens_without_the_number_of_sequences_is_doubted(take, name, tmp_path):
    log = f"step,accuracy,{name}\n1,0.5,300\n2,0.5,400\n"
    doubt = f"'{name}' looks like a mean of each sequence, and was taken for all tokens of a step"
    assert doubt in unknown(take(log, "log.csv", tokens=name, params=1e9)[0])
    imported = import_run(
        tmp_path / "log.csv", tmp_path / "other", tokens=name, sequences=8, params=1e9
    )
    assert "looks like a mean" not in unknown(imported)


def test_a_file_is_no_place_for_a_run(tmp_path):
    (tmp_path / "log.csv").write_text("step,accuracy\n1,0.5\n")
    with pytest.raises(
        FileExistsError, match=r"log\.csv is a file\. Name a directory for the run\."
    ):
        import_run(tmp_path / "log.csv", tmp_path / "log.csv")


def test_a_unit_of_flops_is_multiplied(take):
    rows = [{"step": s, "reward": 0.5, "tflops": 7 * s} for s in (1, 2, 3)]
    _, run = take(lines(rows), flops="tflops", flops_unit=1e12)
    assert run.exact_flops() == [7 * 10**12, 14 * 10**12, 21 * 10**12]


def test_a_counter_that_is_always_0_is_refused_where_it_was_named(tmp_path):
    (tmp_path / "log.jsonl").write_text(lines({"step": s, "tok": 0} for s in (1, 2)))
    with pytest.raises(ValueError, match=r"'tok' can't be a count of what was spent: it is always"):
        import_run(tmp_path / "log.jsonl", tmp_path / "run", tokens="tok")


def test_names_that_rlviz_uses_itself_are_changed(take):
    rows = [
        {"step": s, "accuracy/hard": 0.5, "flops": 9.0, "reward/ema": 1.5, "loss": 1}
        for s in (1, 2)
    ]
    imported, run = take(lines(rows))
    assert set(run.metrics) == {"log/accuracy/hard", "log/flops", "reward_ema", "loss"}
    assert imported.metrics["log/flops"] == "flops"
    assert np.isnan(run.flops).all()  # a bare "flops" may be a rate


def test_the_percentage_of_a_rate_is_no_accuracy_until_its_full_score_is_known(take, tmp_path):
    text = "step,accuracy\n1,36.4\n2,63.5\n"
    imported, run = take(text, "log.csv")
    assert np.isnan(run.accuracy).all()
    assert any("'accuracy' goes from 36.4 to 63.5, outside [0, 1]" in s for s in imported.unknown)
    import_run(tmp_path / "log.csv", tmp_path / "run2", accuracy="accuracy", full_score=100)
    assert rlviz.read(tmp_path / "run2").accuracy.tolist() == pytest.approx([0.364, 0.635])


def test_the_standard_input_is_a_source(take, monkeypatch):
    piped = io.TextIOWrapper(io.BytesIO(b"step,accuracy\n1,0.25\n2,0.5\n"))
    monkeypatch.setattr(sys, "stdin", piped)
    _, run = take(["-"])
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_the_run_can_be_drawn_and_told_and_says_where_it_came_from(take):
    rows = [{"step": s, "reward": s / 100, "num_tokens": 1000 * s} for s in range(1, 41)]
    imported, run = take(lines(rows), params=1e9, figure=True)
    assert len(rlviz.figure(run).axes) == 2
    assert rlviz.summarise(run).markdown()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(imported.logdir))
    events.Reload()
    assert "rlviz/figure" in events.Tags()["images"]
    (text,) = events.Tensors("rlviz/config")
    assert b"num_tokens" in text.tensor_proto.string_val[0]
    assert str(imported).startswith(f"{imported.logdir}: 40 steps (1 to 40) and 1 metric from a")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "excel"}, r"kind must be one of tensorboard, trainer_state, verl, csv, jsonl"),
        ({"params": 0}, r"params must be a finite number > 0, got 0"),
        ({"full_score": -1}, r"full_score must be a finite number > 0"),
        ({"tokens_are": "words"}, r"tokens_are must be one of 'sequences', 'generated', 'trained'"),
        ({"sequences": 6}, r"sequences needs tokens"),
        ({"step": "loss"}, r"'loss' can't be the step: steps are whole numbers"),
        ({"parallelism": "loss"}, r"'loss' can't be the average parallelism"),
        ({"graded": 0}, r"graded must be a number of answers in each row"),
        ({"x": "total_flops", "flops": "loss"}, r"x='total_flops' stands for flops, but flops="),
        ({"accuracy": "who"}, r"'who' holds text, no numbers"),
    ],
)
def test_an_argument_that_can_not_be_meant_is_refused_in_words(tmp_path, options, words):
    (tmp_path / "log.jsonl").write_text(
        lines({"step": s, "loss": -0.5, "who": "me"} for s in (1, 2))
    )
    with pytest.raises(ValueError, match=words):
        import_run(tmp_path / "log.jsonl", tmp_path / "run", **options)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", r"log is empty"),
        ("step,accuracy\n", r"log holds no numbers beside steps"),
        ('{"step": 1}\n', r"log holds no numbers beside steps"),
        ("a line of prose\n", r"log is none of the logs that rlviz knows: .*It begins 'a line"),
    ],
)
def test_a_file_with_nothing_to_import_is_refused_in_words(tmp_path, content, words):
    (tmp_path / "log").write_text(content)
    with pytest.raises(ValueError, match=words):
        import_run(tmp_path / "log", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nowhere\.csv to import"):
        import_run(tmp_path / "nowhere.csv", tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty holds neither TensorBoard event files nor"):
        import_run(tmp_path / "empty", tmp_path / "run")

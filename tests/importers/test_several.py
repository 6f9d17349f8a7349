"""Logs that hold several runs: refused with their names, taken one by one."""

import pytest

import rlviz
from rlviz.importers import import_run, import_runs


def course(values, **named):
    """Rows of one run."""
    return [{"step": s, "accuracy": v, **named} for s, v in enumerate(values, 1)]


LOW, HIGH = [0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("run", ("a", "b")),
        ("run_id", ("3f9", "77c")),
        ("seed", (0, 1)),
        ("rank", (0, 1)),
        ("algorithm", ("PPO", "GRPO")),
        ("which", ("with critic", "without")),
    ],
)
@pytest.mark.parametrize("interleaved", [True, False])
def test_a_long_table_is_refused_and_gives_each_of_its_runs(
    lines, tmp_path, column, names, interleaved
):
    first, second = (
        course(values, **{column: name}) for values, name in zip((LOW, HIGH), names, strict=True)
    )
    rows = [row for pair in zip(first, second, strict=True) for row in pair]
    log = tmp_path / "log.jsonl"
    log.write_text(lines(rows if interleaved else first + second))
    says = "holds 2 runs " if column != "which" else "Rows of the same step differ by 'which' "
    with pytest.raises(ValueError, match=rf"{says}.*{names[0]}.*{names[1]}.* run="):
        import_run(log, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    import_run(log, tmp_path / "run", run=str(names[1]))
    assert rlviz.read(tmp_path / "run").accuracy.tolist() == HIGH
    every = import_runs(log, tmp_path / "all")
    assert [rlviz.read(one.logdir).accuracy.tolist() for one in every] == [LOW, HIGH]


@pytest.mark.parametrize(
    "head",
    [
        "Step,a - train/accuracy,b - train/accuracy",
        "step,accuracy_seed0,accuracy_seed1",
        "step,run1/accuracy,run2/accuracy",
        "step,accuracy (run 1),accuracy (run 2)",
    ],
)
def test_runs_side_by_side_are_refused_and_taken_one_by_one(tmp_path, head):
    log = tmp_path / "chart.csv"
    rows = [f"{s},{a},{b}" for s, (a, b) in enumerate(zip(LOW, HIGH, strict=True), 1)]
    log.write_text("\n".join([head, *rows]))
    with pytest.raises(ValueError, match=r"holds 2 runs side by side in its columns"):
        import_run(log, tmp_path / "run")
    found = [rlviz.read(one.logdir) for one in import_runs(log, tmp_path / "all")]
    assert [run.accuracy.tolist() for run in found] == [LOW, HIGH]


def test_whole_runs_in_folders_of_columns_are_two_runs(lines, tmp_path):
    rows = [
        {"step": s, "ppo/accuracy": a, "ppo/loss": 0.1, "grpo/accuracy": b, "grpo/loss": 0.2}
        for s, (a, b) in enumerate(zip(LOW, HIGH, strict=True), 1)
    ]
    (tmp_path / "log.jsonl").write_text(lines(rows))
    with pytest.raises(ValueError, match=r"holds 2 runs .*'ppo', 'grpo'"):
        import_run(tmp_path / "log.jsonl", tmp_path / "run")
    import_run(tmp_path / "log.jsonl", tmp_path / "run", run="grpo")
    assert rlviz.read(tmp_path / "run").accuracy.tolist() == HIGH


@pytest.mark.parametrize(
    "columns",
    [
        {"math/accuracy": 0.5, "code/accuracy": 0.5, "loss": 0.1},  # data sets of one run
        {"math/accuracy": 0.5, "code/accuracy": 0.5},
        {"train/reward": 0.5, "train/loss": 0.1, "eval/reward": 0.5, "eval/loss": 0.1},
        {"critic/score/mean": 0.5, "actor/loss": 0.1},
    ],
)
def test_parts_of_one_run_are_not_taken_for_runs(lines, take, columns):
    _, run = take(lines({"step": s, **columns} for s in (1, 2, 3)))
    assert len(run) == 3


@pytest.mark.parametrize("column", ["task", "split", "phase", "env"])
def test_of_rows_that_may_be_parts_of_one_run_nobody_says_that_they_are_runs(
    lines, tmp_path, column
):
    rows = course(LOW, **{column: "math"}) + course(HIGH, **{column: "code"})
    (tmp_path / "log.jsonl").write_text(lines(rows))
    words = (
        rf"^Rows of the same step differ by '{column}' \(math, code\)\. If these are runs, take "
        r"one with run='math'; if they are parts of one run, merge them first\.$"
    )
    with pytest.raises(ValueError, match=words):
        import_run(tmp_path / "log.jsonl", tmp_path / "run")


def test_a_run_of_a_chart_has_only_its_own_steps(tmp_path):
    (tmp_path / "chart.csv").write_text(
        "Step,a - accuracy,b - accuracy\n1,0.1,\n2,0.2,\n3,,0.5\n4,,0.6\n"
    )
    import_run(tmp_path / "chart.csv", tmp_path / "run", run="b")
    assert rlviz.read(tmp_path / "run").step.tolist() == [3, 4]


def test_lines_that_several_processes_printed_are_refused_by_the_processes(tmp_path):
    text = "".join(
        f"(Worker pid={pid}) step:{s} - critic/score/mean:{v}\n"
        for s in (1, 2, 3)
        for pid, v in ((11, 0.25 + s / 100), (12, 0.5 + s / 100))
    )
    (tmp_path / "train.log").write_text(text)
    with pytest.raises(ValueError, match=r"'Worker pid=11', 'Worker pid=12'"):
        import_run(tmp_path / "train.log", tmp_path / "run")


def test_a_table_of_the_ends_of_runs_is_no_course(tmp_path):
    (tmp_path / "runs.csv").write_text(
        "Name,State,Runtime,accuracy,_step\nswift-1,finished,60,0.4,100\nlong-2,crashed,90,0.6,80\n"
    )
    with pytest.raises(ValueError, match=r"table of 2 runs, one row for each .*'swift-1'"):
        import_run(tmp_path / "runs.csv", tmp_path / "run")


@pytest.mark.parametrize(
    "named",
    [
        {"phase": "train"},
        {"lr": 1e-6, "seed": 7},
        {"message": "all is well"},
    ],
)
def test_what_every_row_says_alike_makes_no_runs(lines, take, named):
    _, run = take(lines(course(LOW, **named)))
    assert run.accuracy.tolist() == LOW


def test_a_run_that_changed_its_name_when_it_was_resumed_is_one_run(lines, take):
    rows = course(LOW, run_id="a") + [
        {"step": s, "accuracy": v, "run_id": "b"} for s, v in enumerate(HIGH, 5)
    ]
    _, run = take(lines(rows))
    assert run.accuracy.tolist() == LOW + HIGH


def test_a_name_that_no_run_has_is_refused_with_those_that_there_are(lines, tmp_path):
    (tmp_path / "log.jsonl").write_text(lines(course(LOW, run="a") + course(HIGH, run="b")))
    with pytest.raises(ValueError, match=r"'a', 'b'. None of them is 'c'"):
        import_run(tmp_path / "log.jsonl", tmp_path / "run", run="c")
    (tmp_path / "one.jsonl").write_text(lines(course(LOW)))
    with pytest.raises(ValueError, match="holds one run"):
        import_run(tmp_path / "one.jsonl", tmp_path / "run", run="a")
    with pytest.raises(ValueError, match="holds one run"):
        import_runs(tmp_path / "one.jsonl", tmp_path / "all")


def test_of_very_many_runs_the_first_are_named(lines, tmp_path):
    rows = [row for name in range(30) for row in course([name / 50, 0.9], run=f"r{name}")]
    (tmp_path / "log.jsonl").write_text(lines(rows))
    with pytest.raises(ValueError, match=r"holds 30 runs .* and 22 more"):
        import_run(tmp_path / "log.jsonl", tmp_path / "run")


def test_unrelated_files_are_imported_each_by_itself(table, tmp_path):
    files = [table("a.csv", range(1, 31)), table("b.csv", range(1, 31), 0.2)]
    every = import_runs(files, tmp_path / "all")
    assert [one.logdir.name for one in every] == ["a.csv", "b.csv"]
    assert rlviz.read(every[1].logdir).accuracy[0] == pytest.approx(0.21)

"""Small made-up logs, each with one fault of reading: from `rlviz import` to summary and export."""

import csv
import io
import json

import pytest

from rlviz import cli


class Told:
    """What the commands say of an imported log."""

    def __init__(self, account, summary, doctor, rows):
        self.account, self.summary, self.doctor, self.rows = account, summary, doctor, rows

    def column(self, name):
        return [float(row[name]) if row[name] else None for row in self.rows]


@pytest.fixture
def tell(cases, tmp_path, capsys):
    """Imports a case with options, and asks the other commands about the run."""

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    def tell(case, *options):
        place = tmp_path / "run"
        account = run("import", cases / case, "-o", place, *options)
        run("export", place, "-o", tmp_path / "table.csv")
        table = (tmp_path / "table.csv").read_text()
        return Told(
            account,
            json.loads(run("summary", place, "--format", "json")),
            run("doctor", place),
            list(csv.DictReader(io.StringIO(table))),
        )

    return tell


@pytest.fixture
def refusal(cases, tmp_path, capsys):
    """The sentence with which a case is refused."""

    def refusal(case, *options):
        assert cli.main(["import", str(cases / case), "-o", str(tmp_path / "no"), *options]) == 2
        assert not (tmp_path / "no").exists()
        return capsys.readouterr().err

    return refusal


N = ("--params", "1b")


def flops(told):
    return told.summary["facts"]["flops"]["total"]


def test_01_the_success_of_tools_is_no_accuracy(tell):
    told = tell("01-tool-success-rate.log", *N)
    assert set(told.column("accuracy")) == {None}
    returns = told.column("metrics/return")
    assert (returns[0], returns[-1], len(returns)) == (
        -0.5823,
        pytest.approx(-0.2969, abs=1e-4),
        40,
    )
    assert flops(told) == 16 * 10**15
    assert "'rollout/tool_success_rate' is a share of something else (tools)" in told.account
    assert "--scores -1:1" in told.account
    assert "20.9 % to 35.2 %" in told.account


def test_01_scores_from_minus_1_to_1_are_shares_where_it_is_said(tell):
    told = tell("01-tool-success-rate.log", *N, "--scores", "-1:1")
    accuracy = told.column("accuracy")
    assert accuracy[0] == pytest.approx((1 - 0.5823) / 2)
    assert 100 * accuracy[-1] == pytest.approx(35.2, abs=0.05)


def test_02_the_chart_of_two_runs_is_refused_and_gives_each(refusal, tell):
    says = refusal("02-chart-of-two-runs.csv")
    assert "'lr-low', 'lr-high'" in says
    assert "--run lr-low" in says
    assert "--all-runs -o FOLDER" in says
    told = tell(
        "02-chart-of-two-runs.csv", "--run", "lr-high", "--return", "lr-high - train/reward"
    )
    returns = told.column("metrics/return")
    assert (returns[0], returns[-1]) == (0.1599, 0.1903)
    assert "its run 'lr-high'" in told.account


def test_04_a_sampled_history_says_beside_its_totals_that_they_are_of_its_rows(tell):
    told = tell("04-sampled-history.csv", *N)
    assert flops(told) == 8 * 10**16
    assert "100 logged points of steps (1 to 397)" in told.account
    assert (
        "8.00e16. If the steps between were trained and not logged, the whole is about 3.18e17"
        in (told.account)
    )
    assert "33 min 20 s of the 100 logged rows alone" in told.account
    assert "about 2 h 12 min" in told.account
    assert told.summary["facts"]["of_rows_alone"]
    assert any("logged rows" in note and "alone" in note for note in told.summary["notes"])


def test_04_a_sampled_history_is_extrapolated_where_it_is_asked_for(tell):
    told = tell("04-sampled-history.csv", *N, "--extrapolate")
    assert flops(told) == 397 * 8 * 10**14
    assert told.summary["facts"]["wall_seconds"] == pytest.approx(396 * 20, abs=1)
    assert not told.summary["facts"]["of_rows_alone"]
    assert "extrapolated, as you asked" in told.account


def test_05_what_was_logged_twice_counts_once(tell):
    told = tell("05-logged-twice.log", *N)
    assert flops(told) == 320 * 10**12
    assert told.column("metrics/tokens")[-1] == 40_000
    assert "40 rows were logged again" in told.account


def test_06_a_run_resumed_over_many_short_files_is_one_run(tell):
    told = tell("06-resumed-short-files")
    returns = told.column("metrics/return")
    assert told.column("step") == list(range(1, 55))
    assert returns[0] == pytest.approx(9.9976, abs=1e-4)
    assert returns[-1] == pytest.approx(19.8351, abs=1e-4)
    assert returns[23:25] == pytest.approx([14.7692, 14.0956], abs=1e-4)
    assert "16 values that later ones replace" in told.account


def test_08_where_right_earns_2_there_is_no_accuracy_until_it_is_said(tell):
    told = tell("08-right-earns-two.trainer_state.json", *N)
    assert set(told.column("accuracy")) == {None}
    assert "--full-score 2 (the accuracy then goes from 6.0 % to 45.0 %)" in told.account


def test_08_where_it_is_said_that_right_earns_2_the_accuracy_is_half(tell):
    told = tell("08-right-earns-two.trainer_state.json", *N, "--full-score", "2")
    accuracy = told.column("accuracy")
    assert (accuracy[0], accuracy[-1]) == (pytest.approx(0.06), pytest.approx(0.45))


def test_an_accuracy_of_unknown_answers_has_no_count_and_no_interval_anywhere(tell):
    told = tell("05-logged-twice.log", *N)
    assert None not in told.column("accuracy")
    for name in ("accuracy_low", "accuracy_high", "graded", "correct"):
        assert set(told.column(name)) == {None}
    assert "how many answers are behind it is unknown, so it has no interval" in told.account


def test_an_accuracy_of_known_answers_has_its_interval(tell):
    told = tell("05-logged-twice.log", *N, "--graded", "64")
    assert told.column("graded") == [64] * 40
    assert None not in told.column("accuracy_low")


def test_14_the_validation_at_step_0_stands_at_0_flops(tell):
    told = tell("14-validation-at-step-0.log", *N, "--accuracy", "val-core/quiz/acc/mean@1")
    points = [(row["flops/total"], row["accuracy"]) for row in told.rows if row["accuracy"] != ""]
    assert len(points) == 13
    assert points[0] == ("0", "0.2")
    assert float(points[-1][1]) == 0.7
    assert "have no 'perf/total_num_tokens'" not in told.account


def test_15_the_critic_and_the_discarded_batches_are_named(tell):
    told = tell("15-critic-and-filtered.log", *N)
    assert flops(told) == 224 * 10**14
    for words in ("A critic was trained ('critic/vf_loss'", "3 batches were generated for each"):
        assert words in told.account
        assert any(words in note for note in told.summary["notes"])


def test_29_points_of_every_8th_step_are_no_training_steps(tell, tmp_path, capsys):
    told = tell("29-every-8th-step.metrics.csv")
    assert told.summary["facts"]["steps"] == 200
    assert "'train/reward', from -112.924 to -109.521 (40 of" in told.account
    assert cli.main(["summary", str(tmp_path / "run")]) == 0
    text = capsys.readouterr().out
    assert "200 logged points of steps 7 to 1,599" in text
    assert "training steps." not in text.split("\n\n")[1]


def test_the_same_account_stands_in_the_run_and_the_doctor_speaks_of_it(tell):
    told = tell("01-tool-success-rate.log", *N)
    words = " ".join(told.doctor.split())
    assert "it was imported from 01-tool-success-rate.log" in words
    assert "'rollout/tool_success_rate' is a share of something else" in words
    assert "record(correct=…)" not in words


def test_a_dry_run_says_the_same_and_writes_nothing(cases, tell, tmp_path, capsys):
    told = tell("15-critic-and-filtered.log", *N)
    place = tmp_path / "dry"
    arguments = ["import", str(cases / "15-critic-and-filtered.log"), "-o", str(place)]
    assert cli.main([*arguments, *N, "--dry-run"]) == 0
    first, _, *rest = capsys.readouterr().out.splitlines()
    assert first == "Nothing was written: this is what would be."
    assert rest == told.account.splitlines()[1:]
    assert not place.exists()

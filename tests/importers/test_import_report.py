"""The account of an import: what was found, taken for what, and left out."""

import pytest


def test_the_account_begins_with_what_was_made_of_what(take, tmp_path):
    imported, _ = take("step,accuracy,kl\n1,0.25,1\n2,0.5,1\n", "log.csv")
    head, *sentences = str(imported).splitlines()
    assert head == f"{tmp_path / 'run'}: 2 steps (1 to 2) and 1 metric from a CSV table."
    assert sentences == list(imported.told)
    assert {*imported.known, *imported.unknown, *imported.notes} < set(sentences)
    assert [sentence.split()[1] for sentence in sentences[:2]] == ["accuracy", "average"]


@pytest.mark.parametrize(
    ("more", "best"),
    [("total_flops", "flops"), ("tokens", "tokens"), ("_timestamp", "wall_time"), ("kl", "step")],
)
def test_the_best_axis_is_the_nearest_to_compute_that_the_log_has(take, more, best):
    values = (1.7e9, 1.7e9 + 60)
    text = f"step,accuracy,{more}\n1,0.25,{values[0]}\n2,0.5,{values[1]}\n"
    assert take(text, "log.csv")[0].best_x == best


def test_what_can_not_be_drawn_is_named(take):
    imported, _ = take("step,accuracy,who,note\n1,0.25,me,a\n2,0.5,you,b\n", "log.csv")
    assert "Text and lists can't be drawn and were left out: 'note', 'who'." in imported.notes


def test_a_log_that_begins_late_is_said(take):
    imported, _ = take("step,accuracy\n7,0.25\n8,0.5\n", "log.csv")
    assert "The log begins at step 7." in imported.notes


def test_steps_that_are_known_to_be_of_an_environment_are_not_asked_about(lines, take):
    rows = [{"time/total_timesteps": 2048 * s, "reward": 0.5} for s in (1, 2, 3)]
    imported, _ = take(lines(rows))
    assert not any("apart" in note for note in imported.notes)


def test_one_step_and_no_metric_are_told_in_words(lines, take):
    imported, _ = take(lines([{"step": 7, "accuracy": 0.5}]))
    assert ": 1 step (7) and no metrics from a JSON log.\n" in str(imported)

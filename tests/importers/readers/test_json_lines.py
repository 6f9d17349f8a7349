"""JSON Lines and JSON arrays, as loops of one's own and wandb write them."""

import json

import pytest


def test_rows_of_the_same_step_are_one_step(lines, take):
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


def test_a_broken_line_is_left_out_and_said(lines, take):
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


@pytest.mark.parametrize(
    "first",
    [
        '{"step": 1, "accuracy": 0.',
        '{"a": 1, "b": 2, }',
        "junk, more junk",
        "\0\0\0, a",
        "}",
        '{"a": "' + "x" * 200_000,
        "step,accuracy",
    ],
    ids=["cut", "no JSON", "junk", "zeros", "bracket", "long", "a header"],
)
@pytest.mark.parametrize("name", ["log.jsonl", "log.txt"])
def test_a_broken_first_line_does_not_make_it_a_table(lines, take, first, name):
    text = lines({"step": s, "accuracy": s / 8} for s in range(2, 5))
    imported, run = take(f"{first}\n{text}", name)
    assert imported.kind == "jsonl"
    assert run.step.tolist() == [2, 3, 4]
    assert run.accuracy.tolist() == [2 / 8, 3 / 8, 4 / 8]
    assert any(f"line 1 of {name}, which is no JSON object" in note for note in imported.notes)


def test_a_broken_first_line_that_begins_an_array_is_refused_in_words(lines, take):
    text = lines({"step": s, "accuracy": s / 8} for s in range(2, 5))
    with pytest.raises(ValueError, match=r"log\.jsonl begins as a JSON array but is none"):
        take(f'[{{"step": 1, "acc\n{text}', "log.jsonl")


def test_a_table_of_json_texts_stays_a_table(take):
    imported, run = take('step,accuracy,who\n1,0.5,"{""a"": 1}"\n2,0.25,"{}"\n', "log.txt")
    assert imported.kind == "csv"
    assert run.accuracy.tolist() == [0.5, 0.25]


def test_the_summary_of_a_wandb_run_is_refused_for_it_has_no_course(lines, take):
    row = {"train/reward": 0.6, "_step": 500, "_runtime": 36.0, "_wandb": {"runtime": 36}}
    with pytest.raises(ValueError, match="its last values, and not its course"):
        take(lines([row]), "wandb-summary.json")

"""An import from end to end: what it takes, what it makes, what it refuses."""

import pytest

import rlviz
from rlviz.importers import import_run


def test_a_file_is_no_place_for_a_run(tmp_path):
    (tmp_path / "log.csv").write_text("step,accuracy\n1,0.5\n")
    with pytest.raises(
        FileExistsError, match=r"log\.csv is a file\. Name a directory for the run\."
    ):
        import_run(tmp_path / "log.csv", tmp_path / "log.csv")


def test_the_run_can_be_drawn_and_told_and_says_where_it_came_from(lines, take):
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
        ({"kind": "excel"}, r"kind must be one of tensorboard, .*csv, .*got 'excel'"),
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
def test_an_argument_that_can_not_be_meant_is_refused_in_words(lines, tmp_path, options, words):
    (tmp_path / "log.jsonl").write_text(
        lines({"step": s, "loss": -0.5, "who": "me"} for s in (1, 2))
    )
    with pytest.raises(ValueError, match=words):
        import_run(tmp_path / "log.jsonl", tmp_path / "run", **options)

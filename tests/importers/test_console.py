"""What consoles put around a line, and where loggers cut them."""

import pytest

from rlviz.importers.console import cap_of, label_of, plain_text


@pytest.mark.parametrize(
    "prefix",
    [
        "(TaskRunner pid=2481) ",
        "\x1b[36m(WorkerDict pid=7, ip=10.0.0.12)\x1b[0m ",
        "(MegatronTrainRayActor pid=88) ",
        "\x1b[1m",
    ],
)
def test_names_of_workers_and_colors_are_taken_off(prefix):
    assert plain_text(f"{prefix}step 3: go\n") == "step 3: go\n"


@pytest.mark.parametrize(
    ("text", "word", "number"),
    [
        ("Step 12 | Loss: 0.1", "step", 12),
        (" iteration       10/     100 | consumed", "iteration", 10),
        ("Episode #1,024, reward", "episode", 1024),
        ("Epoch [3/10], Step [20/400], Loss: 1", "step", 20),
        ("Epoch 1/10 Step 3/7 Train step 3/70 done.", "step", 3),
        ("update=7 reward=2", "update", 7),
    ],
)
def test_a_line_says_of_which_step_it_is(text, word, number):
    label = label_of(text)
    assert (label.word, label.number) == (word, number)


@pytest.mark.parametrize("text", ["Micro Step 1/8", "global_step_3", "a step:by step", "step 3.5"])
def test_other_numbers_are_no_step(text):
    assert label_of(text) is None


@pytest.mark.parametrize(
    ("lengths", "cap"),
    [((10, 4096, 80, 4096), 4096), ((10, 4096, 4097), None), ((10, 80), None), ((), None)],
)
def test_lines_are_cut_where_the_longest_have_the_length_of_a_logger(tmp_path, lengths, cap):
    (tmp_path / "a.log").write_text("".join("x" * length + "\n" for length in lengths))
    assert cap_of(tmp_path / "a.log") == cap

"""What is taken of the files and folders that are given, what is left out, what is no one run."""

import pytest

from rlviz.importers import import_run


@pytest.fixture
def table(tmp_path):
    """Writes a table of steps and accuracies."""

    def write(name, steps, offset=0.0, head="step,accuracy", folder=tmp_path):
        rows = (f"{step},{offset + step / 100}" for step in steps)
        (folder / name).write_text("\n".join([head, *rows]))
        return folder / name

    return write


# --- several files ---------------------------------------------------------


def test_two_files_that_tell_the_same_steps_otherwise_are_two_runs(table, tmp_path):
    files = [table("a.csv", range(1, 31)), table("b.csv", range(1, 31), 0.2)]
    words = r"a\.csv and b\.csv are not the parts of one run: .* of 'accuracy'\. Import each by its"
    with pytest.raises(ValueError, match=words):
        import_run(files, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_third_of_three_files_is_told_from_the_second(table, tmp_path):
    files = [table("a.csv", range(1, 11)), table("b.csv", range(8, 31))]
    with pytest.raises(ValueError, match=r"b\.csv and c\.csv are not the parts"):
        import_run([*files, table("c.csv", range(5, 40), 0.2)], tmp_path / "run")


def test_a_resumed_run_may_repeat_steps_with_other_values(take, table):
    files = [table("a.csv", range(1, 31)), table("b.csv", range(21, 41), 0.2)]
    _, run = take(files)
    assert run.step.tolist() == list(range(1, 41))
    assert run.accuracy[20] == pytest.approx(0.41)


def test_the_same_steps_with_the_same_values_are_one_run(take, table):
    _, run = take([table("a.csv", range(1, 31)), table("b.csv", range(1, 41))])
    assert len(run) == 40


def test_files_of_other_columns_of_one_run_come_together(take, table):
    _, run = take([table("a.csv", range(1, 31)), table("b.csv", range(1, 31), head="step,loss")])
    assert (len(run), run.metrics) == (30, ("loss",))


def test_files_in_the_wrong_order_are_asked_for_in_the_right_one(table, tmp_path):
    files = [table("b.csv", range(31, 41)), table("a.csv", range(1, 31))]
    with pytest.raises(ValueError, match=r"a\.csv ends before b\.csv begins, at step 31\. Give"):
        import_run(files, tmp_path / "run")


def test_files_without_steps_are_numbered_through(take, table):
    files = [table(f"{name}.csv", [3, 2, 1], head="kl,accuracy") for name in "ab"]
    assert take(files)[1].step.tolist() == [1, 2, 3, 4, 5, 6]


# --- folders ---------------------------------------------------------------


def test_of_a_folder_it_is_said_what_was_taken_and_what_was_not(take, table, tmp_path):
    folder = tmp_path / "outputs"
    for number in (9, 10):
        (folder / f"checkpoint-{number}").mkdir(parents=True)
        state = '{"log_history": [{"step": 1, "reward": 0.25}]}'
        (folder / f"checkpoint-{number}" / "trainer_state.json").write_text(state)
    (folder / "model.safetensors").write_bytes(b"")
    table("progress.csv", [1, 2], folder=folder)
    imported, _ = take(folder)
    assert imported.notes[0] == (
        f"Of the folder {folder} was taken checkpoint-10/trainer_state.json; left out: "
        "checkpoint-9/, progress.csv, model.safetensors."
    )


def test_nothing_is_said_of_a_folder_of_which_nothing_is_left_out(take, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "trainer_state.json").write_text(
        '{"log_history": [{"step": 1, "loss": 2}]}'
    )
    assert take(tmp_path / "out")[0].notes == ()


def test_a_folder_without_a_run_names_the_logs_that_it_has(table, tmp_path):
    for number in range(6):
        table(f"{number}.csv", [1])
    with pytest.raises(FileNotFoundError, match=r"name the file: 0\.csv, .*, 3\.csv and 2 more\."):
        import_run(tmp_path, tmp_path / "run")


# --- the wrong kind --------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "verl",
            r"log\.csv has no step of a verl run, a line like 'step:12 .* table: give kind='csv'",
        ),
        ("jsonl", r"log\.csv has no number in a JSON object on a line\. It looks like a CSV table"),
        (
            "tensorboard",
            r"log\.csv has no scalar of a TensorBoard event file\. It looks like a CSV",
        ),
        ("trainer_state", r"log\.csv is no state of a Hugging Face trainer.* 'step,accuracy"),
    ],
)
def test_a_file_of_another_kind_than_was_said_is_called_by_its_own(table, tmp_path, kind, words):
    with pytest.raises(ValueError, match=words):
        import_run(table("log.csv", range(1, 9)), tmp_path / "run", kind=kind)


def test_a_text_of_no_kind_that_was_said_to_be_one_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(ValueError, match=r"no number under the names .* It is none of the logs"):
        import_run(tmp_path / "notes.txt", tmp_path / "run", kind="csv")

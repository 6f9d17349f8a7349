"""What is taken of the files and folders that are given, as which kind, and what is left out."""

import io
import sys

import pytest

from rlviz.importers import import_run


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


def test_the_standard_input_is_a_source(take, monkeypatch):
    piped = io.TextIOWrapper(io.BytesIO(b"step,accuracy\n1,0.25\n2,0.5\n"))
    monkeypatch.setattr(sys, "stdin", piped)
    _, run = take(["-"])
    assert run.accuracy.tolist() == [0.25, 0.5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", r"log is empty"),
        ("step,accuracy\n", r"log holds no numbers beside steps"),
        ('{"step": 1}\n', r"log holds no numbers beside steps"),
        ("a line of prose\n", r"log is none of the logs that rlviz knows: .*It begins 'a line"),
        ("a line of prose\n", r"Else write its steps into a CSV table or JSON Lines"),
        ("\x7fELF\x02\x01", r"none of the logs .*It begins with no text\. If"),
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


@pytest.mark.parametrize("name", ["metrics.csv", "progress.tsv", "metrics.jsonl"])
def test_the_only_table_of_a_folder_is_its_run(take, tmp_path, name):
    folder = tmp_path / "trained"
    (folder / "checkpoints").mkdir(parents=True)
    for other in ("config.yaml", "requirements.txt", "model.pt", ".hidden.csv"):
        (folder / other).write_text("a: 1\n")
    mark = "\t" if name.endswith("tsv") else ","
    rows = [f"{step}{mark}0.{step}" for step in (1, 2, 3)]
    text = "\n".join([f"step{mark}accuracy", *rows])
    if name.endswith("jsonl"):
        text = "".join(f'{{"step": {step}, "accuracy": 0.{step}}}\n' for step in (1, 2, 3))
    (folder / name).write_text(text)
    imported, run = take(folder)
    assert run.accuracy.tolist() == [0.1, 0.2, 0.3]
    assert any(f"was taken {name}; left out: " in note for note in imported.notes)


def test_runs_in_folders_below_come_before_a_table_beside_them(table, tmp_path):
    folder = tmp_path / "runs"
    (folder / "a").mkdir(parents=True)
    table("summary.csv", [1, 2], folder=folder)
    (folder / "a" / "events.out.tfevents.1.x").write_bytes(b"")
    with pytest.raises(ValueError, match=r"events\.out\.tfevents\.1\.x is empty"):
        import_run(folder, tmp_path / "run")

"""The table of kinds: one file and one line in it, and everything knows the new kind."""

import re
import textwrap
from pathlib import Path

import pytest

import rlviz
from rlviz.cli import main
from rlviz.importers import readers

PAIRS = '''
"""Logs of pairs: `pairs 1 accuracy 0.25`."""

from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Folder, Reader


def read(files, name):
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        for line in file.read_text().splitlines():
            _, step, *pairs = line.split()
            log.add(zip(pairs[::2], pairs[1::2]), step=float(step))
    return log


READER = Reader(
    file="a log of pairs",
    log="log of pairs",
    missing="no line 'pairs 1 name value'",
    read=read,
    begins=("pairs ",),
    recognises=lambda start: start.line.split()[1].isdigit(),
    names=("*.pairs",),
    folder=Folder(holds="a log of pairs", files=lambda path: sorted(path.glob("*.pairs"))),
)
'''
LOG = "pairs 1 accuracy 0.25 kl 0.5\npairs 2 accuracy 0.75 kl 0.5\n"


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    """A kind of log that is made up: one file, and its line in the table."""
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "made_up_pairs.py").write_text(textwrap.dedent(PAIRS))
    monkeypatch.syspath_prepend(tmp_path / "kinds")
    monkeypatch.setitem(readers.KINDS, "pairs", "made_up_pairs")
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "train.pairs").write_text(LOG)
    return folder / "train.pairs"


@pytest.mark.parametrize("kind", [None, "pairs"])
def test_a_new_kind_is_imported_end_to_end(pairs, tmp_path, kind):
    imported = rlviz.import_run(pairs, tmp_path / "run", kind=kind)
    assert imported.kind == "pairs"
    assert str(imported).startswith(
        f"{tmp_path / 'run'}: 2 steps (1 to 2) and 1 metric from a log of pairs."
    )
    run = rlviz.read(tmp_path / "run")
    assert run.step.tolist() == [1, 2]
    assert run.accuracy.tolist() == [0.25, 0.75]
    assert run.metrics == ("kl",)


def test_a_new_kind_is_found_in_its_folder_and_among_what_is_left_out(pairs, tmp_path):
    assert rlviz.import_run(pairs.parent, tmp_path / "run").kind == "pairs"
    state = '{"log_history": [{"step": 1, "loss": 2}]}'
    (pairs.parent / "a.bin").write_text("")
    (pairs.parent / "trainer_state.json").write_text(state)
    imported = rlviz.import_run(pairs.parent, tmp_path / "other")
    assert imported.notes[0].endswith("left out: train.pairs, a.bin.")


def test_the_command_line_knows_a_new_kind(pairs, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    choices = f"{{{','.join(readers.KINDS)}}}"
    assert choices.endswith(",pairs}")
    assert choices in "".join(capsys.readouterr().out.split())
    assert main(["import", str(pairs), "--kind", "pairs", "-o", str(tmp_path / "run")]) == 0
    assert "from a log of pairs." in capsys.readouterr().out


def test_errors_name_a_new_kind(pairs, tmp_path):
    with pytest.raises(ValueError, match=r"kind must be one of .*, jsonl, pairs, got 'excel'"):
        rlviz.import_run(pairs, tmp_path / "run", kind="excel")
    (tmp_path / "prose").write_text("prose\n")
    words = r"JSON Lines or a log of pairs\. It begins 'prose'"
    with pytest.raises(ValueError, match=words):
        rlviz.import_run(tmp_path / "prose", tmp_path / "run")
    with pytest.raises(ValueError, match=r"It looks like a log of pairs: give kind='pairs'"):
        rlviz.import_run(pairs, tmp_path / "run", kind="csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"nor a trainer_state\.json nor .* nor a log of pairs"
    ):
        rlviz.import_run(tmp_path / "empty", tmp_path / "run")


@pytest.mark.parametrize("kind", readers.KINDS)
def test_every_kind_says_of_itself_what_sentences_need(kind):
    reader = readers.reader_of(kind)
    assert reader.file
    assert reader.log
    assert reader.missing.startswith("no ")
    assert all(pattern == pattern.lower() for pattern in reader.names)


def test_the_names_of_kinds_are_known_without_what_reads_them(run_python):
    code = "import sys, rlviz.importers.readers; print('numpy' in sys.modules)"
    assert run_python("-c", code).stdout == "False\n"


def test_the_table_of_kinds_in_the_documentation_names_each_kind():
    text = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert named == list(readers.KINDS)

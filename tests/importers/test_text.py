"""Lines and JSON texts of any length and depth, in bounded time and memory."""

import json
import subprocess
import sys

import pytest

from rlviz.importers import import_run, text
from rlviz.importers.text import document, lines, parsed


def test_lines_are_those_of_the_file(tmp_path):
    (tmp_path / "log").write_bytes("a\nb\r\n\rc\u00e9".encode())
    assert list(lines(tmp_path / "log")) == ["a\n", "b\n", "\n", "c\u00e9"]
    assert list(lines(tmp_path / "log", newline="")) == ["a\n", "b\r\n", "\r", "c\u00e9"]


def test_an_endless_line_is_none_and_the_next_one_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "LONGEST_LINE", 10)
    for length in (9, 10, 25, 30):
        (tmp_path / "log").write_text(f"{'x' * length}\nnext\n")
        first = "x" * 9 + "\n" if length == 9 else None
        assert list(lines(tmp_path / "log")) == [first, "next\n"]


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_deep_json_is_an_error_in_words(deep):
    with pytest.raises(ValueError, match=r"nested too deeply|Expecting"):
        parsed(deep)


def test_json_of_very_many_values_is_refused_before_it_is_held_in_memory():
    with pytest.raises(ValueError, match=r"it holds 6,000,0\d\d values, .* JSON Lines"):
        parsed("[" + ",".join(["[]"] * 3_000_000) + "]")
    assert parsed("[1, [2]]") == [1, [2]]


def test_a_document_has_a_most_size(tmp_path, monkeypatch):
    (tmp_path / "rows.json").write_text("[1, 2, 3]")
    assert document(tmp_path / "rows.json") == "[1, 2, 3]"
    monkeypatch.setattr(text, "_MOST_BYTES", 8)
    with pytest.raises(ValueError, match=r"rows\.json is one JSON text of 0 MiB, .* JSON Lines"):
        document(tmp_path / "rows.json")


HOSTILE = {
    "deep.jsonl": b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n",
    "brackets.json": b"[" * 1_000_000,
    "brackets.jsonl": b'{"a":' + b"[" * 1_000_000,
    "trainer_state.json": b'{"log_history": ' + b"[" * 100_000,
    "digits.jsonl": b'{"step":1,"accuracy":' + b"9" * 200_000 + b"}\n",
    "header.csv": b"a," * 5_000_000 + b"b\n1,2\n",
    "cell.csv": b"a" * 10_000_000 + b",b\n1,2\n",
    "line.log": b"x" * 10_000_000,
    "bytes.csv": bytes(range(256)) * 1000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_log_is_answered_in_a_sentence(tmp_path, name):
    (tmp_path / name).write_bytes(HOSTILE[name])
    with pytest.raises(ValueError, match=name) as caught:
        import_run(tmp_path / name, tmp_path / "run")
    assert len(str(caught.value)) < 700
    assert not (tmp_path / "run").exists()


def test_a_line_too_long_is_damage_and_the_rest_is_imported(take, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "LONGEST_LINE", 100)
    rows = [json.dumps({"step": step, "accuracy": 0.5}) for step in range(1, 31)]
    rows[7] = json.dumps({"step": 8, "accuracy": 0.5, "histogram": [0] * 1000})
    imported, run = take("\n".join(rows), "log.jsonl")
    assert run.step.tolist() == [step for step in range(1, 31) if step != 8]
    assert "line 8 of log.jsonl" in str(imported)


IMPORT = """
import sys
import rlviz
try:
    rlviz.import_run(*sys.argv[1:])
except Exception as error:
    print(type(error).__name__)
for line in open("/proc/self/status"):
    if line.startswith("VmHWM:"):  # ru_maxrss would count what the parent process holds
        print(line.split()[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", [b"x", b'{"log_history": ["', b'{"a": "', b"step,accuracy"])
def test_a_line_of_300_megabytes_takes_no_memory(tmp_path, start):
    file = tmp_path / "log.csv"
    with file.open("wb") as stream:
        stream.write(start)
        stream.truncate(300_000_000)  # zero bytes, which take no place on the disk
    child = subprocess.run(
        [sys.executable, "-c", IMPORT, file, tmp_path / "run"],
        capture_output=True,
        text=True,
        check=True,
    )
    name, peak = child.stdout.splitlines()
    assert name == "ValueError"
    assert int(peak) < 300_000  # KiB, of which importing rlviz takes 60,000


def test_a_table_of_very_many_columns_is_imported(take):
    names = [f"c{i}" for i in range(5_000)]
    imported, run = take("\n".join([",".join(names), *[",".join(["0.5"] * 5_000)] * 3]), "log.csv")
    assert len(run.metrics) == 5_000
    assert "5,000 metrics" in str(imported)

"""What the user gives becomes a regular file in UTF-8, or a sentence that says what it is."""

import bz2
import gzip
import lzma
import os
import pickle
import shlex
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rlviz.importers import import_run, intake
from rlviz.importers.intake import Given, regular

TABLE = "step,accuracy\n" + "".join(f"{step},{step / 100}\n" for step in range(1, 51))
EXPECTED = [step / 100 for step in range(1, 51)]


@pytest.fixture
def spool(tmp_path):
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def taken(file, spool):
    return regular(Given(file), spool, [])


def test_a_regular_file_in_utf_8_is_taken_as_it_is(tmp_path, spool):
    (tmp_path / "log.csv").write_text(TABLE)
    assert taken(tmp_path / "log.csv", spool) == tmp_path / "log.csv"
    assert not list(spool.iterdir())


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_a_packed_log_is_unpacked_whatever_it_is_called(take, tmp_path, suffix, pack):
    (tmp_path / f"log.csv{suffix}").write_bytes(pack(TABLE.encode()))
    (tmp_path / "packed.csv").write_bytes(pack(pack(TABLE.encode())))
    imported, run = take(tmp_path / f"log.csv{suffix}")
    assert run.accuracy.tolist() == EXPECTED
    assert "from a CSV table" in str(imported)
    import_run(tmp_path / "packed.csv", tmp_path / "again")


def test_the_copy_has_the_name_without_the_packing_and_the_time_of_the_original(tmp_path, spool):
    packed = tmp_path / "train.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"step": 1}\n'))
    os.utime(packed, (1e9, 1e9))
    copy = taken(packed, spool)
    assert (copy.name, copy.stat().st_mtime) == ("train.jsonl", 1e9)
    assert Given(packed).stem == "train"


def test_of_a_packed_log_that_was_cut_off_what_comes_before_is_read(take, tmp_path):
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(TABLE.encode())[:-20])
    imported, run = take(tmp_path / "log.csv.gz")
    assert 30 < len(run) < 50
    assert run.accuracy.tolist()[:-1] == EXPECTED[: len(run) - 1]
    assert "The end of log.csv.gz is lost: it can't be unpacked (" in str(imported)


def test_what_can_not_be_unpacked_is_said(tmp_path, spool):
    (tmp_path / "log.gz").write_bytes(b"\x1f\x8b\x08\0nothing")
    with pytest.raises(ValueError, match=r"log\.gz is packed, and can't be unpacked: "):
        taken(tmp_path / "log.gz", spool)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path, spool, monkeypatch):
    monkeypatch.setattr(intake, "_SMALL", 1 << 22)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(1 << 25)))
    with pytest.raises(ValueError, match=r"bomb\.gz unpacks to more than 4 MiB from 0\.0"):
        taken(tmp_path / "bomb.gz", spool)


def test_zstd_is_unpacked_or_says_how_to(tmp_path, spool):
    (tmp_path / "log.csv.zst").write_bytes(b"\x28\xb5\x2f\xfd\0\0")
    with pytest.raises(ValueError, match=r"log\.csv\.zst (is packed by zstd.*zstd -d|is packed)"):
        taken(tmp_path / "log.csv.zst", spool)


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]
)
def test_a_text_in_another_encoding_is_read(take, tmp_path, encoding):
    mark = "\ufeff" if encoding == "utf-32-be" else ""
    (tmp_path / "log.csv").write_bytes((mark + TABLE).encode(encoding))
    _, run = take(tmp_path / "log.csv")
    assert run.accuracy.tolist() == EXPECTED


def database(path):
    with sqlite3.connect(path) as connection:
        connection.execute("create table logs (step, reward)")
    connection.close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (database, r"an SQLite database, .* Export the table"),
        (b":W&B\x01\0rest", r"wandb's file of transactions, .* Export the run's history"),
        (b"PAR1rest", r"a Parquet table, .* Write it as CSV"),
        (b"PK\x03\x04rest", r"a zip archive or a PyTorch checkpoint, .* Unpack it"),
        (pickle.dumps({"reward": [0.5]}), r"a pickle, which rlviz never loads"),
        (bytes(300), r"begins with 300 zero bytes: its content is lost"),
        (bytes(256).replace(b"\0", b"x") + b"xustar" + bytes(99), r"a tar archive\. Unpack it"),
    ],
)
def test_what_is_no_text_is_named_with_what_to_do(tmp_path, content, words):
    file = tmp_path / "log"
    content(file) if callable(content) else file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^log (is )?{words}"):
        import_run(file, tmp_path / "run")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/urandom"])
def test_a_device_is_never_read(tmp_path, device):
    with pytest.raises(ValueError, match=rf"{device} is a device and holds no log"):
        import_run(device, tmp_path / "run")
    (tmp_path / "link.csv").symlink_to(device)
    with pytest.raises(ValueError, match=r"link\.csv is a device and holds no log"):
        import_run(tmp_path / "link.csv", tmp_path / "run")


def test_a_pipe_is_read_to_its_end(take, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    writer = threading.Thread(target=(tmp_path / "pipe.csv").write_text, args=[TABLE])
    writer.start()
    _, run = take(tmp_path / "pipe.csv")
    writer.join()
    assert run.accuracy.tolist() == EXPECTED


def test_nobody_waits_for_a_pipe_without_a_writer(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "_PATIENCE", 0.05)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match=r"pipe\.csv is a pipe that nobody writes into"):
        import_run(tmp_path / "pipe.csv", tmp_path / "run")


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("{rlviz} import <({cat}) -o run", "pipe"),
        ("{rlviz} import <(sleep 0.3; {cat}) -o run", "pipe"),
        ("{cat} | {rlviz} import /dev/stdin -o run", "standard input"),
        ("{cat} | {rlviz} import - -o run", "standard input"),
        ("{rlviz} import /dev/stdin -o run < log.csv.gz", "standard input"),
    ],
)
def test_what_a_shell_pipes_is_imported(tmp_path, command, name):
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    said = subprocess.run(
        [
            "bash",
            "-c",
            command.format(rlviz=f"{shlex.quote(sys.executable)} -m rlviz", cat="cat log.csv.gz"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("run: 50 steps (1 to 50)")


def test_an_endless_pipe_ends(tmp_path, spool, monkeypatch):
    monkeypatch.setattr(intake, "MOST_BYTES", 1 << 22)
    reader, writer = os.pipe()
    more = subprocess.Popen(["yes"], stdout=writer)
    os.close(writer)
    try:
        with pytest.raises(ValueError, match=r"pipe gave more than 4 MiB, which no log has"):
            regular(Given(f"/dev/fd/{reader}"), spool, [])
    finally:
        os.close(reader)
        assert more.wait() != 0  # nobody reads it anymore


def test_a_link_to_itself_is_an_error_in_words(tmp_path):
    (tmp_path / "log.csv").symlink_to("log.csv")
    with pytest.raises(OSError, match=r"log\.csv"):
        import_run(tmp_path / "log.csv", tmp_path / "run")


def test_the_case_of_wandb_s_transactions_is_refused_with_what_to_give(cases, tmp_path):
    with pytest.raises(ValueError, match=r"Export the run's history as CSV, .* output\.log"):
        import_run(cases / "33-transactions.wandb", tmp_path / "run")


@pytest.mark.quick(1)
@pytest.mark.parametrize("file", ["/proc/kmsg", "/proc/self/mem", "/proc/self/pagemap"])
def test_a_file_of_the_system_is_answered_though_it_looks_like_a_regular_one(tmp_path, file):
    """The first waits for news of the kernel, and the last has no end that is worth waiting for."""
    said = subprocess.run(
        [sys.executable, "-m", "rlviz", "import", file, "-o", tmp_path / "run"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert said.returncode == 2, said.stdout
    assert len(said.stderr.splitlines()) == 1, said.stderr  # no traceback
    assert Path(file).name in said.stderr


def test_a_file_that_is_made_as_it_is_read_is_read(spool, monkeypatch):
    made = taken("/proc/self/status", spool)
    assert made.read_text().startswith("Name:")
    assert made.parent.parent == spool
    monkeypatch.setattr(intake, "_SMALL", 1 << 12)
    with pytest.raises(ValueError, match=r"maps gave more than 0 MiB, which no log has"):
        taken("/proc/self/maps", spool)


def test_an_empty_file_is_empty(tmp_path, spool):
    (tmp_path / "log.csv").touch()
    with pytest.raises(ValueError, match=r"log\.csv is empty"):
        import_run(tmp_path / "log.csv", tmp_path / "run")

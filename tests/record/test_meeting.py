"""Where ranks meet: real processes joined by gloo, between which ports are closed."""

import socket
import subprocess
import sys
import textwrap

import pytest

import rlviz
from rlviz.record.meeting import rank_and_world

SCRIPT = """
    import os, socket, sys, time
    import torch.distributed as dist
    import rlviz
    from rlviz.record import mailbox

    logdir, what, rank, port, other_port = *sys.argv[1:3], *map(int, sys.argv[3:])
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    if what.startswith("file "):
        meet = {"init_method": what.replace("file ", "file://")}
    else:
        meet = {}
    dist.init_process_group("gloo", rank=rank, world_size=2, **meet)

    reach, closed = socket.create_connection, [what == "nothing is open"]

    def reached(address, *args, **options):
        if closed[0] or (what == "one port is open" and address[1] != port):
            raise ConnectionRefusedError(111, "Connection refused")
        return reach(address, *args, **options)

    socket.create_connection = reached
    began, patience = time.monotonic(), 2 if what == "nothing is open" else 60
    viz = rlviz.Callback(
        logdir,
        figure_seconds=None,
        flush_seconds=0.05,
        patience=patience,
        process_group=dist.group.WORLD,
    )
    assert time.monotonic() - began < 20  # it waits for nobody, but a busy machine takes its time

    def log(step):
        viz.on_step_end(step, correct=[rank], flops=1 + rank)

    for step in (1, 2, 3):
        log(step)
    if what == "destroyed first":
        if rank:
            assert viz.flush(60)
        dist.barrier()
        dist.destroy_process_group()
        log(4)
    if what == "destroyed under a message":
        look, is_busy = mailbox.Inbox._look, False
        mailbox.Inbox._look = lambda inbox: None if is_busy else look(inbox)
        while viz.health.written < 3:  # the first message is no longer in the store
            time.sleep(0.01)
        is_busy = rank == 0
        dist.barrier()
        if rank == 0:
            while not os.path.exists(logdir + "/sent"):
                time.sleep(0.01)
        dist.destroy_process_group()
        is_busy = False
        log(4)
        if rank:
            assert viz.flush(60)
            open(logdir + "/sent", "w").close()
    if what == "joined again":
        dist.barrier()
        dist.destroy_process_group()
        # By another port: who is first would join by the store that the other is about to end.
        os.environ["MASTER_PORT"] = str(other_port)
        dist.init_process_group("gloo", rank=rank, world_size=2)
        log(4)
    began = time.monotonic()
    said = viz.close(timeout=4 if closed[0] else 60)
    assert not closed[0] or time.monotonic() - began < 8
    print(said, viz.health, flush=True)
    os._exit(0)
"""


def run(tmp_path, what):
    with socket.socket() as free, socket.socket() as other:
        for each in (free, other):
            each.bind(("localhost", 0))
        ports = [str(each.getsockname()[1]) for each in (free, other)]
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "run"), what]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*command, str(r), *ports], **pipes) for r in range(2)]
    try:
        said = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [process.returncode for process in processes] == [0, 0], said
    return said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "steps"),
    [
        ("one port is open", 3),
        ("destroyed first", 4),
        ("destroyed under a message", 4),
        ("joined again", 4),
        ("file", 3),
    ],
)
def test_ranks_meet_by_the_port_that_joined_them_or_else_by_that_of_rank_0(tmp_path, what, steps):
    said = run(tmp_path, f"file {tmp_path}/store" if what == "file" else what)
    assert [output.split()[0] for output, _ in said] == ["True"] * 2, said
    assert rlviz.read(tmp_path / "run").exact_flops() == [3 * n for n in range(1, steps + 1)], said


@pytest.mark.slow
def test_where_no_port_is_open_the_training_goes_on_and_both_sides_say_what_is_missing(tmp_path):
    (first, first_log), (other, other_log) = run(tmp_path, "nothing is open")
    read = rlviz.read(tmp_path / "run")
    assert read.exact_flops() == [1, 2, 3]  # of rank 0
    assert [missing.ranks for missing in read.missing_ranks] == [(1,)]
    assert first.startswith("True Health(logged=3, written=3, dropped=0, queued=0, errors=")
    assert "nothing came from rank 1 for too long" in first_log
    assert other.startswith("False Health(logged=3, written=0, dropped=0, queued=3, errors=")
    assert "rank 0 can't be reached from rank 1 (port" in other_log


def test_a_group_before_torch_is_joined_is_refused_in_words(tmp_path):
    with pytest.raises(RuntimeError, match=r"Call init_process_group\(\) before"):
        rlviz.Callback(tmp_path, process_group=object())


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1)),
        ({"RANK": "3", "WORLD_SIZE": "8"}, (3, 8)),
        ({"RANK": "3"}, (0, 1)),
        ({"RANK": "all", "WORLD_SIZE": "8"}, (0, 1)),
    ],
)
def test_before_the_processes_are_joined_a_rank_is_what_torchrun_says(
    monkeypatch, environment, expected
):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert rank_and_world() == expected

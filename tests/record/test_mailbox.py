"""Messages from every rank to rank 0: real processes, joined by gloo, and one of them gone."""

import socket
import subprocess
import sys
import textwrap

import pytest

import rlviz
from rlviz.record.mailbox import rank_and_world

SCRIPT = """
    import os, sys, time
    import torch.distributed as dist
    from rlviz.record.mailbox import Mailbox

    rank, port = map(int, sys.argv[1:])
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=2)
    mailbox = Mailbox(dist.group.WORLD)
    assert (mailbox.rank, mailbox.world_size) == (rank, 2)
    if rank == 1:
        for message in (b"first", b"", bytes(range(256)) * 4096):
            mailbox.send(message)
        dist.barrier()  # all is sent
        dist.barrier()  # all is taken
        sys.stdin.read()  # rank 0 is gone
        try:
            for _ in range(100):  # the system takes a few that nobody reads
                mailbox.send(b"late")
                time.sleep(0.05)
        except OSError as error:
            print(error)
    else:
        dist.barrier()
        taken = list(mailbox.take())
        assert taken == [(1, b"first"), (1, b""), (1, bytes(range(256)) * 4096)], taken
        assert list(mailbox.take()) == []  # each comes once
        print("taken", flush=True)
        dist.barrier()
        os._exit(0)
"""


def test_every_message_comes_once_and_in_order_and_a_rank_0_that_is_gone_is_an_oserror():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    first, other = (
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), str(rank), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    )
    try:
        said, complaints = first.communicate(timeout=300)
        assert said == "taken\n", complaints
        said, complaints = other.communicate(timeout=300)
        assert said == "rank 0 can't be reached from rank 1\n", complaints
    finally:
        for process in (first, other):
            process.kill()


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

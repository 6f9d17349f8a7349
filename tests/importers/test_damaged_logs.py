"""Any kind of log, cut and with wrong bytes in it: a run, or a sentence, and nothing else."""

import json
import random
import shutil

import pytest

import rlviz
from rlviz import tfrecord
from rlviz.importers import import_run


def event_file():
    from tensorboard.compat.proto.event_pb2 import Event

    data = b""
    for step in range(1, 101):
        event = Event(step=step, wall_time=1.7e9 + step)
        event.summary.value.add(tag="train/reward", simple_value=0.5)
        data += tfrecord.frame(event.SerializeToString())
    return data


ROWS = [{"step": s, "reward": 0.5, "num_tokens": 10 * s, "kl": 0.1} for s in range(1, 101)]
LOGS = {
    "events.out.tfevents.1.host": event_file(),
    "trainer_state.json": json.dumps({"log_history": ROWS}, indent=2).encode(),
    "rows.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "log.csv": "\n".join(
        ["step,reward,num_tokens", *(f"{s},0.5,{10 * s}" for s in range(1, 101))]
    ).encode(),
    "verl.log": b"".join(
        b"\x1b[36m(TaskRunner pid=1)\x1b[0m step:%d - critic/score/mean:0.5 - perf/time:1\n" % s
        for s in range(1, 101)
    ),
}
INSERTS = [
    b"NaN",
    b"inf",
    b"-1",
    b"1e400",
    b"\n",
    b",",
    b'"',
    b"9" * 400,
    b"\0",
    b"{",
    b"step:3 - ",
]


def damaged(data, rng):
    data = bytearray(data[: rng.randrange(len(data) // 2, len(data) + 1)])
    for _ in range(rng.choice([1, 5, 50])):
        at = rng.randrange(len(data))
        how = rng.random()
        if how < 0.5:
            data[at] = rng.randrange(256)
        elif how < 0.75:
            del data[at : at + rng.randrange(20)]
        else:
            data[at:at] = rng.choice(INSERTS)
    return bytes(data)


@pytest.mark.parametrize("name", LOGS)
def test_a_damaged_log_gives_a_run_or_a_sentence(tmp_path, name):
    imported = 0
    for seed in range(40):
        (tmp_path / name).write_bytes(damaged(LOGS[name], random.Random(seed)))
        try:
            import_run(tmp_path / name, tmp_path / "run", params=1e9)
        except ValueError as error:
            said = str(error)
        else:
            said = ""
        if said:
            assert name in said, f"seed {seed}"
            assert not (tmp_path / "run").exists()
        else:
            assert len(rlviz.read(tmp_path / "run"))
            imported += 1
            shutil.rmtree(tmp_path / "run")
    assert imported >= (0 if name == "trainer_state.json" else 15)

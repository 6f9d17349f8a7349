"""Any kind of log, cut and with wrong bytes in it: a run, or a sentence, and nothing else."""

import json
import random
import shutil
from pathlib import Path

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
    "trl.log": "".join(
        f"{s}/100 [00:01<00:10,  1.0s/it]{{'loss': 0.1, 'reward': 0.5, 'epoch': {s / 100}}}\n"
        for s in range(1, 101)
    ).encode(),
    "rows.log": "".join(
        f"INFO Step {s} | Time: 3.5s | Reward: 0.5 | Loss 0.1\n" for s in range(1, 101)
    ).encode(),
    "blocks.log": "".join(
        f"==== Step {s}/100 ====\n  • Avg Reward: 0.5\n  • Total step time: 2.5s\n"
        for s in range(1, 101)
    ).encode(),
    "boxes.log": "".join(
        f"{'-' * 40}\n| ep_rew_mean | 0.5 |\n| total_timesteps | {s} |\n{'-' * 40}\n"
        for s in range(1, 101)
    ).encode(),
    "monitor.csv": b'#{"t_start": 1700000000.5}\nr,l,t\n'
    + b"".join(b"0.5,21,%d.5\n" % s for s in range(1, 101)),
    "result.json": "".join(
        json.dumps({"training_iteration": s, "episode_reward_mean": 0.5, "config": {"lr": 1}})
        + "\n"
        for s in range(1, 101)
    ).encode(),
    "metrics.jsonl": "".join(
        json.dumps({"step": s, "data": {"critic/score/mean": 0.5}}) + "\n" for s in range(1, 101)
    ).encode(),
    "run-a-tag-reward.csv": b"Wall time,Step,Value\n"
    + b"".join(b"17000000%02d.5,%d,0.5\n" % (s % 100, s) for s in range(1, 101)),
    "metrics/reward": b"".join(b"17000000000%02d 0.5 %d\n" % (s % 100, s) for s in range(1, 101)),
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


@pytest.mark.parametrize(
    ("seeds", "least"),
    [(range(8), 1), pytest.param(range(8, 40), 10, marks=pytest.mark.slow)],
    ids=["few", "more"],
)
@pytest.mark.parametrize("name", LOGS)
def test_a_damaged_log_gives_a_run_or_a_sentence(tmp_path, name, seeds, least):
    imported = 0
    for seed in seeds:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(damaged(LOGS[name], random.Random(seed)))
        try:
            import_run(tmp_path / name, tmp_path / "run", params=1e9)
        except ValueError as error:
            said = str(error)
        else:
            said = ""
        if said:
            assert Path(name).name in said, f"seed {seed}"
            assert not (tmp_path / "run").exists()
        else:
            assert len(rlviz.read(tmp_path / "run"))
            imported += 1
            shutil.rmtree(tmp_path / "run")
    assert imported >= (0 if name == "trainer_state.json" else least)

"""What a type checker says of the package, and of calls that users write: mistakes are found."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import pytest

if not os.environ.get("RLVIZ_REQUIRE_MYPY") and find_spec("mypy") is None:
    pytest.skip("mypy is not installed; tox has it", allow_module_level=True)

ROOT = Path(__file__).parents[1]
SCRIPT = "script_of_a_user.py"

PREAMBLE = """
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

import rlviz

viz = rlviz.Callback("runs/a")
rewards = torch.zeros(8)
loss = rewards.sum()
stages = [(2, [4, 6, 5])]
history = rlviz.read("runs/a")
sender = viz.sender()
model = rlviz.flops.Transformer(
    hidden_size=512,
    num_hidden_layers=4,
    num_attention_heads=8,
    intermediate_size=2048,
    vocab_size=32000,
)
"""

RIGHT = """
viz.record(correct=rewards > 0.5)
viz.record(correct=True)
viz.record(correct=[1, 0, True, float("nan")], group="math")
viz.record(correct=[[1, 0], [1, 1]])
viz.record(correct=[reward > 0.5 for reward in rewards])
viz.record(correct=np.zeros((2, 3)) > 0.5)
viz.record(correct=[np.bool_(True)])
viz.record(accuracy=0.5, graded=64)
viz.record(accuracy=loss, graded=rewards.numel())
viz.record(accuracy=np.float32(0.5), graded=np.int64(3))
viz.record(flops=10**18)
viz.record(flops={"rollout": 10**23 + 1, "update": loss})
viz.record(flops=np.int64(5))
viz.record(flops=None, correct=None)
viz.record(parallelism=8.5)
viz.record(parallelism=[8.5, 7])
viz.record(parallelism=[rlviz.parallelism.critical_steps(stages) for _ in range(3)])
viz.record(parallelism=rlviz.parallelism.concurrency([("a", 0, 4), ("b", 2, None)], episode_end=5))
viz.record(parallelism=[rlviz.parallelism.Trace()])
viz.record(parallelism=(rlviz.parallelism.Parallelism(3, 2), 4.0))
viz.record(parallelism=rewards)
viz.record(seconds={"update": 0.5}, metrics={"loss": loss, "kl": 0.1, "lr": np.float32(1e-4)})
viz.record(settled={"rollout": 10**18, "rollout_discarded": np.int64(5)})
viz.on_step_end()
viz.on_step_end(3)
viz.on_step_end(np.int64(3), metrics={"loss": loss.item()}, wall_time=1.7e9)
viz.on_step_end(3, correct=rewards > 0.5, parallelism=[2.0], flops={"update": 7}, metrics={"a": 1})
losses: dict[str, float] = {"loss": 1.0}
viz.on_step_end(3, metrics=losses)
tensors: Mapping[str, torch.Tensor] = {"loss": loss}
viz.on_step_end(3, metrics=tensors)
with rlviz.Callback("runs/b", config={"lr": 1e-4}, figure_seconds=None) as again: again.flush()
viz.watch(torch.nn.Linear(2, 2), phase="reward_model")
state: dict[str, Any] = viz.state_dict()
viz.load_state_dict(state)
dropped: int = viz.health.dropped
is_written: bool = viz.close(timeout=2.0)
sender.record(episode="a", correct=rewards > 0.5, flops={"rollout": 7}, parallelism=[2.0])
sender.record(step=7, metrics={"loss": loss})
viz.record(episodes=["a", "b"])
accuracies: float = history.accuracy[0]
counts: list[int | None] = history.exact_flops("rollout")
rlviz.figure(history, x="step", metrics=["loss"], log_x=True).savefig("a.png")
rlviz.figure({"a": history, "b": [history, history]})
words: str = rlviz.summarise(history, metrics=["loss"]).markdown()
same: str = rlviz.compare({"a": history, "b": [history]}, reference="a").markdown()
html: str = rlviz.page({"a": history})
rlviz.export(history, "a.csv", units=True)
rlviz.import_run("a.log", "runs/c", full_score=2.0)
rlviz.examine("runs/a")
spent: int = model.training([100, 200]) + model.generation([100], [50])
spent = rlviz.flops.measure(torch.nn.Linear(2, 2), torch.zeros(1, 2)).flops
share: float = rlviz.parallelism.critical_steps(stages).average
averages, memory = rlviz.smooth.ema(rewards, weight=0.9)
rlviz.smooth.local_polynomial(np.zeros(9), x=np.arange(9.0))
ahead: float = rlviz.scaling.fit(history.flops, history.accuracy).reach
unit: str = rlviz.schema.column("flops/update").unit
rlviz.Accuracy.from_answers([True, False]).merge(rlviz.Accuracy(correct=1, graded=2)).value
"""

WRONG = """
viz.record(flops="7")
viz.record(flops={"rollout": "7"})
viz.record(flops=["rollout", 7])
viz.record(correct="yes")
viz.record(correct=["yes", "no"])
viz.record(correct={"math": 1})
viz.record(corect=[1, 0])
viz.record([1, 0])
viz.record(accuracy="63 %")
viz.record(accuracy=0.5, graded="8")
viz.record(parallelism=["a", "b"])
viz.record(parallelism="8.5")
viz.record(parallelism=stages)
viz.record(metrics=["loss", loss])
viz.record(metrics=loss)
viz.record(metrics={"loss": "low"})
viz.record(metrics={"loss": None})
viz.record(metrics={3: 1.0})
viz.record(seconds=0.5)
viz.record(seconds={"update": "fast"})
viz.record(group=3)
viz.on_step_end("3")
viz.on_step_end(3.5)
viz.on_step_end(3, loss=loss)
viz.on_step_end(3, flop=7)
viz.on_step_end(3, correct="yes")
viz.on_step_end(3, metrics=[loss])
viz.on_step_end(3, wall_time="now")
rlviz.Callback("runs/a", emma=0.9)
rlviz.Callback("runs/a", ema="0.9")
viz.load_state_dict("state")
viz.flush("soon")
sender.record(corect=[1, 0])
sender.record(step="7")
sender.record(episode=7)
rlviz.read(3)
rlviz.figure(history, x="flop")
rlviz.figure(history, metric=["loss"])
rlviz.summarise("runs/a")
rlviz.export(history)
rlviz.import_run("a.log")
rlviz.import_run("a.log", "runs/b", full_score="2")
history.exact_flops(3)
history.acuracy
rlviz.flops.Transformer(hidden_size=512)
rlviz.parallelism.critical_steps([(2, 4)])
rlviz.smooth.EMA("0.9")
rlviz.smooth.ema([1.0], wieght=0.9)
rlviz.schema.column(3)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What mypy says of the package and of a user's file with all the calls: file -> line -> words.

    They are checked together: torch, which both need, takes most of the time.
    """
    folder = tmp_path_factory.mktemp("script")
    file = folder / SCRIPT
    file.write_text(PREAMBLE + RIGHT + WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file=setup.cfg", "--no-error-summary"]
    result = subprocess.run(
        [*command, "--no-incremental", "rlviz", str(file)],  # nobody would read its cache
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stdout + result.stderr  # the file has mistakes
    said = re.findall(r"^(.+?\.py):(\d+): error: (.*)$", result.stdout, re.MULTILINE)
    words: dict[str, dict[int, str]] = defaultdict(dict)
    for name, line, what in said:
        words[Path(name).name if Path(name).name == SCRIPT else name][int(line)] = what
    return words


@pytest.fixture(scope="module")
def checked(found):
    """Line -> what mypy says of it, of a user's file."""
    return found[SCRIPT]


def test_the_package_is_typed_strictly(found):
    assert {file: lines for file, lines in found.items() if file != SCRIPT} == {}


def calls(source, before):
    first = before.count("\n") + 1
    return [(n, line) for n, line in enumerate(source.splitlines(), first) if line]


@pytest.mark.parametrize(("line", "call"), calls(RIGHT, PREAMBLE))
def test_what_the_readme_and_the_examples_do_passes(checked, line, call):
    assert line not in checked, f"{call}: {checked[line]}"


@pytest.mark.parametrize(("line", "call"), calls(WRONG, PREAMBLE + RIGHT))
def test_a_mistake_is_found_before_the_run_starts(checked, line, call):
    assert line in checked, f"{call} passes"

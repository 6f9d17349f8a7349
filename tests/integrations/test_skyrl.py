"""SkyRL's callback contract, with its events in their order; without SkyRL."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import rlviz
from rlviz.integrations.skyrl import RLVizCallback

EVENTS = [
    *("on_train_start", "on_train_end", "on_epoch_start", "on_epoch_end", "on_step_start"),
    *("on_step_end", "on_eval_start", "on_eval_end", "on_save", "on_log"),
]


@dataclass
class Input:
    """What SkyRL hands to every event."""

    global_step: int
    logs: dict[str, Any] | None = None
    ckpt_path: str | None = None


def train(callback, folder, steps, crash_after=None):
    def fire(event, step, **fields):
        getattr(callback, event)(None, Input(step, **fields), None)

    fire("on_train_start", steps[0] - 1)
    fire("on_eval_start", 0)
    fire("on_log", 0, logs={"eval/all/avg_score": 0.1})
    fire("on_eval_end", 0)
    fire("on_epoch_start", 0)
    for step in steps:
        fire("on_step_start", step)
        fire("on_step_end", step)
        logs = {"reward/avg_raw_reward": 0.5, "reward/avg_pass_at_1": step / 10, "note": "text"}
        fire("on_log", step, logs=logs | {"generate/avg_num_tokens": 12.5})
        fire("on_log", step, logs={"timing/step": 2.0})
        if step % 2 == 0:
            path = folder / f"global_step_{step}"
            path.mkdir(exist_ok=True)
            fire("on_save", step, ckpt_path=str(path))
        if step == crash_after:
            callback.viz.close()
            return
    fire("on_epoch_end", 0)
    fire("on_train_end", step)


def viz(path, **options):
    return RLVizCallback(
        path / "run",
        figure_seconds=None,
        accuracy="reward/avg_pass_at_1",
        flops=lambda logs: {"rollout": 1000 * round(8 * logs["generate/avg_num_tokens"])},
        **options,
    )


def test_every_event_of_the_contract_can_be_fired(tmp_path):
    callback = viz(tmp_path)
    for event in EVENTS:
        getattr(callback, event)(None, Input(0), None)


def test_what_is_logged_of_a_step_is_one_step(tmp_path):
    train(viz(tmp_path), tmp_path, (1, 2, 3))
    history = rlviz.read(tmp_path / "run")
    assert list(history.step) == [1, 2, 3]
    np.testing.assert_allclose(history.accuracy, [0.1, 0.2, 0.3])
    assert list(history.columns["metrics/timing/step"]) == [2.0] * 3
    assert list(history.columns["metrics/reward/avg_raw_reward"]) == [0.5] * 3
    assert list(history.columns["flops/rollout"]) == [100_000, 200_000, 300_000]


def test_it_goes_on_from_the_state_in_a_checkpoint(tmp_path, caplog):
    train(viz(tmp_path), tmp_path, (1, 2, 3, 4), crash_after=3)
    again = viz(tmp_path, resume_from=tmp_path / "global_step_2")
    train(again, tmp_path, (3, 4))
    assert "no state of it was loaded" not in caplog.text
    history = rlviz.read(tmp_path / "run")
    assert list(history.step) == [1, 2, 3, 4]
    assert list(history.columns["session"]) == [0, 0, 1, 1]
    assert list(history.columns["flops/rollout"]) == [100_000 * n for n in (1, 2, 3, 4)]


def test_a_checkpoint_that_can_not_be_written_to_is_a_warning(tmp_path, caplog):
    callback = RLVizCallback(tmp_path / "run", figure_seconds=None)
    callback.on_log(None, Input(1, logs={"loss": 1.0}), None)
    (tmp_path / "rlviz.json").mkdir()  # there is no room for a file
    callback.on_save(None, Input(1, ckpt_path=str(tmp_path)), None)
    callback.on_train_end(None, Input(1), None)
    assert "its state was not written" in caplog.text
    assert list(rlviz.read(tmp_path / "run").step) == [1]


def test_a_checkpoint_without_a_state_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"rlviz\.json"):
        viz(tmp_path, resume_from=tmp_path)

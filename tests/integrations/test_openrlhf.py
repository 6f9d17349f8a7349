"""OpenRLHF's logger contract, as its trainers call it; without OpenRLHF."""

import numpy as np

import rlviz
from rlviz.integrations.openrlhf import RLVizLogger


class Recorded:
    """A logger that was there before."""

    def __init__(self):
        self.calls = []

    def log_train(self, global_step, logs_dict):
        self.calls.append(("train", global_step, dict(logs_dict)))

    def log_eval(self, global_step, logs_dict):
        self.calls.append(("eval", global_step, dict(logs_dict)))

    def close(self):
        self.calls.append(("close",))


def train(logger, steps):
    for step in steps:
        logs = {"reward": 0.5, "accuracy": step / 10, "total_length": 20.0, "policy_loss": None}
        logger.log_train(step, logs | {"generated_samples": ["text", 0.5]})
        if step == 2:
            logger.log_eval(step, {"eval_default_pass1": 0.75})
    logger.close()


def test_each_global_step_is_a_step(tmp_path):
    inner = Recorded()
    logger = RLVizLogger(
        tmp_path,
        inner=inner,
        figure_seconds=None,
        flops=lambda logs: {"update": 1000 * int(logs["total_length"])},
    )
    train(logger, (1, 2, 3))
    history = rlviz.read(tmp_path)
    assert list(history.step) == [1, 2, 3]
    np.testing.assert_allclose(history.accuracy, [0.1, 0.2, 0.3])
    assert list(history.columns["flops/update"]) == [20_000, 40_000, 60_000]
    np.testing.assert_array_equal(
        history.columns["metrics/eval/eval_default_pass1"], [np.nan, 0.75, np.nan]
    )
    assert [call[0] for call in inner.calls] == ["train", "train", "eval", "train", "close"]
    assert inner.calls[0][2]["generated_samples"] == ["text", 0.5]


def test_values_that_are_no_fraction_are_no_accuracy_and_never_raise(tmp_path):
    logger = RLVizLogger(tmp_path, figure_seconds=None, accuracy="score")
    for step, score in enumerate([0.5, 75.0, "text", float("nan"), [0.5], None], 1):
        logger.log_train(step, {"score": score})
    logger.close()
    history = rlviz.read(tmp_path)
    np.testing.assert_array_equal(history.accuracy, [0.5] + [np.nan] * 5)
    assert history.columns["metrics/score"][1] == 75.0


def test_flops_that_fail_are_said_once_and_end_nothing(tmp_path, caplog):
    logger = RLVizLogger(tmp_path, figure_seconds=None, flops=lambda logs: logs["tokens"] * 2)
    for step, logs in enumerate([{"loss": 1.0}, {"loss": 1.0}, {"tokens": 50}], 1):
        logger.log_train(step, logs)
    logger.close()
    assert list(rlviz.read(tmp_path).step) == [1, 2, 3]
    assert rlviz.read(tmp_path).exact_flops()[-1] == 100
    assert caplog.text.count("flops(values) failed") == 1
    assert "KeyError: 'tokens'. It was given: loss." in caplog.text

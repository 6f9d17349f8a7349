"""NeMo-RL's logger contract, in the order in which its GRPO loop calls it; without NeMo-RL."""

import numpy as np
import pytest

import rlviz
from rlviz.integrations.nemo_rl import RLVizLogger

TINY = rlviz.flops.Transformer(
    hidden_size=4,
    num_hidden_layers=1,
    num_attention_heads=1,
    intermediate_size=8,
    vocab_size=10,
    attention="none",
)


class Logger:
    """What NeMo-RL's own `Logger` does with its backends."""

    def __init__(self):
        self.loggers = []

    def log_metrics(self, metrics, step, prefix="", step_metric=None, step_finished=False):
        for logger in self.loggers:
            logger.log_metrics(metrics, step, prefix, step_metric, step_finished)

    def finish(self):
        for logger in self.loggers:
            logger.finish()


def train(logger, steps):
    logger.log_metrics({"accuracy": 0.1}, 0, prefix="validation")
    for step in steps:
        if step % 2 == 0:
            logger.log_metrics({"accuracy": 0.2}, step, prefix="validation")
        logger.log_metrics({"gpu_util": 1.0, "ray_step": 7}, 7, "ray", "ray/ray_step")
        logged = {"reward": np.float32(step / 10), "loss": 0.5, "total_num_tokens": 100 * step}
        logger.log_metrics(logged | {"text": "ignored"}, step, prefix="train")
        logger.log_metrics({"total_step_time": 3.0}, step, prefix="timing/train")


@pytest.fixture
def logger(tmp_path):
    backend = RLVizLogger(
        tmp_path,
        figure_seconds=None,
        flops=lambda values: {"update": TINY.training([int(values["total_num_tokens"])])},
    )
    all_of_them = Logger()
    all_of_them.loggers.append(backend)
    return all_of_them


def test_the_parts_of_a_step_are_one_step(logger, tmp_path):
    train(logger, (1, 2, 3))
    logger.finish()
    history = rlviz.read(tmp_path)
    assert list(history.step) == [1, 2, 3]
    np.testing.assert_allclose(history.columns["metrics/reward"], [0.1, 0.2, 0.3])
    assert list(history.columns["metrics/timing/train/total_step_time"]) == [3.0] * 3
    validation = history.columns["metrics/validation/accuracy"]
    np.testing.assert_array_equal(validation, [np.nan, 0.2, np.nan])
    assert not [name for name in history.columns if "ray" in name or "text" in name]


def test_a_reward_is_no_accuracy(logger, tmp_path):
    train(logger, (1, 2))
    logger.finish()
    assert np.isnan(rlviz.read(tmp_path).accuracy).all()


def test_flops_are_what_the_function_makes_of_the_values(logger, tmp_path):
    train(logger, (1, 2, 3))
    logger.finish()
    weights = 4 * 4 * 4 + 3 * 4 * 8 + 4 * 10
    history = rlviz.read(tmp_path)
    assert list(history.columns["flops/update"]) == [6 * weights * n for n in (100, 300, 600)]


def test_a_state_goes_on(logger, tmp_path):
    train(logger, (1, 2))
    logger.finish()
    state = logger.loggers[0].viz.state_dict()
    again = RLVizLogger(tmp_path, figure_seconds=None)
    again.viz.load_state_dict(state)
    again.log_metrics({"loss": 1.0}, 3, "train")
    again.finish()
    history = rlviz.read(tmp_path)
    assert list(history.step) == [1, 2, 3]
    assert history.exact_flops()[2] == history.exact_flops()[1] > 0


def test_the_last_step_is_written_when_the_script_ends_without_a_word(tmp_path, run_python):
    code = (
        "import sys; from rlviz.integrations.nemo_rl import RLVizLogger\n"
        "logger = RLVizLogger(sys.argv[1], figure_seconds=None)\n"
        "for step in (1, 2): logger.log_metrics({'loss': 0.5}, step, 'train')\n"
    )
    assert run_python("-c", code, str(tmp_path)).returncode == 0
    assert list(rlviz.read(tmp_path).step) == [1, 2]


def test_the_rest_of_the_contract_is_there_and_does_nothing(logger):
    (backend,) = logger.loggers
    backend.log_hyperparams({"lr": 1e-6})
    backend.log_histogram([1, 2], 1, "lengths")
    backend.log_plot(object(), 1, "plot")

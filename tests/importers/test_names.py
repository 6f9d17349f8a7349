"""What names of columns and tags stand for."""

import pytest

from rlviz.importers import names, rates
from rlviz.importers.options import TOKENS_ARE


@pytest.mark.parametrize(
    "name",
    ["accuracy", "train/acc", "env/success_rate", "val-core/gsm8k/acc/mean@8", "pass@1"],
)
def test_a_share_of_right_answers_says_so(name):
    assert rates.is_rate(name)


@pytest.mark.parametrize(
    "name", ["token_acc", "accuracy/std", "accuracy/ema", "train/reward__MAX", "accurately"]
)
def test_what_only_looks_like_a_share_is_none(name):
    assert not rates.is_rate(name)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("eval/acc", True), ("test", True), ("train/acc", False), ("latest", False)]
    + [(name, True) for name in ("valAccuracy", "Accuracy (test)", "math_eval/accuracy")]
    + [("train/valAcc", True), ("gsm8k-test/acc/mean", True), ("unit_test_pass/acc", False)],
)
def test_evaluations_are_told_from_training(name, is_one):
    assert names.is_evaluation(name) is is_one


def test_every_known_counter_of_tokens_has_a_cost():
    assert {count.meaning for count in names.TOKENS.values()} <= set(TOKENS_ARE)


def test_known_names_are_written_as_they_are_compared():
    tables = (
        names.STEPS,
        names.SCORES,
        names.RETURNS,
        names.FLOPS,
        names.TOKENS,
        names.PARALLELISM,
    )
    for name in (name for table in tables for name in table):
        assert names.plain(name) == name.removeprefix("train/")


@pytest.mark.parametrize(
    ("step", "columns", "more"),
    [
        ("global_step", ["charts/episodic_return", "charts/SPS"], True),  # CleanRL
        ("step", ["episodic_return"], True),  # what it prints
        ("", ["charts/episodic_length"], True),  # its event files
        ("step", ["episode/score", "episode/length", "train/loss/dyn"], True),  # DreamerV3
        ("global_step", ["critic/score/mean", "actor/pg_loss"], False),
        ("training/global_step", ["charts/episodic_return"], False),
        ("step", ["episode/reward/mean", "episode/length/mean"], False),  # verl-agent
        ("_step", ["charts/episodic_return"], False),  # wandb's calls
        (None, ["charts/episodic_return"], False),
    ],
)
def test_what_a_loop_logs_beside_its_steps_tells_what_they_count(step, columns, more):
    assert names.counts_more_than_updates(step, columns) is more

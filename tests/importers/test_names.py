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

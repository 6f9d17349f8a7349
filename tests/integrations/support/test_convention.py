"""By which convention an integration that counts by itself records."""

import pytest

import rlviz
from rlviz.integrations.slime import RLVizLogger
from rlviz.integrations.support.convention import with_convention


def test_the_users_word_stands_where_the_integration_counts_nothing():
    assert with_convention({"convention": "6N"}, None) == {"convention": "6N"}
    assert with_convention({"convention": None}, "exact") == {"convention": "exact"}


@pytest.mark.parametrize("counted", [None, "exact"])
def test_a_word_that_names_no_convention_is_refused(counted):
    with pytest.raises(ValueError, match="convention must be one of"):
        with_convention({"convention": "6ND"}, counted)


def test_a_model_of_one_convention_in_a_run_of_another_is_refused(tmp_path):
    model = rlviz.flops.Transformer(
        hidden_size=4,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        vocab_size=10,
        convention="6N",
    )
    with pytest.raises(ValueError, match=r"FLOPs are counted here by '6N'\. Leave it out"):
        RLVizLogger(tmp_path / "run", model=model, convention="exact")

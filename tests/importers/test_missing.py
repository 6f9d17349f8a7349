"""What a log shows to have been computed, and what no count of tokens holds."""

import pytest


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"critic/vf_loss": 0.1, "timing_s/update_critic": 3.0}, "A critic was trained"),
        ({"loss/value_avg": 0.1}, "A critic was trained ('loss/value_avg')"),
        ({"train/num_gen_batches": 3}, "3 batches were generated for each"),
        ({"dropped_groups": 4}, "generated and discarded ('dropped_groups')"),
        ({"timing_s/rm": 2.0}, "A reward model scored the answers ('timing_s/rm')"),
        ({"reward_model/loss": 2.0}, "A reward model scored the answers"),
        ({"timing_s/ref": 2.0}, "A reference model took forward passes ('timing_s/ref')"),
        ({"timing/old_log_prob": 2.0}, "Log-probabilities took forward passes"),
    ],
)
def test_what_is_known_to_be_missing_is_named(lines, take, columns, words):
    rows = [{"step": s, "accuracy": 0.5, "tokens": 10, **columns} for s in (1, 2)]
    imported, _ = take(lines(rows), params=1e9, cumulative=False)
    assert any(words in says for says in imported.unknown)


@pytest.mark.parametrize(
    "columns",
    [
        {"critic/score/mean": 0.5, "critic/rewards/mean": 0.5, "critic/advantages/mean": 0.0},
        {"train/num_gen_batches": 1},
        {"dropped_groups": 0},
        {"timing_s/gen": 3.0},
    ],
)
def test_nothing_is_named_that_the_log_does_not_show(lines, take, columns):
    rows = [{"step": s, "accuracy": 0.5, "tokens": 10, **columns} for s in (1, 2)]
    imported, _ = take(lines(rows), params=1e9, cumulative=False)
    assert not any("critic was" in s or "batches were" in s for s in imported.unknown)
    assert not any("discarded" in s or "took forward" in s for s in imported.unknown)

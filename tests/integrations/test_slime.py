"""slime's contract of a rollout log function; without slime."""

import importlib
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

import rlviz
from rlviz.integrations.slime import RLVizLogger

TINY = rlviz.flops.Transformer(
    hidden_size=4,
    num_hidden_layers=1,
    num_attention_heads=1,
    intermediate_size=8,
    vocab_size=10,
)
WEIGHTS = 4 * 4 * 4 + 3 * 4 * 8 + 4 * 10
HEAD = 4 * 10  # the LM head, of these
ARGS = SimpleNamespace(reward_key=None)


@dataclass
class Sample:
    """What of slime's samples is read."""

    tokens: list[int]
    response_length: int
    reward: float | None
    metadata: dict = field(default_factory=dict)
    loss_mask: list[int] | None = None
    index: int | None = None
    rollout_id: int | None = None

    def get_reward_value(self, args):
        return self.reward if not args.reward_key else self.reward[args.reward_key]


def samples():
    return [Sample([0] * 7, 3, 1.0), Sample([0] * 5, 1, -1.0), Sample([0] * 6, 2, None)]


def attention(*positions):
    """FLOPs of tokens that attend to so many keys, forward."""
    return 4 * 1 * 1 * 4 * sum(positions)


def test_a_rollout_is_a_step_with_flops_at_real_lengths(tmp_path):
    log = RLVizLogger(tmp_path, model=TINY, epochs=2, figure_seconds=None)
    assert log.viz is None
    for rollout_id in (0, 1):
        assert log(rollout_id, ARGS, samples(), {"extra": 0.5, "note": "text"}, 2.5) is False
    log.viz.close()
    history = rlviz.read(tmp_path)
    assert list(history.step) == [0, 1]
    # Prompts of 4 tokens pass the head once; of the answers the last token is never fed.
    fed = 3 * (2 * 4 * (WEIGHTS - HEAD) + 2 * HEAD) + 3 * 2 * WEIGHTS
    keys = 3 * attention(1, 2, 3, 4) + attention(5, 6, 5)
    assert history.columns["flops/rollout"][0] == fed + keys
    pairs = [n * (n + 1) // 2 for n in (7, 5, 6)]
    update = 2 * 3 * (2 * (7 + 5 + 6) * WEIGHTS + attention(*pairs))
    assert history.columns["flops/update"][0] == update
    assert list(history.columns["metrics/reward"]) == [0.0, 0.0]
    assert list(history.columns["metrics/extra"]) == [0.5, 0.5]
    assert list(history.columns["metrics/rollout_seconds"]) == [2.5, 2.5]
    assert np.isnan(history.accuracy).all()


def test_what_a_loss_mask_leaves_out_is_observed_and_not_sampled(tmp_path):
    log = RLVizLogger(tmp_path, model=TINY, epochs=0, figure_seconds=None)
    tool = Sample([0] * 15, 11, 1.0, loss_mask=[1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0])
    hidden = Sample([0] * 7, 3, 1.0, loss_mask=[0, 0, 0])  # left out of the loss
    odd = Sample([0] * 7, 3, 1.0, loss_mask=[1, 0])
    log(1, ARGS, [tool, hidden, odd], None, 1.0)
    log.viz.close()
    turns = [[(4, 3), (4, 2)], [(4, 3)], [(4, 3)]]
    # Of the first 4 + 3 + 4 + 1 tokens are fed: not the last one, nor what came after it.
    by_hand = 2 * (12 * (WEIGHTS - HEAD) + (3 + 2) * HEAD) + attention(12 * 13 // 2)
    by_hand += 2 * (2 * (6 * (WEIGHTS - HEAD) + 3 * HEAD) + attention(6 * 7 // 2))
    assert rlviz.read(tmp_path).exact_flops("rollout") == [by_hand] == [TINY.turns(turns)]


def test_samples_that_are_filtered_away_are_discarded_rollouts(tmp_path):
    log = RLVizLogger(tmp_path, model=TINY, epochs=0, figure_seconds=None)
    one, two, three = (Sample([0] * (5 + n), n, 1.0, index=n) for n in (1, 2, 3))
    log.all_samples(ARGS, [[one], [two, three]], None)
    again = Sample([0] * 6, 1, 1.0, index=1)  # slime may hand on another object
    log(1, ARGS, [again], None, 1.0)
    log(2, ARGS, [two], None, 1.0)
    nameless = samples()
    log.all_samples(ARGS, [nameless], None)
    log(3, ARGS, nameless[1:], None, 1.0)
    log.viz.close()
    run = rlviz.read(tmp_path)
    kept = [TINY.generation([5], [1]), TINY.generation([5], [2])]
    thrown = TINY.generation([5, 5], [2, 3])
    last = TINY.generation([4, 4], [1, 2]), TINY.generation([4], [3])
    assert run.exact_flops("rollout") == [kept[0], sum(kept), sum(kept) + last[0]]
    assert run.exact_flops("rollout_discarded") == [thrown, thrown, thrown + last[1]]
    assert run.exact_flops() == [kept[0] + thrown, sum(kept) + thrown, sum([*kept, thrown, *last])]


def test_both_functions_are_found_by_the_paths_that_slime_is_given(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_slime_module.py").write_text(
        "from rlviz.flops import Transformer\n"
        "from rlviz.integrations.slime import RLVizLogger\n"
        "model = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,\n"
        "                    intermediate_size=8, vocab_size=10)\n"
        f"log_rollout = RLVizLogger({str(tmp_path / 'run')!r}, model=model, figure_seconds=None)\n"
        "all_samples = log_rollout.all_samples\n"
    )
    log, process = (  # slime imports what stands before the last dot
        getattr(importlib.import_module("my_slime_module"), name)
        for name in ("log_rollout", "all_samples")
    )
    process(ARGS, [samples()], None)
    log(0, ARGS, [], None, 1.0)
    log.viz.close()
    thrown = TINY.generation([4, 4, 4], [3, 1, 2])
    assert rlviz.read(tmp_path / "run").exact_flops("rollout_discarded") == [thrown]


def test_grades_and_parallelism_come_from_the_samples(tmp_path):
    log = RLVizLogger(
        tmp_path,
        correct=lambda sample: None if sample.reward is None else sample.reward > 0,
        parallelism=lambda sample: rlviz.parallelism.critical_steps(sample.metadata["stages"]),
        figure_seconds=None,
    )
    rollout = samples()
    for sample in rollout:
        sample.metadata["stages"] = [(1, [3, 3])]  # work 7, span 4
    log(1, ARGS, rollout, None, 1.0)
    log.viz.close()
    history = rlviz.read(tmp_path)
    assert history.columns["graded"][0] == 2
    assert history.columns["ungraded"][0] == 1
    assert list(history.accuracy) == [0.5]
    assert list(history.parallelism) == [7 / 4]


def test_a_rollout_in_several_segments_is_one_answer_and_one_episode(tmp_path):
    """As slime's agents give it: sub-agents, what came before a compaction, and the end."""

    def segment(rollout, reward, stages=None, length=7):
        sample = Sample([0] * length, 3, reward, index=rollout, rollout_id=rollout)
        sample.metadata["stages"] = stages
        return sample

    def parallelism(sample):
        stages = sample.metadata["stages"]
        return None if stages is None else rlviz.parallelism.critical_steps(stages)

    log = RLVizLogger(
        tmp_path,
        model=TINY,
        correct=lambda sample: None if sample.reward is None else sample.reward > 0,
        parallelism=parallelism,
        figure_seconds=None,
    )
    swarm = [segment(0, None, length=6), *(segment(0, 0.0) for _ in range(4))]
    swarm.append(segment(0, 1.0, [(1, [3, 3])]))  # work 7, span 4
    single = [segment(n, 0.0, [(2, [])]) for n in (1, 2, 3)]
    log(1, ARGS, swarm + single, None, 1.0)
    log.viz.close()
    run = rlviz.read(tmp_path)
    assert run.accuracy.tolist() == [0.25], "one of four rollouts; of segments it were one of eight"
    assert run.columns["graded"].tolist() == [4]
    assert run.columns["ungraded"].tolist() == [0]
    assert run.columns["parallelism_count"].tolist() == [4]
    assert run.parallelism.tolist() == [(7 / 4 + 3 * 1) / 4]
    assert run.columns["metrics/reward"].tolist() == [0.25]
    segments = [6] + 8 * [7]  # each was generated, and is trained on
    assert run.exact_flops("rollout") == [TINY.generation([n - 3 for n in segments], [3] * 9)]
    assert run.exact_flops("update") == [TINY.training(segments)]


def test_rewards_of_several_parts_are_read_by_their_key(tmp_path):
    log = RLVizLogger(tmp_path, figure_seconds=None)
    args = SimpleNamespace(reward_key="score")
    log(1, args, [Sample([0] * 4, 2, {"score": 0.25, "format": 1.0})], None, 1.0)
    log.viz.close()
    assert list(rlviz.read(tmp_path).columns["metrics/reward"]) == [0.25]


def test_an_odd_sample_is_said_once_and_ends_nothing(tmp_path, caplog):
    log = RLVizLogger(tmp_path, model=TINY, figure_seconds=None)
    odd = [Sample([0] * 2, 2, 1.0)]  # no prompt
    for rollout_id in (1, 2):
        assert log(rollout_id, ARGS, odd, None, 1.0) is False
    log.viz.close()
    assert list(rlviz.read(tmp_path).step) == [1, 2]
    assert caplog.text.count("a sample of rollout") == 1


def test_it_goes_on_from_a_state(tmp_path):
    log = RLVizLogger(tmp_path, model=TINY, figure_seconds=None)
    log(1, ARGS, samples(), None, 1.0)
    state = log.viz.state_dict()
    log.viz.close()
    again = RLVizLogger(tmp_path, model=TINY, state=state, figure_seconds=None)
    again(2, ARGS, samples(), None, 1.0)
    again.viz.close()
    history = rlviz.read(tmp_path)
    assert list(history.step) == [1, 2]
    assert history.exact_flops()[1] == 2 * history.exact_flops()[0] > 0


def test_the_run_is_where_it_was_named_and_not_where_the_first_rollout_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = RLVizLogger("run", figure_seconds=None)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    log(1, ARGS, samples(), {}, 2.5)
    log.viz.close()
    assert list(rlviz.read(tmp_path / "run").step) == [1]

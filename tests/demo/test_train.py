"""The demo's training: it learns, from its rewards alone; its FLOPs are those that were spent."""

import dataclasses
import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import rlviz
from rlviz.demo import threads
from rlviz.demo.rollout import play
from rlviz.demo.task import SubAgents, sample_episodes
from rlviz.demo.train import Progress, Settings, Trainer, train

SHORT = Settings(episodes=64, rollouts=16, learning_rate=3e-3)
STEPS = 90


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def held_out(trainer):
    """The share of right reports for each of 512 held-out episodes."""
    return trainer.evaluate(episodes=512, rollouts=8).correct.double().mean(dim=1)


def gain_after_training(*, shuffle_rewards):
    """What training adds to the accuracy on the same held-out episodes, and its standard error."""
    trainer = Trainer(steps=STEPS, settings=SHORT, shuffle_rewards=shuffle_rewards)
    untrained = held_out(trainer)
    for _ in range(STEPS):
        trainer.step()
    gain = held_out(trainer) - untrained
    return gain.mean().item(), gain.std().item() / math.sqrt(len(gain))


@pytest.mark.slow
def test_a_trained_policy_beats_its_untrained_self():
    gain, standard_error = gain_after_training(shuffle_rewards=False)
    assert gain > 0.1
    assert gain > 6 * standard_error


@pytest.mark.slow
def test_a_policy_with_shuffled_rewards_does_not():
    gain, standard_error = gain_after_training(shuffle_rewards=True)
    assert gain < 2 * standard_error


class CountedSubAgents(SubAgents):
    """Counts its own FLOPs; the modes nest, so those outside count them too."""

    def __init__(self):
        super().__init__()
        self.flops = 0

    def run(self, spawned, rng):
        with FlopCounterMode(display=False) as counter:
            result = super().run(spawned, rng)
        self.flops += counter.get_total_flops()
        return result


def test_the_flops_of_a_step_are_those_that_pytorch_counts(monkeypatch):
    monkeypatch.setattr(threads, "THREADS", 1)  # a mode counts in its own thread only
    trainer = Trainer(settings=SHORT)
    trainer.sub_agents = CountedSubAgents()
    with FlopCounterMode(display=False) as whole:
        flops = trainer.step().flops
    assert flops["rollout_subagents"] == trainer.sub_agents.flops
    assert sum(flops.values()) == whole.get_total_flops()

    trainer.sub_agents.flops = 0
    rng = torch.Generator().manual_seed(0)
    episodes = sample_episodes(trainer.task, SHORT.episodes, rng)
    with FlopCounterMode(display=False) as playing:
        play(
            trainer.task,
            episodes,
            trainer.policy,
            trainer.sub_agents,
            rollouts=SHORT.rollouts,
            rng=rng,
        )
    assert flops["rollout"] == playing.get_total_flops() - trainer.sub_agents.flops
    assert all(type(count) is int for count in flops.values())


TINY = dataclasses.replace(SHORT, episodes=8, rollouts=4)


def numbers(seed):
    trainer = Trainer(steps=5, seed=seed, settings=TINY)
    results = [trainer.step() for _ in range(5)]
    return [(r.parallelism.tolist(), r.correct.tolist(), r.flops, r.metrics) for r in results]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    assert numbers(3) == numbers(3)
    assert numbers(3) != numbers(4)


def test_threads_change_no_number(monkeypatch):
    several = numbers(3)
    monkeypatch.setattr(threads, "THREADS", 1)
    assert numbers(3) == several


def test_the_gradient_is_that_of_the_whole_loss():
    trainer = Trainer(steps=5, seed=3, settings=TINY)
    rng = torch.Generator().manual_seed(7)
    episodes = sample_episodes(trainer.task, 8, rng)
    played = play(trainer.task, episodes, trainer.policy, trainer.sub_agents, rollouts=4, rng=rng)
    reward = played.correct.float()
    advantage = (reward - reward.mean(dim=1, keepdim=True))[..., None]
    encoded = trainer.policy.encode(episodes.features)
    chances = [
        torch.distributions.Bernoulli(logits=trainer.policy.log_odds(encoded, state))
        for state in played.states
    ]
    # Where nothing could be decided nothing was, so the log-probability there is masked.
    terms = [
        (advantage * chance.log_prob(spawned.float()) * may).sum()
        for chance, spawned, may in zip(chances, played.spawned, played.open, strict=True)
    ]
    whole = -sum(terms) / reward.numel()
    whole.backward()
    expected = [parameter.grad.clone() for parameter in trainer.policy.parameters()]
    entropy = sum(
        (chance.entropy() * may).sum() for chance, may in zip(chances, played.open, strict=True)
    )

    loss, mean_entropy = trainer._update(episodes.features, played, reward)
    assert loss == pytest.approx(whole.item(), rel=1e-4)
    assert mean_entropy == pytest.approx(
        entropy.item() / sum(int(may.sum()) for may in played.open), rel=1e-4
    )
    for parameter, gradient in zip(trainer.policy.parameters(), expected, strict=True):
        assert gradient.abs().max() > 0
        torch.testing.assert_close(parameter.grad, gradient)


def test_parls_terms_fade_to_zero():
    trainer = Trainer(steps=4, settings=dataclasses.replace(SHORT, episodes=8, rollouts=4))
    extra = []
    for _ in range(4):
        result = trainer.step()
        extra.append(result.metrics["reward"] - result.correct.float().mean().item())
    assert extra[0] > extra[1] > 0
    assert extra[2:] == pytest.approx([0, 0], abs=1e-6)


def test_training_logs_a_run_that_can_be_read_back(tmp_path):
    seen: list[Progress] = []
    train(tmp_path, steps=3, seed=1, figure_seconds=None, on_step=seen.append)
    history = rlviz.read(tmp_path)
    assert history.step.tolist() == [1, 2, 3]
    assert history.accuracy.tolist() == pytest.approx([p.accuracy for p in seen])
    assert history.parallelism.tolist() == pytest.approx([p.average_parallelism for p in seen])
    assert history.flops.tolist() == [p.flops_total for p in seen]
    assert [(p.step, p.steps) for p in seen] == [(1, 3), (2, 3), (3, 3)]
    assert seen[0].elapsed_seconds <= seen[-1].elapsed_seconds
    assert set(history.phases) == {"rollout", "rollout_subagents", "update"}


@pytest.mark.slow
def test_an_interrupted_training_keeps_the_steps_that_it_did(tmp_path):
    def interrupt(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, steps=50, figure_seconds=None, on_step=interrupt)
    assert rlviz.read(tmp_path).step.tolist() == [1, 2]


def test_no_steps_are_refused_in_words(tmp_path):
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        train(tmp_path, steps=0)


def test_a_run_is_not_trained_over(tmp_path):
    train(tmp_path, steps=2, figure_seconds=None)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match=r"already holds a run. Name another directory"):
        train(tmp_path, steps=1, figure_seconds=None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

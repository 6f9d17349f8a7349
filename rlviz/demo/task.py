"""The wide-search task: its episodes, its frozen sub-agents and its grader. Nothing learns here.

Shapes: ``E`` episodes, ``G`` rollouts of each, ``T`` stages, ``N`` candidate sub-tasks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rlviz.demo import threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The constants of the task; a step is one model call of the main agent or of a sub-agent."""

    topics: int = 8
    """Topics that an episode's candidates belong to."""
    candidates_per_topic: int = 8
    """Candidates of one topic: all of them are needed, or none."""
    needed_topics: tuple[int, int] = (2, 6)
    """Fewest and most topics that an episode needs, each number equally often."""
    topic_dims: int = 8
    """Length of the vector that says what a candidate is about."""
    topic_noise: float = 0.1
    """Standard deviation of that vector's entries around the topic's unit vector."""
    hint_strength: float = 0.6
    """A candidate's own hint is plus (needed) or minus this, with normal noise of 1."""
    stages: int = 3
    """Most times in an episode that the orchestrator may spawn sub-agents."""
    answers_per_step: int = 16
    """Answers that the main agent reads in one step."""
    crowding: float = 0.9
    """What irrelevant answers to half of all candidates take from the evidence."""
    evidence_wanted: float = -0.02
    """The report is right with more evidence than this; 1 is all that was needed and no more."""
    judgement_noise: float = 0.65
    """Standard deviation of the main agent's judgement of the evidence."""
    patience_steps: float = 80.0
    """The user waits for the report for an exponential time with this mean, in critical steps."""

    @property
    def candidates(self) -> int:
        """Candidate sub-tasks of an episode, N."""
        return self.topics * self.candidates_per_topic

    @property
    def features(self) -> int:
        """What the orchestrator sees of a candidate: its hint and its topic vector."""
        return 1 + self.topic_dims


@dataclass(frozen=True, slots=True)
class Episodes:
    """Questions that nobody has worked on yet."""

    features: Tensor
    """float32 [E, N, features]: what the orchestrator sees of each candidate."""
    needed: Tensor
    """bool [E, N]: whether it is needed, which the orchestrator does not see."""


def sample_episodes(task: Task, count: int, rng: torch.Generator) -> Episodes:
    """Draw ``count`` questions."""
    fewest, most = task.needed_topics
    how_many = torch.randint(fewest, most + 1, (count, 1), generator=rng)
    place = torch.rand(count, task.topics, generator=rng).argsort(dim=1)
    needed = _to_candidates(task, place < how_many)

    # The directions are new in every episode: what a direction means can be found out only by
    # comparing candidates, never learned by heart.
    direction = torch.randn(count, task.topics, task.topic_dims, generator=rng)
    about = _to_candidates(task, direction / direction.norm(dim=-1, keepdim=True))
    about = about + task.topic_noise * torch.randn(about.shape, generator=rng)

    hint = task.hint_strength * (2.0 * needed - 1.0) + torch.randn(needed.shape, generator=rng)
    # The root of the length gives entries of both kinds a size of about 1.
    return Episodes(torch.cat([hint[..., None], about * task.topic_dims**0.5], dim=-1), needed)


def _to_candidates(task: Task, of_topics: Tensor) -> Tensor:
    return of_topics.repeat_interleave(task.candidates_per_topic, dim=1)


class SubAgents:
    """Frozen sub-agents: one small random recurrent network, the same in every run.

    At each step a sub-agent reads one observation. The network's first output is the progress that
    the sub-agent made. With enough progress it halts, and the second output says whether it has an
    answer.
    Whether its sub-task was needed makes no difference to it.
    """

    STATE = 32
    OBSERVATION = 8
    FLOPS_PER_STEP = 2 * (OBSERVATION + STATE) * STATE + 2 * STATE * 2
    """FLOPs of one step of one sub-agent: the two matrix products below."""
    PROGRESS_TO_HALT = 3.0
    MOST_STEPS = 12
    ANSWER_ABOVE = -1.0

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(2026)
        inputs = self.OBSERVATION + self.STATE
        self._step = torch.randn(inputs, self.STATE, generator=rng) * (1.5 / inputs**0.5)
        self._outputs = torch.randn(self.STATE, 2, generator=rng) * (1.5 / self.STATE**0.5)

    def run(self, spawned: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Run a sub-agent wherever ``spawned`` (bool, any shape) is true, until all have halted.

        Returns:
            Their steps (int64, 0 where none was spawned) and whether they came back with an answer
            (bool), both in the shape of ``spawned``.
        """
        steps = torch.zeros(spawned.numel(), dtype=torch.int64)
        answered = torch.zeros(spawned.numel(), dtype=torch.bool)
        groups = [
            _Running(where, torch.zeros(len(where), self.STATE), torch.zeros(len(where)))
            for where in spawned.flatten().nonzero().squeeze(1).tensor_split(threads.THREADS)
        ]

        def advance(group: _Running, seen: Tensor) -> _Running:
            state = (torch.cat([seen, group.state], dim=1) @ self._step).tanh_()
            output = state @ self._outputs
            progress = group.progress + torch.sigmoid(output[:, 0])
            steps[group.where] += 1
            answered[group.where] = output[:, 1] > self.ANSWER_ABOVE
            # Only those that go on are computed further, so FLOPs count real steps.
            on = (progress < self.PROGRESS_TO_HALT).nonzero().squeeze(1)
            # Of whole rows, `index_select` is several times as fast as `state[on]`.
            return _Running(*(rows.index_select(0, on) for rows in (group.where, state, progress)))

        for _ in range(self.MOST_STEPS):
            sizes = [len(group.where) for group in groups]
            seen = torch.randn(sum(sizes), self.OBSERVATION, generator=rng)
            groups = threads.side_by_side(advance, groups, torch.split(seen, sizes))
        return steps.view(spawned.shape), answered.view(spawned.shape)


@dataclass(frozen=True, slots=True)
class _Running:
    """A group of R sub-agents that have not halted."""

    where: Tensor
    """int64 [R]: their places among all candidates."""
    state: Tensor
    """float32 [R, STATE]."""
    progress: Tensor
    """float32 [R]."""


def work_and_span(main_steps: Tensor, sub_agent_steps: Tensor) -> tuple[Tensor, Tensor]:
    """Work and span in steps, int64 [E, G], in the stage form.

    Args:
        main_steps: int64 [E, G, T], the main agent's steps in each stage.
        sub_agent_steps: int64 [E, G, T, N], those of the sub-agents that ran side by side in it.
    """
    work = (main_steps + sub_agent_steps.sum(-1)).sum(-1)
    span = (main_steps + sub_agent_steps.amax(-1)).sum(-1)
    return work, span


def grade(
    task: Task, needed: Tensor, answered: Tensor, span: Tensor, rng: torch.Generator
) -> Tensor:
    """Whether each report was right and in time, bool [E, G].

    Args:
        needed: bool [E, N].
        answered: bool [E, G, N], the candidates to which the context holds an answer.
        span: int64 [E, G], the critical steps until the report.
    """
    is_needed = needed[:, None]
    found = (answered & is_needed).sum(-1) / is_needed.sum(-1)
    misleading = (answered & ~is_needed).sum(-1) / (task.candidates / 2)
    noise = task.judgement_noise * torch.randn(span.shape, generator=rng)
    right = found - task.crowding * misleading + noise > task.evidence_wanted
    patience = torch.empty(span.shape).exponential_(1 / task.patience_steps, generator=rng)
    return right & (span <= patience)

"""The built-in demo: an orchestrator that learns, by RL alone, to work with parallel sub-agents.

It is PARL (Kimi K2.5, arXiv 2602.02276) in miniature, small enough for a CPU. `task` has the
task, `policy` the network, `rollout` plays episodes, `train` learns and logs, `show` shows the
progress.

**The task.** A wide-search question comes with 64 candidate sub-tasks on 8 topics. Two to six of
the topics are needed, with all their candidates. A candidate shows a weak hint of whether it is
needed (right 73 times in 100) and a vector that says what it is about; directions are new in
every episode, so they mean something only by comparison: candidates on the same topic share their
fate. In each of up to three stages the orchestrator spawns sub-agents, side by side, for any
candidates that have had none, then reads the answers; a stage without a spawn ends the episode. The
frozen sub-agents are a small random recurrent network that really runs, once for each of their
steps; it decides when one halts (after 4 to 12 steps) and whether it found an answer (87 times in
100). The report is right if the share of needed answers, less what irrelevant answers take from it
by crowding the context, convinces a noisy judge, and if the user has not run out of patience,
which lasts exponentially many critical steps.

**The learning.** One attention layer over the candidates and a small head, 4,700 weights. Queries
and keys are one projection, so candidates on the same topic look at each other from the start;
what to make of it is learned. REINFORCE with a group baseline: 128 new questions with 16 rollouts
each in a step. The reward is PARL's, correctness plus small terms for spawning and for sub-agents
that finish; these two are annealed to zero over the first half of the run. Nothing else changes
with time: no schedule touches the task, the learning rate or anything that is plotted.

**Why the curves come out as they do.** The orchestrator has two things to learn, and the reward
teaches one much sooner than the other.

1. *Whom to spawn.* At first every candidate has a chance of 0.265 in every stage, needed or not:
   three stages of 17, 12 and 9 sub-agents, a parallelism of 8.3, an accuracy of 37 %. Sub-agents
   for random candidates do as much harm as good, and the hints, those of a candidate's
   topic included, soon tell which to leave. Irrelevant ones are dropped (answered: 51 % to 20 %)
   and accuracy rises. The late stages grow narrow, but each still takes as long as its slowest
   sub-agent. Work shrinks, span hardly does: **parallelism dips**.
2. *When.* The needed ones get a high chance in any stage, and the first stage comes first: it
   widens and leaves little to the later ones. Impatience says almost nothing against a late stage
   as long as it is wide, because taking one of many sub-agents away hardly shortens it; only the
   last one does. So late stages narrow for long without consequence; once they are nearly empty,
   they close, one after the other. Span falls from 31 critical steps to 15,
   more reports are in time (68 % to 83 %), accuracy rises again, and one wide stage is left:
   **parallelism rises steeply**. It is then about as high as the question is wide, and as
   questions need 16 to 48 candidates, **its scatter grows** with it.

**FLOPs** are counted by phase, matrix products only, to the integer. `rollout`: each question is
read once for all its rollouts and stages; decisions are computed, and counted, for all rollouts in
all stages, even those that have ended. `rollout_subagents`: the steps that really ran. `update`:
forward again and backward; the two layers that read the inputs compute no gradient for them.
"""

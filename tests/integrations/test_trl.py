"""GRPO and RLOO of the installed TRL, trained for real on a model of a few thousand weights.

Started by torchrun, this file is the script of the test with two processes.
"""

import dataclasses
import importlib
import inspect
import itertools
import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

import rlviz

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    trl = importlib.import_module("trl")
else:
    trl = pytest.importorskip("trl", reason="trl is not installed: pip install 'rlviz[trl]'")

import datasets
import tokenizers
import torch
import transformers

from rlviz.integrations.transformers import RLVizCallback

# transformers warns of arguments that it renames and that TRL still sets.
pytestmark = pytest.mark.filterwarnings("default")

VERSION = tuple(map(int, trl.__version__.split(".")[:2]))


def since(version, what):
    number = ".".join(map(str, version))
    return pytest.mark.skipif(version > VERSION, reason=f"TRL has {what} from {number} on")


BEFORE_0_22 = VERSION < (0, 22)
"""Where RLOO was a loop of its own, as PPO is to this day."""
new_rloo = since((0, 22), "an RLOO of GRPO's kind")

D, F, L, H, HKV, V = 16, 32, 2, 2, 1, 14
DH = D // H
WORDS = ["<pad>", "<eos>", *"0123456789", "+", "="]


# --- what a step costs, by hand ------------------------------------------------------

BODY = L * (2 * D * H * DH + 2 * D * HKV * DH + 3 * D * F)  # weights of the layers' products
HEAD = D * V


def pass_forward(s):
    """2 FLOPs a weight and token; each of s(s+1)/2 pairs: a score and a weighted value."""
    return 2 * (BODY + HEAD) * s + L * H * (2 * DH + 2 * DH) * s * (s + 1) // 2


def generation(p, r):
    """The prompt once, each sampled token but the last; the head where a token is sampled."""
    fed = p + r - 1
    return 2 * BODY * fed + 2 * HEAD * r + L * H * (2 * DH + 2 * DH) * fed * (fed + 1) // 2


def rollouts(batch):
    return sum(generation(p, r) for p, r in batch)


def forwards(batch):
    return sum(pass_forward(p + r) for p, r in batch)


# --- a tiny training -----------------------------------------------------------------


def tokenizer():
    words = tokenizers.models.WordLevel(
        {word: i for i, word in enumerate(WORDS)}, unk_token="<pad>"
    )
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(words),
        pad_token="<pad>",
        eos_token="<eos>",
        model_input_names=["input_ids", "attention_mask"],
    )
    made.backend_tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return made


def network():
    torch.manual_seed(0)
    return transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(
            vocab_size=V,
            hidden_size=D,
            intermediate_size=F,
            num_hidden_layers=L,
            num_attention_heads=H,
            num_key_value_heads=HKV,
            max_position_embeddings=64,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
        )
    )


@dataclass
class Generated:
    """What a generation batch was, as a reward function sees it."""

    step: int
    """Optimizer steps before it."""
    lengths: list[tuple[int, int]]
    """Prompt and completion of each sequence."""
    scores: list[float]


@dataclass
class Training:
    """Settings of a training, and what its reward function saw."""

    directory: object
    trainer: type = trl.GRPOTrainer
    network: object = None
    logdir: str = "run"
    name: str = "accuracy_reward"
    reward: object = None
    """Called with the reward function's arguments after the scores are known."""
    options: dict = field(default_factory=dict)
    extra: dict = field(default_factory=dict)
    seen: list[Generated] = field(default_factory=list)

    def run(self, resume=None, **config):
        torch.set_num_threads(1)  # more only wait for each other at this size
        self.callback = callback = RLVizCallback(
            self.directory / self.logdir, figure_seconds=None, **self.options
        )

        def reward(prompts, completions, completion_ids, trainer_state=None, **more):
            trainer_state = trainer_state or self.trained.state  # which old TRLs don't hand over
            scores = [float(len(ids) % 2) for ids in completion_ids]
            lengths = [
                (len(p.split()), len(ids)) for p, ids in zip(prompts, completion_ids, strict=True)
            ]
            if self.trained.model.training:
                self.seen.append(Generated(trainer_state.global_step, lengths, scores))
            callback.record(parallelism=[float(len(ids)) for ids in completion_ids])
            if self.reward is not None:
                self.reward(trainer_state=trainer_state, scores=scores, **more)
            return scores

        reward.__name__ = self.name
        settings = trl.GRPOConfig if self.trainer is trl.GRPOTrainer else trl.RLOOConfig
        defaults = {
            "output_dir": str(self.directory / "out"),
            "per_device_train_batch_size": 4,
            "num_generations": 2,
            "max_completion_length": 6,
            "max_steps": 4,
            "logging_steps": 1,
            "save_strategy": "no",
            "beta": 0.0,
            "report_to": [],
            "use_cpu": True,
            "disable_tqdm": True,
            "gradient_checkpointing": False,
        }
        questions = ["1 + 2 =", "1 + 2 + 3 =", "4 =", "9 + 9 ="]
        data = datasets.Dataset.from_list([{"prompt": text} for text in questions * 20])
        self.trained = trainer = self.trainer(
            model=self.network if self.network is not None else network(),
            reward_funcs=reward,
            args=settings(**defaults | config),
            train_dataset=data,
            eval_dataset=data.select(range(4)),
            processing_class=tokenizer(),
            callbacks=[callback],
            **self.extra,
        )
        try:
            trainer.train(resume_from_checkpoint=resume)
        finally:
            callback.on_train_end(None, None, None)  # as after a crash, when the script ends
        self.state = trainer.state
        return rlviz.read(self.directory / self.logdir)


@pytest.fixture
def training(tmp_path):
    return Training(tmp_path)


def spent(run, phase):
    """FLOPs of a phase in each step."""
    total = [0, *run.exact_flops(phase)]
    return [after - before for before, after in itertools.pairwise(total)]


def test_each_phase_of_a_grpo_step_costs_what_its_real_lengths_cost(training):
    run = training.run(gradient_accumulation_steps=2)
    batches = [generated.lengths for generated in training.seen]
    assert len({length for batch in batches for length in batch}) > 5, "they are ragged"
    assert run.step.tolist() == [1, 2, 3, 4]
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]
    assert spent(run, "update") == [3 * forwards(batch) for batch in batches]
    assert set(run.phases) == {"rollout", "update"}, "nothing else is computed with these settings"
    assert run.exact_flops()[-1] == sum(rollouts(b) + 3 * forwards(b) for b in batches)
    assert training.state.total_flos == 0, "which is what the trainer itself says"


def test_the_accuracy_is_the_mean_of_the_reward_function_of_that_name(training):
    run = training.run(gradient_accumulation_steps=2)
    means = [np.mean(generated.scores) for generated in training.seen]
    np.testing.assert_allclose(run.accuracy, means, rtol=1e-6)
    assert run.columns["graded"].tolist() == [8, 8, 8, 8]
    np.testing.assert_allclose(run.columns["metrics/reward"], means, rtol=1e-6)


def test_what_a_reward_function_records_is_the_parallelism_of_its_step(training):
    run = training.run(gradient_accumulation_steps=2)
    expected = [np.mean([r for _, r in generated.lengths]) for generated in training.seen]
    np.testing.assert_allclose(run.parallelism, expected)
    assert run.columns["parallelism_count"].tolist() == [8, 8, 8, 8]


def test_a_batch_generated_for_several_steps_counts_where_it_was_generated(training):
    run = training.run(gradient_accumulation_steps=2, steps_per_generation=4)
    first, second = (generated.lengths for generated in training.seen)
    assert [generated.step for generated in training.seen] == [0, 2]
    assert spent(run, "rollout") == [rollouts(first), 0, rollouts(second), 0]
    assert spent(run, "old_logprob") == [forwards(first), 0, forwards(second), 0]
    update = spent(run, "update")
    assert update[0] + update[1] == 3 * forwards(first)
    assert update[2] + update[3] == 3 * forwards(second)
    assert min(update) > 0
    assert np.isnan(run.accuracy).tolist() == [False, True, False, True], "no reward, no dot"
    assert run.columns["graded"].tolist() == [16, 0, 16, 0]


def test_every_iteration_over_a_batch_is_an_update_of_its_own(training):
    run = training.run(num_iterations=2)
    first, second = (generated.lengths for generated in training.seen)
    assert spent(run, "rollout") == [rollouts(first), 0, rollouts(second), 0]
    assert spent(run, "old_logprob") == [forwards(first), 0, forwards(second), 0]
    assert spent(run, "update") == [3 * forwards(b) for b in (first, first, second, second)]


def test_iterations_within_one_step_need_no_old_log_probabilities(training):
    run = training.run(
        gradient_accumulation_steps=4, steps_per_generation=2, num_iterations=2, max_steps=2
    )
    batches = [generated.lengths for generated in training.seen]
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]
    assert spent(run, "update") == [2 * 3 * forwards(batch) for batch in batches]
    assert ("old_logprob" in run.phases) == (VERSION < (0, 20)), "which compute them all the same"


def test_several_generation_batches_in_one_step_all_count(training):
    run = training.run(gradient_accumulation_steps=2, steps_per_generation=1, max_steps=2)
    assert [generated.step for generated in training.seen] == [0, 0, 1, 1]
    batches = [generated.lengths for generated in training.seen]
    pairs = [batches[0] + batches[1], batches[2] + batches[3]]
    assert spent(run, "rollout") == [rollouts(pair) for pair in pairs]
    assert spent(run, "update") == [3 * forwards(pair) for pair in pairs]
    assert run.columns["graded"].tolist() == [8, 8]


@pytest.mark.parametrize(
    "trainer", [trl.GRPOTrainer, pytest.param(trl.RLOOTrainer, marks=new_rloo)]
)
def test_a_reference_model_costs_a_forward_pass(training, tmp_path, trainer):
    network().save_pretrained(tmp_path / "model")  # of a model in memory no reference can be made
    training.trainer, training.network = trainer, str(tmp_path / "model")
    run = training.run(beta=0.1, max_steps=2)
    batches = [generated.lengths for generated in training.seen]
    assert spent(run, "ref_logprob") == [forwards(batch) for batch in batches]
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]
    assert ("old_logprob" in run.phases) == (trainer is trl.RLOOTrainer)


def test_a_reward_model_that_is_watched_is_a_phase_of_its_own(tmp_path):
    torch.set_num_threads(1)
    config = network().config
    config.num_labels = 1
    judge, passes = transformers.Qwen2ForSequenceClassification(config), []
    judge.register_forward_pre_hook(
        lambda module, args, given: passes.append(given["input_ids"].shape), with_kwargs=True
    )
    viz = rlviz.Callback(tmp_path / "run", figure_seconds=None)
    viz.watch(judge, phase="reward_model")
    trainer = trl.GRPOTrainer(
        model=network(),
        reward_funcs=judge,
        reward_processing_classes=tokenizer(),
        args=trl.GRPOConfig(
            output_dir=str(tmp_path / "out"),
            per_device_train_batch_size=4,
            num_generations=2,
            max_completion_length=6,
            max_steps=2,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            gradient_checkpointing=False,
        ),
        train_dataset=datasets.Dataset.from_list([{"prompt": "1 + 2 ="}, {"prompt": "4 ="}] * 20),
        processing_class=tokenizer(),
        callbacks=[RLVizCallback(viz)],
    )
    trainer.train()
    viz.close()
    run = rlviz.read(tmp_path / "run")
    pair = 2 * 2 * DH  # the whole square of what is padded, as it runs
    turning = inspect.getsource(transformers.models.qwen2.modeling_qwen2.Qwen2RotaryEmbedding)
    angles = DH if " @ " in turning else 0  # older versions of transformers multiply for them
    by_hand = [2 * (BODY + D) * n * s + L * H * pair * n * s * s + angles * s for n, s in passes]
    assert spent(run, "reward_model") == by_hand
    assert len(by_hand) == 2


@new_rloo
def test_rloo_scores_every_batch_before_it_trains_on_it(training):
    training.trainer = trl.RLOOTrainer
    run = training.run(max_steps=2)
    batches = [generated.lengths for generated in training.seen]
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]
    assert spent(run, "old_logprob") == [forwards(batch) for batch in batches]
    assert spent(run, "update") == [3 * forwards(batch) for batch in batches]
    assert not np.isnan(run.accuracy).any()


@pytest.mark.skipif(not BEFORE_0_22, reason="RLOO is of GRPO's kind in this TRL")
def test_old_rloo_has_its_steps_and_its_update_and_says_what_is_not_counted(tmp_path, caplog):
    torch.set_num_threads(1)
    trainer = trl.RLOOTrainer(
        config=trl.RLOOConfig(
            output_dir=str(tmp_path / "out"),
            per_device_train_batch_size=4,
            rloo_k=2,
            total_episodes=12,
            response_length=6,
            num_ppo_epochs=1,
            num_sample_generations=0,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            gradient_checkpointing=False,
        ),
        processing_class=tokenizer(),
        policy=network(),
        ref_policy=network(),
        reward_model=lambda texts: [float(len(text) % 2) for text in texts],
        train_dataset=datasets.Dataset.from_list([tokenizer()("1 + 2 =").data] * 24),
        callbacks=[RLVizCallback(tmp_path / "run", figure_seconds=None)],
    )
    trainer.train()
    run = rlviz.read(tmp_path / "run")
    assert run.step.tolist() == [0, 1, 2, 3], "it logs a step before it has counted it"
    assert run.phases == ("update",)
    first, second, third = run.exact_flops("update")[1:]
    assert 0 < first < second < third
    assert np.isfinite(run.columns["metrics/objective/scores"]).tolist() == [1, 1, 1, 0]
    assert "without labels, as it generates or scores" in caplog.text


def test_completions_that_are_masked_for_their_length_were_generated_all_the_same(training):
    run = training.run(mask_truncated_completions=True, max_steps=2)
    batches = [generated.lengths for generated in training.seen]
    assert any(r == 6 for batch in batches for _, r in batch)
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]


def test_an_evaluation_adds_to_its_step_but_not_to_its_answers_episodes_or_flops(training):
    run = training.run(
        eval_strategy="steps", eval_steps=2, per_device_eval_batch_size=4, eval_on_start=True
    )
    batches = [generated.lengths for generated in training.seen]
    assert len(batches) == 4
    assert run.step.tolist() == [0, 1, 2, 3, 4]
    assert np.isfinite(run.columns["metrics/eval_reward"]).tolist() == [1, 0, 1, 0, 1]
    assert np.isfinite(run.columns["metrics/reward"]).tolist() == [0, 1, 1, 1, 1]
    assert run.columns["graded"].tolist() == [0, 4, 4, 4, 4]
    assert run.columns["parallelism_count"].tolist() == [0, 4, 4, 4, 4]
    assert run.exact_flops()[-1] == sum(rollouts(b) + 3 * forwards(b) for b in batches)


def test_where_every_second_step_is_logged_the_others_are_gaps_and_flops_are_not(training):
    run = training.run(logging_steps=2)
    batches = [generated.lengths for generated in training.seen]
    assert run.step.tolist() == [1, 2, 3, 4]
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]
    assert np.isnan(run.accuracy).tolist() == [True, False, True, False]
    assert run.columns["graded"].tolist() == [0, 8, 0, 8], "the mean is over two batches"
    scores = training.seen[2].scores + training.seen[3].scores
    assert run.accuracy[3] == pytest.approx(np.mean(scores))


class StopError(Exception):
    """The script dies."""


def test_a_run_that_died_goes_on_from_its_checkpoint_without_a_step_twice(training):
    def die_at_step_4(trainer_state, **more):
        if trainer_state.global_step == 4:
            raise StopError

    training.reward = die_at_step_4
    settings = {"save_strategy": "steps", "save_steps": 3, "max_steps": 6}
    with pytest.raises(StopError):
        training.run(**settings)
    before = rlviz.read(training.directory / "run")
    assert before.step.tolist() == [1, 2, 3, 4], "the script died in step 5"
    assert [generated.step for generated in training.seen] == [0, 1, 2, 3, 4]
    kept = training.seen[:3]

    training.seen, training.reward = [], None
    run = training.run(resume=True, **settings)
    assert run.step.tolist() == [1, 2, 3, 4, 5, 6]
    assert run.columns["session"].tolist() == [0, 0, 0, 1, 1, 1]
    assert [generated.step for generated in training.seen] == [3, 4, 5]
    batches = [generated.lengths for generated in kept + training.seen]
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]
    assert spent(run, "update") == [3 * forwards(batch) for batch in batches]
    assert run.exact_flops()[:3] == before.exact_flops()[:3]
    assert not np.isnan(run.accuracy).any()


def test_a_run_that_goes_on_elsewhere_has_the_flops_and_averages_of_its_checkpoint(training):
    settings = {"save_strategy": "steps", "save_steps": 2}
    before = training.run(**settings, max_steps=2)
    training.logdir = "elsewhere"
    run = training.run(resume=True, **settings, max_steps=3)
    assert run.step.tolist() == [3]
    spent_before, spent_then = before.exact_flops()[-1], training.seen[2].lengths
    assert run.exact_flops() == [spent_before + rollouts(spent_then) + 3 * forwards(spent_then)]
    a, b, c = *before.accuracy, *run.accuracy
    ema = (0.81 * a + 0.9 * b + c) / (0.81 + 0.9 + 1)
    assert run.columns["accuracy_ema"].tolist() == [pytest.approx(ema)]


def test_a_run_goes_on_also_from_a_checkpoint_in_the_middle_of_a_generation_batch(training):
    settings = {"save_strategy": "steps", "save_steps": 3, "steps_per_generation": 2}
    training.run(**settings, max_steps=3)
    first, second = (generated.lengths for generated in training.seen)
    training.seen = []
    run = training.run(resume=True, **settings, max_steps=6)
    assert run.step.tolist() == [1, 2, 3, 4, 5, 6]
    third, fourth = (generated.lengths for generated in training.seen)
    assert spent(run, "rollout") == [
        *(rollouts(first), 0, rollouts(second), rollouts(third), 0, rollouts(fourth))
    ], "the trainer generates anew as it goes on"
    assert not np.isfinite(run.accuracy[4])


def test_a_checkpoint_of_a_run_without_rlviz_can_be_resumed_and_saved_with_it(training):
    settings = {"save_strategy": "steps", "save_steps": 2, "max_steps": 2}
    training.run(**settings)
    checkpoint = training.directory / "out" / "checkpoint-2" / "trainer_state.json"
    state = json.loads(checkpoint.read_text())
    assert "rlviz" in state["stateful_callbacks"].pop("RLVizCallback")
    checkpoint.write_text(json.dumps(state))
    training.seen, training.directory = [], training.directory / "later"
    run = training.run(resume=str(checkpoint.parent), **settings | {"max_steps": 4})
    assert run.step.tolist() == [3, 4]
    assert run.exact_flops()[-1] == sum(
        rollouts(g.lengths) + 3 * forwards(g.lengths) for g in training.seen
    )


def test_a_callback_that_the_trainer_made_anew_records_and_the_old_one_says_so(training, caplog):
    settings = {"save_strategy": "steps", "save_steps": 2}
    training.run(**settings, max_steps=2)
    run = training.run(
        resume=True, restore_callback_states_from_checkpoint=True, max_steps=4, **settings
    )
    assert run.step.tolist() == [1, 2, 3, 4]
    assert run.columns["session"].tolist() == [0, 0, 1, 1]
    assert np.isfinite(run.accuracy).all()
    assert np.isfinite(run.parallelism).tolist() == [True, True, False, False]
    (said,) = [r.message for r in caplog.records if "record() came while no training" in r.message]
    assert "Leave that False" in said


@since((1, 0), "log_metric")
def test_accuracy_that_a_reward_function_logs_is_it_and_a_zero_is_a_value(training):
    training.name = "graded_reward"
    training.reward = lambda log_metric, scores, **more: log_metric("accuracy", 0.0)
    run = training.run(max_steps=2)
    assert run.accuracy.tolist() == [0.0, 0.0]
    assert "metrics/rewards/graded_reward/mean" in run.columns


@since((1, 0), "log_metric")
def test_average_parallelism_that_a_reward_function_logs_is_it_too(training):
    training.reward = lambda log_metric, **more: log_metric("average_parallelism", 8.0)
    run = training.run(max_steps=1)
    lengths = [float(r) for _, r in training.seen[0].lengths]
    assert run.parallelism.tolist() == [pytest.approx((sum(lengths) + 8) / (len(lengths) + 1))]


def test_a_reward_that_is_no_accuracy_is_never_taken_for_one(training):
    training.name = "length_reward"
    run = training.run(max_steps=2)
    assert np.isnan(run.accuracy).all()
    assert np.isfinite(run.columns["metrics/reward"]).all()


def test_the_accuracy_can_be_named(training):
    training.name, training.options = "length_reward", {"accuracy": "rewards/length_reward/mean"}
    run = training.run(max_steps=2)
    np.testing.assert_allclose(run.accuracy, [np.mean(g.scores) for g in training.seen], rtol=1e-6)


@since((0, 25), "rollout_func")
def test_a_rollout_with_sub_agents_logs_their_parallelism_by_a_reward_function(training):
    """Custom rollouts: the answers of two sub-agents come back into the main agent's context."""

    def swarm(prompts, trainer):
        rows = {"prompt_ids": [], "completion_ids": [], "logprobs": None, "env_mask": []}
        stages = []
        for i, prompt in enumerate(prompts):
            said, answered = [2, 3, 4], [5] * (2 + i % 3)
            rows["prompt_ids"].append(tokenizer()(prompt)["input_ids"])
            rows["completion_ids"].append(said + answered + [1])
            rows["env_mask"].append([1] * len(said) + [0] * len(answered) + [1])
            stages.append([(1, [2, len(answered)]), (1, [])])
        return rows | {"stages": stages}

    def parallelism(stages, **more):
        episodes = [rlviz.parallelism.critical_steps(each) for each in stages]
        training.callback.record(parallelism=episodes)

    training.extra = {"rollout_func": swarm}
    training.reward = parallelism
    run = training.run(max_steps=2)
    # by hand: work (1 + 2 + n + 1) over span (1 + max(2, n) + 1), n = 2, 3, 4, 2; the reward
    # function of this file adds the completions' lengths, 4 + n
    ratios = [6 / 4, 7 / 5, 8 / 6, 6 / 4, 6, 7, 8, 6]
    np.testing.assert_allclose(run.parallelism, [np.mean(ratios)] * 2)
    batches = [generated.lengths for generated in training.seen]
    assert [r for _, r in batches[0]] == [6, 7, 8, 6]
    assert spent(run, "update") == [3 * forwards(batch) for batch in batches]
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]


@pytest.mark.skipif(
    transformers.__version__.startswith("4."),
    reason="transformers 4 can't load what several processes on CPUs saved",
)
def test_two_processes_are_one_run_with_the_sums_of_both(tmp_path):
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
            *(__file__, str(tmp_path)),
        ],
        check=True,
        timeout=220,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        },
    )
    run = rlviz.read(tmp_path / "run")
    ranks = [json.loads((tmp_path / f"seen-{rank}.json").read_text()) for rank in (0, 1)]
    batches = [a["lengths"] + b["lengths"] for a, b in zip(*ranks, strict=True)]
    scores = [a["scores"] + b["scores"] for a, b in zip(*ranks, strict=True)]
    assert [len(batch) for batch in batches] == [8] * 4
    assert run.step.tolist() == [1, 2, 3, 4]
    assert spent(run, "rollout") == [rollouts(batch) for batch in batches]
    assert spent(run, "update") == [3 * forwards(batch) for batch in batches]
    np.testing.assert_allclose(run.accuracy, [np.mean(each) for each in scores], rtol=1e-6)
    assert run.columns["graded"].tolist() == [8] * 4
    assert run.columns["parallelism_count"].tolist() == [8] * 4
    assert run.columns["session"].tolist() == [0, 0, 1, 1]


def main(directory):
    """One rank: two steps, a checkpoint, and two more from it."""
    directory = pathlib.Path(directory)
    training = Training(directory)
    settings = {"save_strategy": "steps", "save_steps": 2}
    training.run(max_steps=2, **settings)
    training.run(resume=True, max_steps=4, **settings)
    seen = [dataclasses.asdict(generated) for generated in training.seen]
    (directory / f"seen-{os.environ['RANK']}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])

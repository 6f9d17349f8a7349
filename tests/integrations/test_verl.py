"""verl's tracking, with its own Tracking, configs, batches and metrics.

No training: verl generates with vLLM or SGLang, which need a GPU. `Trainer` below does what verl's
`fit` does between the calls of its workers.
"""

import contextlib
import importlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import rlviz

if os.environ.get("RLVIZ_REQUIRE_VERL") is not None:
    importlib.import_module("verl")
else:
    pytest.importorskip("verl", reason="verl is not installed; it needs an environment of its own")

import hydra
import omegaconf
import transformers
from verl import DataProto
from verl.trainer.ppo import metric_utils
from verl.utils.debug import marked_timer
from verl.utils.flops_counter import ESTIMATE_FUNC
from verl.utils.tracking import Tracking

from rlviz.integrations.verl import RLVizLogger

pytestmark = pytest.mark.filterwarnings("default")  # verl's, hydra's and ray's own

IS_0_8 = not hasattr(Tracking, "finish")
since_0_9 = pytest.mark.skipif(IS_0_8, reason="verl 0.8 has no such thing")

D, F, L, H, V = 16, 32, 2, 2, 64
BODY = L * (4 * D * D + 3 * D * F)
MODEL = transformers.LlamaConfig(
    vocab_size=V,
    hidden_size=D,
    intermediate_size=F,
    num_hidden_layers=L,
    num_attention_heads=H,
    architectures=["LlamaForCausalLM"],
)


def forward(s, head=V):
    """By hand: 2 FLOPs a weight and token, and two products for each pair that attends."""
    return 2 * (BODY + D * head) * s + L * 2 * (2 * D) * s * (s + 1) // 2


def generation(p, r):
    fed = p + r - 1
    return 2 * BODY * fed + 2 * D * V * r + L * 2 * (2 * D) * fed * (fed + 1) // 2


class Trainer:
    """A driver of verl without workers: timers, batch, metrics, checkpoint folder and tracking."""

    def __init__(self, directory, *overrides):
        MODEL.save_pretrained(directory / "model")
        with hydra.initialize_config_module("verl.trainer.config", version_base=None):
            config = hydra.compose(
                "ppo_trainer",
                [
                    f"actor_rollout_ref.model.path={directory / 'model'}",
                    f"critic.model.path={directory / 'model'}",
                    f"trainer.default_local_dir={directory / 'checkpoints'}",
                    "trainer.logger=[console,rlviz]",
                    "trainer.n_gpus_per_node=1",
                    f"+trainer.rlviz.logdir={directory / 'run'}",
                    "+trainer.rlviz.figure_seconds=null",
                    *overrides,
                ],
            )
        self.directory = directory
        self.config = config
        self.tracking = Tracking(
            project_name=config.trainer.project_name,
            experiment_name=config.trainer.experiment_name,
            default_backend=config.trainer.logger,
            config=omegaconf.OmegaConf.to_container(config, resolve=True),
        )
        self.viz = self.tracking.logger["rlviz"].viz

    def finish(self):
        """As verl does at the end, and before 0.9 when the object goes."""
        (self.tracking.__del__ if IS_0_8 else self.tracking.finish)()

    def validate(self, step):
        self.tracking.log(data={"val-core/math/reward/mean@1": 0.25}, step=step)

    def step(self, step, lengths, scores, *, ran=("gen", "reward", "adv"), save=False, **more):
        timing, batch = {}, self.batch(lengths, scores)
        with marked_timer("step", timing):
            for name in ran + (("save_checkpoint",) if save else ()):
                with marked_timer(name, timing):
                    pass
            if save:
                (self.directory / "checkpoints" / f"global_step_{step}").mkdir(parents=True)
        metrics = {"training/global_step": step, "training/epoch": 0, "actor/loss": 0.5, **more}
        metrics.update(metric_utils.compute_data_metrics(batch=batch, use_critic=False))
        metrics.update(metric_utils.compute_timing_metrics(batch=batch, timing_raw=timing))
        metrics.update(
            metric_utils.compute_throughout_metrics(batch=batch, timing_raw=timing, n_gpus=1)
        )
        self.tracking.log(data=metrics, step=step)

    def batch(self, lengths, scores):
        longest = [max(each[i] for each in lengths) for i in (0, 1)]
        prompt_mask, response_mask = (
            torch.tensor([[1] * each[i] + [0] * (longest[i] - each[i]) for each in lengths])
            for i in (0, 1)
        )
        rewards = torch.zeros(response_mask.shape)
        rewards[:, 0] = torch.tensor(scores)
        return DataProto.from_dict(
            tensors={
                "prompts": torch.zeros(prompt_mask.shape, dtype=torch.long),
                "responses": torch.zeros(response_mask.shape, dtype=torch.long),
                "response_mask": response_mask,
                "attention_mask": torch.cat([prompt_mask.flip(1), response_mask], dim=1),
                "token_level_scores": rewards,
                "token_level_rewards": rewards,
                "advantages": rewards,
                "returns": rewards,
            },
            meta_info={"global_token_num": [p + r for p, r in lengths]},
        )


@pytest.fixture
def trainer(tmp_path):
    with contextlib.ExitStack() as stack:

        def make(*overrides):
            made = Trainer(tmp_path, *overrides)
            stack.callback(made.finish)
            return made

        yield make


EQUAL = [(3, 5)] * 4


def test_a_step_has_the_phases_that_ran_with_flops_and_seconds(trainer, tmp_path):
    made = trainer("actor_rollout_ref.actor.ppo_epochs=2")
    made.step(1, EQUAL, [1, 0, 1, 1], ran=("gen", "old_log_prob", "ref", "update_actor"))
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.step.tolist() == [1]
    assert run.exact_flops("rollout") == [4 * generation(3, 5)]
    assert run.exact_flops("old_logprob") == [4 * forward(8)]
    assert run.exact_flops("ref_logprob") == [4 * forward(8)]
    assert run.exact_flops("update") == [2 * 4 * 3 * forward(8)]
    assert run.exact_flops() == [4 * generation(3, 5) + (1 + 1 + 6) * 4 * forward(8)]
    assert {"seconds/rollout", "seconds/update"} <= set(run.columns)
    assert run.conventions == ("exact",)


def test_another_convention_is_counted_by_and_said(trainer, tmp_path):
    made = trainer("+trainer.rlviz.convention=6N")
    made.step(1, EQUAL, [1, 0, 1, 1], ran=("gen", "old_log_prob", "update_actor"))
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops() == [(2 + 2 + 6) * (BODY + D * V) * 4 * 8]
    assert run.conventions == ("6N",)


def test_the_update_costs_what_verls_own_counter_says_in_its_convention(tmp_path):
    shape = rlviz.flops.Transformer.from_config(
        MODEL, attention="causal_half", count_embedding=True
    )
    # FlopsCounter itself asks for the name of a GPU. TFLOP/s, in a second:
    rate = ESTIMATE_FUNC["llama"](MODEL, 32, [8] * 4, 1.0)
    assert shape.training([8] * 4) == pytest.approx(rate * 1e12)
    logger = RLVizLogger(tmp_path / "run", model=shape, figure_seconds=None)
    data = {
        "timing_s/step": 1.0, "timing_s/update_actor": 0.5, "perf/total_num_tokens": 32,
        "prompt_length/mean": 3.0, "response_length/mean": 5.0,
    }  # fmt: skip
    logger.log(data, 1)
    logger.finish()
    assert rlviz.read(tmp_path / "run").exact_flops() == [shape.training([8] * 4)]


def test_a_critic_has_a_value_where_the_actor_has_the_words(trainer, tmp_path):
    made = trainer("critic.ppo_epochs=3")
    made.step(1, EQUAL, [1, 0, 1, 1], ran=("gen", "values", "update_critic"))
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops("critic_values") == [4 * forward(8, head=1)]
    assert run.exact_flops("critic_update") == [3 * 4 * 3 * forward(8, head=1)]
    assert "update" not in run.phases, "a step that warms the critic up trains no actor"


def test_groups_that_were_thrown_away_are_discarded_rollouts(trainer, tmp_path):
    made = trainer("actor_rollout_ref.rollout.n=2")
    thrown = {
        "training/filter_groups/evicted_samples": 3,
        "training/filter_groups/discarded_surplus_samples": 1,
        "training/off_policy/evicted_samples": 2,
    }
    made.step(1, EQUAL, [1, 0, 1, 1], ran=("gen",), **thrown)
    made.step(2, EQUAL, [1, 0, 1, 1], ran=("gen",))
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops("rollout") == [4 * generation(3, 5), 8 * generation(3, 5)]
    assert run.exact_flops("rollout_discarded") == [(3 + 1 + 2) * 2 * generation(3, 5)] * 2
    assert run.exact_flops() == [16 * generation(3, 5), 20 * generation(3, 5)]
    assert "reward_model" not in run.phases


@pytest.mark.parametrize(("apart", "scored"), [("true", 4 + 2), ("false", 4)])
def test_a_reward_model_scores_what_is_sampled(trainer, tmp_path, apart, scored):
    config = transformers.LlamaConfig(**MODEL.to_dict() | {"architectures": ["LlamaForReward"]})
    config.save_pretrained(tmp_path / "judge")
    made = trainer(
        "actor_rollout_ref.rollout.n=1",
        "reward.reward_model.enable=true",
        f"reward.reward_model.enable_resource_pool={apart}",
        f"reward.reward_model.model_path={tmp_path / 'judge'}",
    )
    evicted = {"training/off_policy/evicted_samples": 2}
    made.step(1, EQUAL, [1, 0, 1, 1], ran=("gen",), **evicted)
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops("reward_model") == [scored * forward(8, head=1)]


def test_a_reward_model_that_writes_is_said_and_not_guessed(trainer, tmp_path, caplog):
    made = trainer(
        "reward.reward_model.enable=true",
        f"reward.reward_model.model_path={tmp_path / 'model'}",
    )
    for step in (1, 2):
        made.step(step, EQUAL, [1, 0, 1, 1], ran=("gen",))
    made.finish()
    assert "reward_model" not in rlviz.read(tmp_path / "run").phases
    assert caplog.text.count("writes its judgments, whose lengths verl does not log") == 1


def test_ragged_sequences_count_with_their_tokens_and_low_in_attention(trainer, tmp_path):
    made, lengths = trainer(), [(2, 9), (4, 1), (3, 7), (5, 12)]
    made.step(1, lengths, [1, 0, 1, 1], ran=("gen", "update_actor"))
    made.finish()
    run = rlviz.read(tmp_path / "run")
    exact = sum(3 * forward(p + r) for p, r in lengths)
    linear = 3 * 2 * (BODY + D * V) * sum(p + r for p, r in lengths)
    (spent,) = run.exact_flops("update")
    assert linear < spent < exact
    assert spent - linear > 0.8 * (exact - linear)
    assert run.columns["graded"].tolist() == [4]


def test_accuracy_is_the_score_as_long_as_it_is_one(trainer, tmp_path, caplog):
    made = trainer()
    made.step(1, EQUAL, [0, 0, 0, 0])
    made.step(2, EQUAL, [1, 0, 1, 1])
    made.step(3, EQUAL, [1, -1, 1, 1])
    made.step(4, EQUAL, [1, 1, 1, 1])
    made.finish()
    run = rlviz.read(tmp_path / "run")
    np.testing.assert_array_equal(run.accuracy, [0.0, 0.75, np.nan, np.nan])
    assert run.columns["graded"].tolist() == [4, 4, 0, 0]
    assert run.columns["metrics/critic/score/mean"].tolist() == [0.0, 0.75, 0.5, 1.0]
    assert "critic/score/mean goes from -1 to 1" in caplog.text


def test_the_accuracy_can_be_another_metric_or_none(trainer, tmp_path):
    made = trainer("+trainer.rlviz.accuracy=solved")
    made.step(1, EQUAL, [1, 0, 1, 1], solved=0.5)
    made.finish()
    assert rlviz.read(tmp_path / "run").accuracy.tolist() == [0.5]


def test_average_parallelism_that_an_agent_loop_logs_is_it(trainer, tmp_path):
    made = trainer()
    made.step(1, EQUAL, [1, 0, 1, 1], average_parallelism=6.5)
    made.finish()
    assert rlviz.read(tmp_path / "run").parallelism.tolist() == [6.5]


def test_a_validation_before_the_first_step_is_step_0(trainer, tmp_path):
    made = trainer()
    made.validate(0)
    made.step(1, EQUAL, [1, 0, 1, 1], **{"val-core/math/reward/mean@1": 0.5})
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.step.tolist() == [0, 1]
    assert run.columns["metrics/val-core/math/reward/mean@1"].tolist() == [0.25, 0.5]
    assert np.isnan(run.accuracy).tolist() == [True, False]


def test_a_run_goes_on_from_its_checkpoint_without_a_step_twice(trainer, tmp_path):
    made = trainer()
    ran = ("gen", "update_actor")
    for step in (1, 2, 3):
        made.step(step, EQUAL, [1, 0, 1, 1], ran=ran, save=step == 2)
    made.finish()
    made = trainer()
    made.validate(2)  # as verl does when it goes on
    for step in (3, 4):
        made.step(step, EQUAL, [1, 0, 1, 1], ran=ran)
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.step.tolist() == [1, 2, 3, 4]
    assert run.columns["session"].tolist() == [0, 0, 1, 1]
    each = 4 * generation(3, 5) + 4 * 3 * forward(8)
    assert run.exact_flops() == [each * step for step in (1, 2, 3, 4)]
    assert np.isfinite(run.columns["metrics/val-core/math/reward/mean@1"]).tolist() == [0, 0, 1, 0]


def test_a_run_that_goes_on_elsewhere_has_the_flops_of_its_checkpoint(trainer, tmp_path):
    made = trainer()
    for step in (1, 2):
        made.step(step, EQUAL, [1, 0, 1, 1], save=step == 2)
    made.finish()
    (tmp_path / "checkpoints").rename(tmp_path / "moved")
    made = trainer(
        f"trainer.resume_from_path={tmp_path / 'moved' / 'global_step_2'}",
        f"trainer.rlviz.logdir={tmp_path / 'elsewhere'}",
    )
    made.step(3, EQUAL, [1, 0, 1, 1])
    made.finish()
    run = rlviz.read(tmp_path / "elsewhere")
    assert run.step.tolist() == [3]
    assert run.exact_flops() == [3 * 4 * generation(3, 5)]


def test_old_log_probabilities_that_come_from_the_rollout_cost_nothing(trainer, tmp_path):
    made = trainer("algorithm.rollout_correction.bypass_mode=true")
    made.step(1, EQUAL, [1, 0, 1, 1], ran=("gen", "old_log_prob", "update_actor"))
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops() == [4 * generation(3, 5) + 3 * 4 * forward(8)]
    assert "old_logprob" not in run.phases
    assert "seconds/old_logprob" not in run.columns


@since_0_9
def test_a_wait_for_samples_from_the_background_is_no_time_of_a_rollout(trainer, tmp_path):
    made = trainer("trainer.v1.trainer_mode=separate_async")
    made.step(1, EQUAL, [1, 0, 1, 1], ran=("gen", "update_actor"))
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert run.exact_flops("rollout") == [4 * generation(3, 5)]
    assert "seconds/rollout" not in run.columns
    assert "seconds/update" in run.columns


def test_the_shape_is_that_of_the_config_that_verl_is_told_to_take(trainer, tmp_path):
    made = trainer(
        f"actor_rollout_ref.model.path={tmp_path / 'weights'}",
        f"actor_rollout_ref.model.hf_config_path={tmp_path / 'model'}",
    )
    made.step(1, EQUAL, [1, 0, 1, 1])
    made.finish()
    assert rlviz.read(tmp_path / "run").exact_flops() == [4 * generation(3, 5)]


def test_a_model_whose_config_is_not_there_disturbs_nothing(trainer, tmp_path, caplog):
    made = trainer(f"actor_rollout_ref.model.path={tmp_path / 'nowhere'}")
    for step in (1, 2):
        made.step(step, EQUAL, [1, 0, 1, 1], ran=("gen", "update_actor"))
    made.finish()
    run = rlviz.read(tmp_path / "run")
    assert np.isnan(run.flops).all()
    assert run.accuracy.tolist() == [0.75, 0.75]
    assert caplog.text.count("FLOPs of the actor_rollout_ref are not counted") == 1


def test_other_backends_stay_as_they_are(tmp_path):
    tracking = Tracking("project", "experiment", default_backend="console")
    assert set(tracking.logger) == {"console"}
    with pytest.raises(AssertionError, match="nonsense is not supported"):
        Tracking("project", "experiment", default_backend=["nonsense"])


def run_verl(tmp_path, environment):
    return subprocess.run(
        [
            *(sys.executable, "-c"),
            "from verl.utils.tracking import Tracking\n"
            "tracking = Tracking('math', 'first', default_backend='rlviz')\n"
            "tracking.log({'loss': 0.5, 'timing_s/step': 1.0}, step=1)\n",  # and no finish
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@since_0_9
def test_verl_finds_the_backend_by_the_entry_point(tmp_path):
    package = tmp_path / "plugins" / "rlviz_under_test-0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: rlviz-under-test\nVersion: 0\n")
    (package / "entry_points.txt").write_text("[verl.plugins]\nrlviz = rlviz.integrations.verl\n")
    path = os.pathsep.join([str(package.parent), *sys.path])
    done = run_verl(tmp_path, {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    run = rlviz.read(tmp_path / "runs" / "math" / "first")
    assert run.columns["metrics/loss"].tolist() == [0.5]


def test_verl_finds_the_backend_as_an_external_module(tmp_path):
    variables = {
        "VERL_USE_EXTERNAL_MODULES": "rlviz.integrations.verl",
        "VERL_USE_EXTERNAL_PLUGINS": "none",
    }
    done = run_verl(tmp_path, variables)
    assert done.returncode == 0, done.stderr
    assert rlviz.read(tmp_path / "runs" / "math" / "first").step.tolist() == [1]

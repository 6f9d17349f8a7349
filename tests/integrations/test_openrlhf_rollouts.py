"""OpenRLHF's own command, trainers, sample generator and rollout actors in a real Ray.

What users write is what docs/agents.md has. Stand-ins take the place of what needs a GPU: of vLLM
and flash-attn, which can't be installed without one, and of the models and their update.
"""

import os

import numpy as np
import pytest

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_VERL"):  # its environment has OpenRLHF too
    pytest.importorskip("openrlhf", reason="openrlhf is not installed")

PROMPTS, BATCH = 6, 2

VLLM = """
from types import SimpleNamespace

__version__ = "0.20.0"


class SamplingParams(SimpleNamespace):
    pass


class AsyncEngineArgs(SimpleNamespace):
    def __init__(self, *args, **kwargs):
        super().__init__(**kwargs)


class AsyncLLMEngine:
    output_processor = SimpleNamespace(get_num_unfinished_requests=lambda: 0)

    @classmethod
    def from_engine_args(cls, args):
        return cls()

    async def is_sleeping(self):
        return False

    async def generate(self, prompt, params, request_id):
        answer = SimpleNamespace(token_ids=[5], text="a", finish_reason="stop", logprobs=None)
        yield SimpleNamespace(outputs=[answer])
"""
STAND_INS = {
    "vllm/__init__.py": VLLM,
    "vllm/inputs.py": "TokensPrompt = dict",
    "vllm/utils.py": "def random_uuid():\n    return 'id'",
    "flash_attn/__init__.py": "",
    "flash_attn/bert_padding.py": "index_first_axis = pad_input = rearrange = unpad_input = None",
    "flash_attn/utils/__init__.py": "",
    "flash_attn/utils/distributed.py": "all_gather = None",
}

DRIVER = """
import json
import runpy
import sys
from pathlib import Path

import ray
import tokenizers
import transformers
from openrlhf.trainer import ppo_trainer, ppo_trainer_async
from openrlhf.trainer.ray import launcher


class Models:
    def __init__(self, *args, **kwargs):
        pass

    def async_init_model_from_pretrained(self, *args, **kwargs):
        return []

    async_save_model = async_init_model_from_pretrained

    def async_run_method(self, method_name, **kwargs):
        return []


def train_step(self, samples, global_step):
    scores = [sample.scores[0].item() for sample in samples]
    return {"reward": sum(scores) / len(scores), "generated_samples": ["", 0.5]}, global_step + 1


class Trainer(ppo_trainer.PPOTrainer.__ray_actor_class__):
    train_step = train_step


class AsyncTrainer(ppo_trainer_async.TrainingActor.__ray_actor_class__):
    train_step = train_step


if __name__ == "__main__":
    here = Path(sys.argv.pop(1))
    names = ["<pad>", "<eos>", "hello", "x", "y", "a"]
    model = tokenizers.models.WordLevel(
        {word: i for i, word in enumerate(names)}, unk_token="<pad>"
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(model), pad_token="<pad>", eos_token="<eos>"
    ).save_pretrained(here / "model")
    transformers.LlamaConfig(vocab_size=64).save_pretrained(here / "model")
    labels = ["a", "b"] * 3  # the engine answers "a"
    lines = [json.dumps({"input": "hello", "label": label}) for label in labels]
    (here / "prompts.jsonl").write_text("\\n".join(lines))
    launcher.RayActorGroup = Models
    ppo_trainer.PPOTrainer = ray.remote(Trainer)
    ppo_trainer_async.TrainingActor = ray.remote(AsyncTrainer)
    ray.init(num_cpus=4, num_gpus=1, include_dashboard=False)
    sys.argv += [
        *("--actor.model_name_or_path", str(here / "model")),
        *("--data.prompt_dataset", str(here / "prompts.jsonl")),
        *("--data.input_key", "input", "--data.label_key", "label", "--data.max_len", "64"),
        *("--vllm.num_engines", "1", "--train.agent_func_path", str(here / "agent.py")),
        *("--algo.kl.init_coef", "0", "--algo.advantage.estimator", "reinforce"),
        *("--rollout.batch_size", "2", "--rollout.n_samples_per_prompt", "1"),
        *("--train.batch_size", "2", "--actor.num_gpus_per_node", "1"),
    ]
    runpy.run_path(str(here / "train.py"), run_name="__main__")
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [[], ["--train.async_enable"]], ids=["sync", "async"])
def test_the_command_records_its_steps_and_what_its_rollouts_bring(
    tmp_path, launched, documented, mode
):
    for name, text in STAND_INS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "agent.py").write_text(documented("agents.md", "agent.py"), encoding="utf-8")
    train = documented("agents.md", "train.py")
    assert train.count('"/shared/runs/x"') == 1
    train = train.replace('"/shared/runs/x"', f'"{tmp_path / "run"}", figure_seconds=None')
    (tmp_path / "train.py").write_text(train, encoding="utf-8")
    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    done = launched(str(tmp_path / "driver.py"), str(tmp_path), *mode, timeout=550, path=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Using blocking ray.get" not in done.stdout + done.stderr
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, PROMPTS // BATCH + 1))
    assert run.accuracy.mean() == 0.5  # half of the labels are what the engine answers
    assert "timing/generation" in run.metrics  # of its own fit()
    # These rollouts take less than the writer's pace, so some are of a step beside their own.
    episodes = run.columns["parallelism_count"]
    assert episodes.sum() == PROMPTS
    assert run.parallelism_units == ("seconds",)
    known = episodes > 0
    np.testing.assert_array_equal(run.sub_agents_per_episode[known], 2.0)
    np.testing.assert_array_equal(run.parallel_episodes[episodes > 1], 1.0)
    assert (run.parallelism[known] > 1).all()

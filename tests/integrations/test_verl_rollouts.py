"""An agent loop as docs/agents.md has it, in verl's own manager and workers in a real Ray.

The engine that generates needs a GPU: a client that answers at once stands for it.
"""

import os

import numpy as np
import pytest

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_VERL"):
    pytest.importorskip("verl", reason="verl is not installed; it needs an environment of its own")

STEPS, SAMPLES, WORKERS = 2, 4, 2

DRIVER = f"""
import sys
from pathlib import Path

import hydra
import numpy as np
import omegaconf
import ray
import tokenizers
import torch
import transformers
from engine import Client
from verl import DataProto
from verl.experimental.agent_loop import AgentLoopManager
from verl.utils.tracking import Tracking

import rlviz.integrations.verl  # verl does so by itself where rlviz is installed

here = Path(sys.argv[1])
names = ["<pad>", "<eos>", "user", "assistant", "hello", "a", "b"]
words = {{word: i for i, word in enumerate(names)}}
tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<pad>"))
tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
transformers.PreTrainedTokenizerFast(
    tokenizer_object=tokenizer,
    pad_token="<pad>",
    eos_token="<eos>",
    chat_template="{{% for each in messages %}}{{{{ each['role'] }}}} {{{{ each['content'] }}}} "
    "{{% endfor %}}{{% if add_generation_prompt %}}assistant {{% endif %}}",
).save_pretrained(here / "model")
transformers.LlamaConfig(
    vocab_size=64,
    hidden_size=16,
    intermediate_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    architectures=["LlamaForCausalLM"],
).save_pretrained(here / "model")
with hydra.initialize_config_module("verl.trainer.config", version_base=None):
    config = hydra.compose(
        "ppo_trainer",
        [
            f"actor_rollout_ref.model.path={{here / 'model'}}",
            f"critic.model.path={{here / 'model'}}",
            "actor_rollout_ref.rollout.name=vllm",
            "actor_rollout_ref.rollout.prompt_length=16",
            "actor_rollout_ref.rollout.response_length=8",
            "actor_rollout_ref.rollout.agent.num_workers={WORKERS}",
            f"actor_rollout_ref.rollout.agent.agent_loop_config_path={{here / 'my_loops.yaml'}}",
            "actor_rollout_ref.rollout.agent.default_agent_loop=swarm",
            "trainer.logger=[console,rlviz]",
            f"trainer.default_local_dir={{here / 'checkpoints'}}",
            f"+trainer.rlviz.logdir={{here / 'run'}}",
            "+trainer.rlviz.figure_seconds=null",
            "+trainer.rlviz.senders=true",
        ],
    )
ray.init(num_cpus=2, include_dashboard=False)
plain = omegaconf.OmegaConf.to_container(config, resolve=True)
tracking = Tracking("project", "experiment", config.trainer.logger, plain)
manager = AgentLoopManager.create(config=config, llm_client=Client(config))


def generate(split, step):
    of_each = {{
        "raw_prompt": [[{{"role": "user", "content": "hello"}}]] * {SAMPLES},
        "extra_info": [{{"split": split, "index": i}} for i in range({SAMPLES})],
        "global_steps": [step] * {SAMPLES},  # as its trainer gives them on with the prompts
    }}
    batch = DataProto.from_dict(
        tensors={{"dummy": torch.zeros({SAMPLES}, 1)}},
        non_tensors={{name: np.array(each, dtype=object) for name, each in of_each.items()}},
        meta_info={{"global_steps": step, "validate": split != "train"}},
    )
    assert manager.generate_sequences(batch).batch["responses"].shape == ({SAMPLES}, 8)


for step in range(1, {STEPS} + 1):
    generate("train", step)
    generate("test", step)
    tracking.log({{"timing_s/step": 1.0, "critic/score/mean": 0.5}}, step=step)
health = tracking.logger["rlviz"].viz.health
tracking.finish()
print("errors:", health.errors)
"""

ENGINE = """
from verl.workers.rollout.llm_server import LLMServerClient
from verl.workers.rollout.replica import TokenOutput


class Client(LLMServerClient):
    async def generate(self, request_id, *, prompt_ids, sampling_params, **kwargs):
        return TokenOutput(token_ids=[5, 6], stop_reason="completed")
"""


@pytest.mark.timeout(600)
def test_an_agent_loop_brings_the_parallelism_of_every_training_episode(
    tmp_path, launched, documented
):
    for name in ("my_loops.py", "my_loops.yaml"):
        (tmp_path / name).write_text(documented("agents.md", name), encoding="utf-8")
    (tmp_path / "engine.py").write_text(ENGINE, encoding="utf-8")
    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    done = launched(str(tmp_path / "driver.py"), str(tmp_path), timeout=550, path=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "errors: 0" in done.stdout
    assert "Using blocking ray.get" not in done.stdout + done.stderr
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, STEPS + 1))
    # These rollouts take less than the writer's pace, and are of their own step all the same.
    np.testing.assert_array_equal(run.columns["parallelism_count"], SAMPLES)
    assert run.parallelism_units == ("seconds",)
    np.testing.assert_array_equal(run.sub_agents_per_episode, 2.0)
    np.testing.assert_array_equal(run.agent_fan_out, 2.0)
    np.testing.assert_array_equal(run.parallel_episodes, 1.0)
    assert (run.parallelism > 1).all()
    assert (run.parallelism <= 2).all()

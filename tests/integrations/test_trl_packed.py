"""TRL's trainers that pack, fold rows into trees, generate elsewhere or train adapters."""

import importlib
import itertools
import os
import queue
from types import SimpleNamespace

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

D, F, L, H, V = 16, 32, 2, 2, 14
DH = D // H
WORDS = ["<pad>", "<eos>", *"0123456789", "+", "="]
LENGTHS = [7, 3, 12, 5, 9, 2, 8, 4]


# --- what it costs, by hand ----------------------------------------------------------

BODY = L * (4 * D * D + 3 * D * F)  # weights of the layers' products
HEAD = D * V


def attention(keys):
    """A score and a weighted value for each head and key that a token sees."""
    return L * H * (2 * DH + 2 * DH) * sum(keys)


def forward(length):
    return 2 * (BODY + HEAD) * length + attention(range(1, length + 1))


# --- what all of them train ----------------------------------------------------------


def tokenizer():
    words = tokenizers.models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="0")
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(words), pad_token="<pad>", eos_token="<eos>"
    )
    made.backend_tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return made


def network(**options):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # more only wait for each other at this size
    config = transformers.LlamaConfig(
        vocab_size=V,
        hidden_size=D,
        intermediate_size=F,
        num_hidden_layers=L,
        num_attention_heads=H,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        **options,
    )
    return transformers.LlamaForCausalLM(config)


def settings(directory, **more):
    return {
        "output_dir": str(directory / "out"),
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        **more,
    }


@pytest.fixture
def callback(tmp_path):
    return RLVizCallback(tmp_path / "run", figure_seconds=None)


@pytest.fixture
def recorded(tmp_path):
    return lambda: rlviz.read(tmp_path / "run")


def spent(run, phase):
    """FLOPs of a phase in each step."""
    total = [0, *run.exact_flops(phase)]
    return [after - before for before, after in itertools.pairwise(total)]


# --- packing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {"packing": True, "max_length": 16},
        {"packing": True, "max_length": 16, "pad_to_multiple_of": 8},
        {"padding_free": True, "max_length": None},
        {"max_length": None},
    ],
    ids=["packed", "packed and padded", "without padding", "padded"],
)
def test_sequences_that_share_a_row_cost_what_they_cost_alone(tmp_path, callback, recorded, how):
    data = [{"input_ids": list(range(2, 2 + n))} for n in LENGTHS]
    trainer = trl.SFTTrainer(
        model=network(),
        args=trl.SFTConfig(
            **settings(tmp_path), per_device_train_batch_size=2, num_train_epochs=1, **how
        ),
        train_dataset=datasets.Dataset.from_list(data),
        processing_class=tokenizer(),
        callbacks=[callback],
    )
    trainer.train()
    run = recorded()
    assert sum(spent(run, "update")) == 3 * sum(map(forward, LENGTHS))
    assert run.phases == ("update",)


def test_rows_that_transformers_flattens_cost_what_their_sequences_cost(
    tmp_path, callback, recorded
):
    data = [{"input_ids": list(range(2, 2 + n))} for n in LENGTHS]
    trainer = transformers.Trainer(
        model=network(),
        args=transformers.TrainingArguments(**settings(tmp_path), per_device_train_batch_size=4),
        train_dataset=data,
        data_collator=transformers.DataCollatorWithFlattening(),
        callbacks=[callback],
    )
    trainer.args.num_train_epochs = 1
    trainer.train()
    assert sum(spent(recorded(), "update")) == 3 * sum(map(forward, LENGTHS))


# --- asynchronous: trees of samples that were generated elsewhere ---------------------


class Generator:
    """In the place of the process that samples with vLLM: the samples are in its queue."""

    def __init__(self, samples):
        self.rollout_buffer, self.metrics_queue = queue.Queue(), queue.Queue()
        for sample in samples:
            self.rollout_buffer.put(sample)

    def start(self):
        pass

    stop = start

    def update_model_version(self, model_version):
        pass

    check_health = update_model_version


def attend(query, key, value, ends, key_ends, *_, softmax_scale, **__):
    """What the kernel for graphics cards computes: each segment attends to its path's end."""
    outputs = []
    for i in range(len(ends) - 1):
        q, k, v = (
            x[e[i] : e[i + 1]].transpose(0, 1)
            for x, e in ((query, ends), (key, key_ends), (value, key_ends))
        )
        seen = torch.ones(q.shape[1], k.shape[1]).tril(k.shape[1] - q.shape[1]).bool()
        each = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=seen, scale=softmax_scale
        )
        outputs.append(each.transpose(0, 1))
    return torch.cat(outputs)


def sample(prompt, answer, group, *, mask=None, version=1):
    from trl.experimental.async_grpo.async_rollout_worker import RolloutSample

    tokens = np.array(prompt + answer)
    mask = np.array([0] * len(prompt) + (mask or [1] * len(answer)))
    return RolloutSample(
        prompt=[],
        completion=[],
        input_ids=tokens,
        completion_mask=mask,
        old_log_probs=np.zeros(len(tokens), np.float32),
        advantage=1.0,
        model_version=version,
        group_id=group,
        metrics={"reward": 1.0, "rewards/is_right": 1.0},
    )


@pytest.fixture
def asynchronously(tmp_path, callback, recorded, monkeypatch):
    """Trains on samples that are there already, and reads the run."""
    pytest.importorskip("requests", reason="TRL's client of vLLM needs requests")
    module = importlib.import_module("trl.experimental.async_grpo")
    packing = importlib.import_module("trl.experimental.async_grpo.packing")
    kernel = SimpleNamespace(flash_attn_varlen_func=attend)
    monkeypatch.setattr(packing, "_flash_attn", lambda: kernel)
    trainers = importlib.import_module("trl.experimental.async_grpo.async_grpo_trainer")
    monkeypatch.setattr(trainers, "get_peak_flops_per_device", lambda *_: None)  # it asks CUDA
    network().save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")

    def train(samples, **more):
        arguments = {"token_budget": 0, "per_device_train_batch_size": 2, "bf16": False, **more}
        transfer = SimpleNamespace(
            init_weight_transfer=lambda: None,
            pause=lambda: None,
            send_weights=lambda weights: [None for _ in weights],
            resume=lambda: None,
            destroy=lambda: None,
        )
        trainer = module.AsyncGRPOTrainer(
            model=str(tmp_path / "model"),
            args=module.AsyncGRPOConfig(**settings(tmp_path), **arguments),
            train_dataset=datasets.Dataset.from_list([{"prompt": "1 + 2 ="}]),
            rollout_worker=Generator(samples),
            weight_transfer=transfer,
            callbacks=[callback],
        )
        trainer.train()
        return recorded()

    return train


def test_an_asynchronous_step_costs_its_rollouts_and_each_token_of_its_tree_once(asynchronously):
    asked, other = [2, 3, 4, 5, 6], [7, 8, 9]
    samples = [
        sample(asked, [2, 3, 1], 0),
        sample(asked, [2, 4, 5, 1], 0),
        sample(other, [5, 6, 1], 1),
        # a call of three tokens, what a tool said, and an answer
        sample(other, [2, 2, 2, 9, 9, 9, 9, 3, 1], 1, mask=[1, 1, 1, 0, 0, 0, 0, 1, 1]),
        *(sample(other, [5, 1], 2) for _ in range(2)),  # the same twice: one path of the tree
        *(sample(asked, [1], 3) for _ in range(2)),  # what is collated ahead
    ]
    run = asynchronously(samples, max_steps=3)

    def generated(prompt, sampled, fed):
        head = 1 + sampled - 1
        return 2 * BODY * fed + 2 * HEAD * head + attention(range(1, fed + 1))

    by_hand = [
        generated(5, 3, 5 + 3 - 1) + generated(5, 4, 5 + 4 - 1),
        generated(3, 3, 3 + 3 - 1) + generated(3, 3 + 2, 3 + 9 - 1),
        2 * generated(3, 2, 3 + 2 - 1),
    ]
    assert spent(run, "rollout") == by_hand
    # A tree parts one token before its samples differ, for a token is shared with what follows it.
    trees = [
        [*range(1, 6), 6, 7, 8, 6, 7, 8, 9],  # the prompt; then 2 3 1, and 2 4 5 1
        [*range(1, 3), *range(3, 7), *range(3, 13)],  # 7 8; then 9 5 6 1, and 9 2 2 2 …
        [*range(1, 6)],
    ]
    update = [3 * (2 * (BODY + HEAD) * len(keys) + attention(keys)) for keys in trees]
    assert spent(run, "update") == update
    assert sorted(run.phases) == ["rollout", "update"]
    assert run.columns["metrics/sample/staleness_mean"].tolist() == [0, 1, 2]
    waited, took = (run.columns[f"metrics/perf/{name}"] for name in ("rollout_wait_s", "step_s"))
    np.testing.assert_allclose(run.columns["metrics/trainer_idle_share"], waited / took, rtol=1e-9)
    assert np.isfinite(took).tolist() == [False, True, True]


def test_what_an_asynchronous_trainer_drops_is_a_metric_and_no_rollout(asynchronously, caplog):
    stale = sample([2, 3, 4], [5, 1], 0, version=-9)
    fresh = [sample([2, 3], [4, 1], 1) for _ in range(4)]
    run = asynchronously([stale, *fresh], max_steps=1)
    assert run.columns["metrics/sample/dropped_stale_total"].tolist() == [1]
    fed = 2 + 2 - 1
    one = 2 * BODY * fed + 2 * HEAD * 2 + attention(range(1, fed + 1))
    assert spent(run, "rollout") == [2 * one]
    said = [record.getMessage() for record in caplog.records if record.name == "rlviz"]
    (words,) = [words for words in said if "dropped" in words]
    assert "sample/dropped_stale_total counts them" in words


# --- rollouts of the user's own, and adapters -----------------------------------------


class Swarm:
    """A `rollout_func` whose sub-agents answer beside the completion that it returns."""

    def __init__(self):
        self.callback, self.shape, self.steps = None, None, []

    def __call__(self, prompts, trainer):
        ids = [tokenizer()(prompt)["input_ids"] for prompt in prompts]
        if self.shape is not None:
            helped = self.shape.generation([4] * len(ids), [6] * len(ids))
            self.callback.record(flops={"rollout_subagents": helped})
            self.steps.append(helped)
        return {"prompt_ids": ids, "completion_ids": [[2, 3, 1]] * len(ids), "logprobs": None}


def grpo(directory, callback, **more):
    model = more.pop("model", None) or network()
    data = datasets.Dataset.from_list([{"prompt": "1 + 2 ="}, {"prompt": "1 + 2 + 3 ="}] * 8)
    return trl.GRPOTrainer(
        model=model,
        reward_funcs=lambda completion_ids, **_: [float(len(ids) % 2) for ids in completion_ids],
        args=trl.GRPOConfig(
            **settings(directory),
            per_device_train_batch_size=4,
            num_generations=2,
            max_completion_length=6,
            max_steps=2,
            beta=0.0,
            **more.pop("config", {}),
        ),
        train_dataset=data,
        processing_class=tokenizer(),
        callbacks=[callback],
        **more,
    )


def sub_agents_said(caplog):
    said = [record.getMessage() for record in caplog.records if record.name == "rlviz"]
    return [words for words in said if "sub-agents" in words]


def test_what_sub_agents_of_a_rollout_function_spend_is_asked_for_once(tmp_path, callback, caplog):
    grpo(tmp_path, callback, rollout_func=Swarm()).train()
    (said,) = sub_agents_said(caplog)
    assert "callback.record(flops={'rollout_subagents': …})" in said


def test_what_a_rollout_function_says_that_its_sub_agents_spent_is_counted(
    tmp_path, callback, recorded, caplog
):
    swarm, model = Swarm(), network()
    swarm.callback, swarm.shape = callback, rlviz.flops.from_config(model.config)
    grpo(tmp_path, callback, model=model, rollout_func=swarm).train()
    assert spent(recorded(), "rollout_subagents") == swarm.steps
    fed = 4 + 6 - 1
    assert swarm.steps[0] == 4 * (2 * BODY * fed + 2 * HEAD * 6 + attention(range(1, fed + 1)))
    assert sub_agents_said(caplog) == []


def test_adapters_cost_their_part_in_rollouts_scores_and_updates(tmp_path, callback, recorded):
    peft = pytest.importorskip("peft", reason="peft is not installed")
    rank = 3
    lora = peft.LoraConfig(r=rank, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM")
    lengths = []

    def reward(prompts, completion_ids, **_):
        lengths.append(
            [(len(p.split()), len(ids)) for p, ids in zip(prompts, completion_ids, strict=True)]
        )
        return [float(len(ids) % 2) for ids in completion_ids]

    trainer = trl.GRPOTrainer(
        model=network(),
        reward_funcs=reward,
        args=trl.GRPOConfig(
            **settings(tmp_path),
            per_device_train_batch_size=4,
            num_generations=2,
            max_completion_length=6,
            steps_per_generation=2,
            max_steps=2,
            beta=0.1,
        ),
        train_dataset=datasets.Dataset.from_list([{"prompt": "1 + 2 ="}, {"prompt": "4 ="}] * 8),
        processing_class=tokenizer(),
        peft_config=lora,
        callbacks=[callback],
    )
    trainer.train()
    run = recorded()
    adapters = L * rank * ((D + D) + (F + D))
    (batch,) = lengths
    fed = [p + r - 1 for p, r in batch]
    sampled = sum(r for _, r in batch)
    tokens = sum(p + r for p, r in batch)
    rollout = 2 * (BODY + adapters) * sum(fed) + 2 * HEAD * sampled
    rollout += sum(attention(range(1, n + 1)) for n in fed)
    keys = attention(itertools.chain(*(range(1, p + r + 1) for p, r in batch)))
    assert spent(run, "rollout") == [rollout, 0]
    assert spent(run, "old_logprob")[0] == 2 * (BODY + HEAD + adapters) * tokens + keys
    assert spent(run, "ref_logprob")[0] == 2 * (BODY + HEAD) * tokens + keys
    update = (4 * (BODY + HEAD) + 6 * adapters) * tokens + 3 * keys
    assert sum(spent(run, "update")) == update

"""TRL's GRPO with the line of rlviz: a model learns how many sub-agents a job needs.

Accuracy, parallelism and FLOPs are checked against what the reward function saw.
Run it: python trl_grpo.py [RUN]
"""

import sys
import tempfile

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

import rlviz
from rlviz.integrations.transformers import RLVizCallback  # 1

WORDS = ["<pad>", "<eos>", "tasks", "1", "2", "3", "4"]
STEPS, PROMPTS, GENERATIONS, WORK = 60, 8, 8, 12
WIDTH, MLP, LAYERS, HEADS = 16, 32, 2, 2


def tokenizer() -> PreTrainedTokenizerFast:
    words = models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<pad>")
    made = Tokenizer(words)
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<eos>")


def forward(length: int) -> int:
    """FLOPs of a forward pass, by hand: the weights' products, and attention's of each pair."""
    weights = LAYERS * (4 * WIDTH**2 + 3 * WIDTH * MLP) + WIDTH * len(WORDS)
    return 2 * weights * length + LAYERS * 4 * WIDTH * length * (length + 1) // 2


def main(logdir: str) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # so small a model only waits for more
    callback = RLVizCallback(logdir)  # 2
    right, lengths = [], set()

    def accuracy_reward(prompts, completions, completion_ids, **kwargs):
        scores, episodes = [], []
        for prompt, said, tokens in zip(prompts, completions, completion_ids, strict=True):
            lengths.add((len(prompt.split()), len(tokens)))
            agents = int(said) if said.isdigit() else 0
            scores.append(float(agents == int(prompt.split()[0])))
            helpers = [WORK // agents] * agents if agents else []  # they share the work
            main_steps = 1 if agents else 1 + WORK
            episodes.append(rlviz.parallelism.critical_steps([(main_steps, helpers), (1, [])]))
        callback.record(parallelism=episodes)
        right.append(sum(scores) / len(scores))
        return scores

    jobs = [{"prompt": f"{1 + i % 4} tasks"} for i in range(STEPS * PROMPTS)]
    with tempfile.TemporaryDirectory() as output:
        trainer = GRPOTrainer(
            model=LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=len(WORDS),
                    hidden_size=WIDTH,
                    intermediate_size=MLP,
                    num_hidden_layers=LAYERS,
                    num_attention_heads=HEADS,
                    pad_token_id=0,
                    eos_token_id=1,
                )
            ),
            reward_funcs=accuracy_reward,
            args=GRPOConfig(
                output_dir=output,
                per_device_train_batch_size=PROMPTS * GENERATIONS // 2,
                gradient_accumulation_steps=2,
                num_generations=GENERATIONS,
                max_completion_length=1,
                max_steps=STEPS,
                learning_rate=0.01,
                lr_scheduler_type="constant",
                logging_steps=1,
                save_strategy="no",
                report_to=[],
                use_cpu=True,
                disable_tqdm=True,
                seed=0,
                gradient_checkpointing=False,
            ),
            train_dataset=Dataset.from_list(jobs),
            processing_class=tokenizer(),
            callbacks=[callback],  # 3
        )
        trainer.train()

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    answers = PROMPTS * GENERATIONS
    assert lengths == {(2, 1)}
    head = 2 * WIDTH * len(WORDS)  # which generation leaves out but for the last token
    rollout, update = forward(2) - head, 3 * forward(3)
    assert run.exact_flops()[-1] == STEPS * answers * (rollout + update)
    assert run.step.tolist() == list(range(1, STEPS + 1))
    assert max(abs(run.accuracy - right)) < 1e-6
    assert run.accuracy[:3].mean() < 0.5
    assert run.accuracy[-5:].mean() > 0.9
    best = [(2 + WORK) / (2 + WORK // n) for n in (1, 2, 3, 4)]  # work over span
    assert abs(run.parallelism[-5:].mean() - sum(best) / 4) < 0.2


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="trl_grpo-"))

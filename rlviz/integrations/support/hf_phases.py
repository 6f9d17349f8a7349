"""The RL FLOPs of a Hugging Face trainer by phase, from the lengths of what passes its model."""

from typing import Any

import numpy as np

from rlviz.flops import LanguageModel
from rlviz.integrations.support.collated_rollouts import CollatedRollouts
from rlviz.integrations.support.sequence_lengths import LengthsWatch, SequenceLengths
from rlviz.record.error_log import logger


class TrainerPhases:
    """Tells the passes of a trainer's model apart, as TRL's GRPO and RLOO trainers make them.

    The trainer scores a generation batch, all of it, right after generating it, and there it is
    first seen. GRPO does not score if it trains on all the batch's sequences in the same optimizer
    step: then the batch is seen as it is first trained on. Trainers that don't generate only train.
    What asynchronous ones train on was generated elsewhere, and counts as it is trained on.

    Args:
        shape: what a token of the model costs.
        module: the model, as the trainer hands it to its callbacks.
        args: the trainer's arguments.
        rollouts: those of an asynchronous trainer.
    """

    def __init__(
        self,
        shape: LanguageModel,
        module: Any,
        args: Any,
        rollouts: CollatedRollouts | None = None,
    ) -> None:
        self._shape, self._lengths = shape, LengthsWatch(module)
        self._steps: int = getattr(args, "steps_per_generation", None) or 0  # 0: it never generates
        self._sequences = args.per_device_train_batch_size * self._steps
        self._has_reference = bool(getattr(args, "beta", 0.0)) and self._steps > 0
        adapters = hasattr(module, "peft_config")
        # Without its adapters, an adapted model is its own reference: those passes are seen too.
        self._reference_passes = self._sequences if self._has_reference and adapters else 0
        self._adapters = _trainable(module) if adapters else 0
        # vLLM is given merged weights; a reference is without adapters, or has a copy of them.
        elsewhere = rollouts is not None or getattr(args, "use_vllm", False)
        self._sampling_adapters = 0 if elsewhere else self._adapters
        self._reference_adapters = self._adapters if adapters and "ref" in module.peft_config else 0
        self._rollouts = rollouts
        self._hidden = getattr(args, "mask_truncated_completions", False)
        self._longest = getattr(args, "max_completion_length", 0)
        self._first_passes = 0
        self._said: set[str] = set()
        self._is_seen = False  # whether there was a pass that trains

    def take(self, generated: bool, *, trained: bool = True) -> dict[str, int]:
        """FLOPs by phase since the last call; call it after each forward and backward pass.

        Args:
            generated: whether a batch was generated meanwhile.
            trained: whether there was a forward and backward pass.
        """
        scored, updated = self._lengths.take("scored"), self._lengths.take("trained")
        evaluated = self._lengths.take("evaluated")
        if trained and self._lengths.can_read and not (self._is_seen or updated.lengths.size):
            self._say(
                "this trainer calls parts of its model and not the model itself, so passes of its "
                "update are not seen and not counted: record(flops={'update': …})."
            )
        self._is_seen = self._is_seen or updated.lengths.size > 0
        if self._lengths.left_out and not (self._steps or self._rollouts):
            self._say(
                "this trainer passes its model without gradients and without labels, as it "
                "generates or scores. How long those sequences are is not known, and they are not "
                "counted: record(flops={'rollout': …})."
            )
        spent = {
            "update": self._shape.training(
                updated.lengths,
                lora_params=self._adapters,
                shared_prefixes=updated.shared_prefixes,
            )
        }
        if self._rollouts is not None and trained:
            spent["rollout"] = self._shape.turns(self._rollouts.take())
        if not self._steps:  # passes without gradients are the reference's: DPO with adapters
            spent["ref_logprob"] = self._forward(scored, self._reference_adapters)
            spent["evaluation"] = self._forward(evaluated, self._adapters)
        elif generated:
            # TRL 0.18 scores by an adapted model's reference as it trains, a few at a time.
            if scored.lengths.size >= self._sequences:
                self._first_passes = 0
                spent |= self._rollout(scored, scored.lengths.size > self._reference_passes)
            else:
                self._first_passes = self._steps
        if self._first_passes:
            self._first_passes -= 1
            spent |= self._rollout(updated, False)
        return {phase: flops for phase, flops in spent.items() if flops}

    def close(self) -> None:
        self._lengths.close()
        if self._rollouts is not None:
            self._rollouts.close()

    def _forward(self, seen: SequenceLengths, adapters: int) -> int:
        return self._shape.forward(
            seen.lengths, lora_params=adapters, shared_prefixes=seen.shared_prefixes
        )

    def _rollout(self, seen: SequenceLengths, has_old: bool) -> dict[str, int]:
        """What it took to generate these sequences and to score them before the update."""
        prompts, responses = (part[: self._sequences] for part in (seen.prompts, seen.responses))
        if self._hidden:
            responses = np.where(responses == 0, self._longest, responses)
        if prompts.size and not responses.any():
            self._say(
                "nothing tells this model which of its tokens are completions, so their lengths "
                "are not known and only the update is counted. TRL says it by labels from 1.16 on, "
                "before by logits_to_keep, which not every model takes. Record the rest: "
                "record(flops={'rollout': …})."
            )
            return {}
        lengths, adapters = prompts + responses, self._sampling_adapters
        spent = {"rollout": self._shape.generation(prompts, responses, lora_params=adapters)}
        if has_old:
            spent["old_logprob"] = self._shape.forward(lengths, lora_params=self._adapters)
        if self._has_reference:
            adapters = self._reference_adapters
            spent["ref_logprob"] = self._shape.forward(lengths, lora_params=adapters)
        return spent

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            logger.warning("rlviz: %s", words)


def _trainable(module: Any) -> int:
    """How many weights are trained; sharded ones (DeepSpeed's) count with all their elements."""
    return sum(
        getattr(weight, "ds_numel", weight.numel())
        for weight in module.parameters()
        if weight.requires_grad
    )

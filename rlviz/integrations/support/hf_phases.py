"""The RL FLOPs of a Hugging Face trainer by phase, from the lengths of what passes its model."""

from typing import Any

import numpy as np

from rlviz.flops import LanguageModel
from rlviz.integrations.support.sequence_lengths import LengthsWatch, SequenceLengths
from rlviz.record.error_log import logger


class TrainerPhases:
    """Tells the passes of a trainer's model apart, as TRL's GRPO and RLOO trainers make them.

    The trainer scores a generation batch, all of it, right after generating it, and there it is
    first seen. GRPO does not score if it trains on all the batch's sequences in the same optimizer
    step: then the batch is seen as it is first trained on. Trainers that don't generate only train.

    Args:
        shape: what a token of the model costs.
        module: the model, as the trainer hands it to its callbacks.
        args: the trainer's arguments.
    """

    def __init__(self, shape: LanguageModel, module: Any, args: Any) -> None:
        self._shape, self._lengths = shape, LengthsWatch(module)
        self._steps: int = getattr(args, "steps_per_generation", None) or 0  # 0: it never generates
        self._sequences = args.per_device_train_batch_size * self._steps
        self._has_reference = bool(getattr(args, "beta", 0.0)) and self._steps > 0
        adapters = hasattr(module, "peft_config")
        # Without its adapters, an adapted model is its own reference: those passes are seen too.
        self._reference_passes = self._sequences if self._has_reference and adapters else 0
        self._adapters = _trainable(module) if adapters else 0
        self._hidden = getattr(args, "mask_truncated_completions", False)
        self._longest = getattr(args, "max_completion_length", 0)
        self._first_passes = 0
        self._said = False

    def take(self, generated: bool) -> dict[str, int]:
        """FLOPs by phase since the last call; call it after each forward and backward pass.

        Args:
            generated: whether a batch was generated meanwhile.
        """
        scored, trained = self._lengths.take("scored"), self._lengths.take("trained")
        evaluated = self._lengths.take("evaluated")
        spent = {"update": self._shape.training(trained.lengths, lora_params=self._adapters)}
        if not self._steps:  # passes without gradients are the reference's: DPO with adapters
            spent["ref_logprob"] = self._shape.forward(scored.lengths)
            spent["evaluation"] = self._shape.forward(evaluated.lengths)
        elif generated:
            # TRL 0.18 scores by an adapted model's reference as it trains, a few at a time.
            if scored.lengths.size >= self._sequences:
                self._first_passes = 0
                spent |= self._rollout(scored, scored.lengths.size > self._reference_passes)
            else:
                self._first_passes = self._steps
        if self._first_passes:
            self._first_passes -= 1
            spent |= self._rollout(trained, False)
        return {phase: flops for phase, flops in spent.items() if flops}

    def close(self) -> None:
        self._lengths.close()

    def _rollout(self, seen: SequenceLengths, has_old: bool) -> dict[str, int]:
        """What it took to generate these sequences and to score them before the update."""
        prompts, responses = (part[: self._sequences] for part in (seen.prompts, seen.responses))
        if self._hidden:
            responses = np.where(responses == 0, self._longest, responses)
        if prompts.size and not responses.any():
            self._say_that_they_are_unknown()
            return {}
        spent = {"rollout": self._shape.generation(prompts, responses)}
        scored = self._shape.forward(prompts + responses)
        return spent | {
            "old_logprob": scored if has_old else 0,
            "ref_logprob": scored if self._has_reference else 0,
        }

    def _say_that_they_are_unknown(self) -> None:
        if not self._said:
            self._said = True
            logger.warning(
                "rlviz: this trainer does not label its completions, so their lengths are not "
                "known and only the update is counted. Use trl >= 1.16, or record the rest: "
                "record(flops={'rollout': …})."
            )


def _trainable(module: Any) -> int:
    """How many weights are trained; sharded ones (DeepSpeed's) count with all their elements."""
    return sum(
        getattr(weight, "ds_numel", weight.numel())
        for weight in module.parameters()
        if weight.requires_grad
    )

"""The real lengths of the sequences that pass a language model while it trains."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rlviz.record.error_log import logger

Lengths = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SequenceLengths:
    """How long the sequences of one or more passes are; each (sequences,) tokens."""

    prompts: Lengths
    responses: Lengths
    """Tokens with a label: in trainers that generate, the whole completion."""

    @property
    def lengths(self) -> Lengths:
        return self.prompts + self.responses

    @staticmethod
    def of(rows: Lengths) -> "SequenceLengths":
        """From (2, sequences): the lengths of sequences and of their labelled parts."""
        return SequenceLengths(rows[0] - rows[1], rows[1])


class LengthsWatch:
    """Reads the lengths off each pass of a model, from its attention mask and labels.

    A pass with neither gradients nor labels is part of a generation and is left out. Nothing waits
    for the device: the sums that give the lengths are queued there before the pass, and read after.

    Args:
        module: the model, wrapped or not.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._found: dict[str, deque[tuple[Any, Any]]] = {
            kind: deque() for kind in ("trained", "scored", "evaluated")
        }
        self._handle = module.register_forward_pre_hook(self._before, with_kwargs=True)

    def take(self, kind: str) -> SequenceLengths:
        """The passes since the last time: "trained" with a gradient, "scored" without one while the
        model trains, "evaluated" while it does not."""
        found = self._found[kind]
        rows = [np.zeros((2, 0), np.int64)]
        while found:
            host, ready = found.popleft()
            if ready is not None:
                ready.synchronize()
            rows.append(host.numpy())
        return SequenceLengths.of(np.concatenate(rows, axis=1))

    def close(self) -> None:
        self._handle.remove()

    def _before(self, module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        try:
            differentiated, labels = torch.is_grad_enabled(), _labels(kwargs)
            if not differentiated and labels is None:
                return
            kind = "evaluated" if not module.training else "trained" if differentiated else "scored"
            self._found[kind].append(_on_its_way(_lengths(args, kwargs, labels)))
        except Exception as error:  # an odd model must train as without us
            self.close()
            logger.warning(
                "rlviz: the lengths of the sequences can't be read from %s (%s: %s), so no FLOPs "
                "are counted from here on. Record them yourself: record(flops=…).",
                type(module).__name__,
                type(error).__name__,
                error,
            )


def _labels(kwargs: dict[str, Any]) -> Any:
    """The labels of a pass. TRL 0.18 hands none over, but says how many of the last logits to keep:
    one more than the columns of the completions, whose padding the mask leaves out."""
    labels, mask = kwargs.get("labels"), kwargs.get("attention_mask")
    kept = kwargs.get("logits_to_keep")
    if labels is not None or not isinstance(mask, torch.Tensor) or mask.dim() != 2:
        return labels
    # `generate` keeps one, or with a cache as many as an assistant proposed.
    if not isinstance(kept, int) or kept < 2 or kwargs.get("past_key_values") is not None:
        return None
    labels = torch.where(mask > 0, 0, -100)
    labels[:, : 1 - kept] = -100
    return labels


def _lengths(args: Any, kwargs: dict[str, Any], labels: Any) -> torch.Tensor:
    """(2, sequences): tokens of each sequence, and how many of them have a label."""
    tokens = kwargs.get("input_ids", args[0] if args else None)
    if tokens is None:
        tokens = kwargs["inputs_embeds"]
    mask = kwargs.get("attention_mask")
    with torch.no_grad():
        if isinstance(mask, torch.Tensor) and mask.dim() == 2:
            whole = mask.sum(-1, dtype=torch.int64)
        else:
            whole = torch.full(tokens.shape[:1], tokens.shape[1], device=tokens.device)
        if isinstance(labels, torch.Tensor) and labels.dim() == 2:
            labelled = (labels != -100).sum(-1, dtype=torch.int64)
        else:
            labelled = torch.zeros_like(whole)
        return torch.stack((whole, labelled))


def _on_its_way(lengths: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """The lengths on the host, and the event after which they have arrived there."""
    if not lengths.is_cuda:
        return lengths.cpu(), None
    host = lengths.to("cpu", non_blocking=True)
    ready = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # torch leaves it so
    ready.record(torch.cuda.current_stream(lengths.device))
    return host, ready

"""The real lengths of the sequences that pass a language model while it trains."""

from collections import deque
from collections.abc import Callable
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
    shared_prefixes: Lengths
    """Tokens before a branch of a tree, which the pass feeds but once."""

    @property
    def lengths(self) -> Lengths:
        return self.prompts + self.responses

    @staticmethod
    def of(rows: Lengths) -> "SequenceLengths":
        """From (3, sequences): their lengths, those of their labelled parts, shared prefixes."""
        return SequenceLengths(rows[0] - rows[1], rows[1], rows[2])


class LengthsWatch:
    """Reads the lengths off each pass of a model, from what says where its sequences are.

    That is its `cu_seq_lens_q`, or its attention mask, whose numbers above 1 tell packed sequences
    apart, and its `position_ids`, which begin anew in each sequence of a row; labels; and the
    branches of TRL's `TreeRow`s. A packed sequence of one token is padding, for it trains nothing.

    A pass with neither gradients nor labels is part of a generation and is left out. Nothing waits
    for the device: the sums that give the lengths are queued there before the pass, and read after.

    Args:
        module: the model, wrapped or not.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self._found: dict[str, deque[_Pass]] = {
            kind: deque() for kind in ("trained", "scored", "evaluated")
        }
        self.can_read = True
        self.left_out = False
        """Whether the model was passed with neither gradients nor labels while it trains."""
        self._handle = module.register_forward_pre_hook(self._before, with_kwargs=True)

    def take(self, kind: str) -> SequenceLengths:
        """The passes since the last time: "trained" with a gradient, "scored" without one while the
        model trains, "evaluated" while it does not."""
        found = self._found[kind]
        rows = [np.zeros((3, 0), np.int64)]
        while found:
            rows.append(found.popleft().rows())
        return SequenceLengths.of(np.concatenate(rows, axis=1))

    def close(self) -> None:
        self._handle.remove()

    def _before(self, module: torch.nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        try:
            differentiated, labels = torch.is_grad_enabled(), _labels(kwargs)
            if not differentiated and labels is None:
                self.left_out = self.left_out or module.training
                return
            kind = "evaluated" if not module.training else "trained" if differentiated else "scored"
            with torch.no_grad():
                self._found[kind].append(_read(args, kwargs, labels))
        except Exception as error:  # an odd model must train as without us
            self.can_read = False
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
    if not isinstance(kept, int) or kept < 2:
        return None
    if any(kwargs.get(name) is not None for name in _CACHES):
        return None
    labels = torch.where(mask > 0, 0, -100)
    labels[:, : 1 - kept] = -100
    return labels


class _Pass:
    """Numbers on their way to the host, and how lengths are read off them there."""

    def __init__(self, read: Callable[..., Lengths], *tensors: torch.Tensor) -> None:
        self._read = read
        self._hosts = [each.to("cpu", non_blocking=each.is_cuda) for each in tensors]
        self._ready: Any = None
        if tensors[0].is_cuda:
            self._ready = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # torch
            self._ready.record(torch.cuda.current_stream(tensors[0].device))

    def rows(self) -> Lengths:
        """(3, sequences), as `SequenceLengths.of` takes them."""
        if self._ready is not None:
            self._ready.synchronize()
        return self._read(*(host.numpy() for host in self._hosts))


def _read(args: Any, kwargs: dict[str, Any], labels: Any) -> _Pass:
    if isinstance(tree := kwargs.get("tree_cu_seqlens_q"), torch.Tensor):
        return _Pass(_branches, tree, kwargs["tree_cu_seqlens_k"])
    tokens = kwargs.get("input_ids", args[0] if args else None)
    if tokens is None:
        tokens = kwargs["inputs_embeds"]
    shape = tokens.shape[:2]
    labelled = torch.zeros(shape, dtype=torch.bool, device=tokens.device)
    if isinstance(labels, torch.Tensor) and labels.shape == shape:
        labelled = labels != -100
    for name in _BOUNDARIES:
        if isinstance(ends := kwargs.get(name), torch.Tensor) and ends.numel() == ends.shape[-1]:
            return _Pass(_between, ends.reshape(-1), labelled.reshape(-1))
    return _rows(shape, kwargs.get("attention_mask"), kwargs.get("position_ids"), labelled)


def _rows(shape: Any, mask: Any, positions: Any, labelled: torch.Tensor) -> _Pass:
    """Rows of a batch, each a sequence and its padding, or several that were packed."""
    member = torch.ones(shape, dtype=torch.bool, device=labelled.device)
    begins = torch.zeros_like(member)
    if isinstance(mask, torch.Tensor) and mask.dim() == 2:
        numbers = mask.to(torch.int64)
        member, highest = numbers > 0, numbers.cummax(-1).values
        before = torch.zeros_like(highest[:, :1])
        begins = member & (torch.diff(highest, dim=-1, prepend=before) > 0)
    places = _places(positions, shape) if member.shape == shape else None
    if places is not None:
        first = places.masked_fill(~member, _NEVER).amin(-1, keepdim=True)
        begins = begins | (member & (places == first))
    parts = (member, labelled, begins)
    sums = torch.stack([each.sum(-1) for each in parts])

    def rows(sums: Lengths, *on_host: NDArray[np.bool_]) -> Lengths:
        if (sums[2] <= 1).all() or member.shape != labelled.shape:
            return np.stack((sums[0], sums[1], np.zeros_like(sums[0])))
        return _packed(*(on_host or (each.cpu().numpy() for each in parts)))

    # Where positions say that there may be several in a row, what tells them apart goes along.
    return _Pass(rows, sums, *(() if places is None else parts))


def _places(positions: Any, shape: Any) -> torch.Tensor | None:
    """The place of each token in its sequence, (rows, tokens), where positions say it."""
    if not isinstance(positions, torch.Tensor):
        return None
    if positions.dim() == 3 and positions.shape[0] == 4:
        positions = positions[0]  # of text; the others are places in an image
    if positions.shape not in (shape, shape[1:], (1, shape[1])):
        return None
    places: torch.Tensor = positions.to(torch.int64)
    return places.expand(shape)


def _packed(
    member: NDArray[np.bool_], labelled: NDArray[np.bool_], begins: NDArray[np.bool_]
) -> Lengths:
    """From (rows, tokens) each: tokens that are no padding, have a label, begin a sequence."""
    begins = begins.copy()
    begins[:, 0] = True  # of a row; before the first sequence there is at most padding
    at = np.flatnonzero(begins)
    lengths, labels = (
        np.add.reduceat(each.ravel(), at, dtype=np.int64) for each in (member, labelled)
    )
    return _without_padding(lengths, labels)


def _between(ends: NDArray[Any], labelled: NDArray[np.bool_]) -> Lengths:
    """Sequences from one boundary to the next, as kernels for packed sequences take them."""
    ends = ends[ends >= 0].astype(np.int64)  # -1 fills up what ends before others do
    before = np.concatenate((np.zeros(1, np.int64), np.cumsum(labelled)))
    return _without_padding(np.diff(ends), np.diff(before[np.minimum(ends, labelled.size)]))


def _without_padding(lengths: Lengths, labelled: Lengths) -> Lengths:
    """Collators pad a packed row with tokens that are sequences of their own."""
    kept = lengths > 1
    return np.stack((lengths[kept], labelled[kept], np.zeros_like(lengths[kept])))


def _branches(fed: NDArray[Any], reached: NDArray[Any]) -> Lengths:
    """Segments of a tree: the tokens of each, and of the path from the root that it ends."""
    lengths, paths = np.diff(fed.astype(np.int64)), np.diff(reached.astype(np.int64))
    return np.stack((lengths, np.zeros_like(lengths), paths - lengths))


_BOUNDARIES = ("cu_seq_lens_q", "cu_seqlens_q", "cu_seq_lens", "cu_seqlens")
_CACHES = ("cache", "past_key_values")  # from transformers 5.24, and before
_NEVER = 2**62
"""A position that no token has."""

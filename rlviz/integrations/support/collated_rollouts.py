"""The rollouts in the batches of TRL's asynchronous trainers, which generate in other processes."""

from collections import deque
from typing import Any

from rlviz.integrations.support.turns import turns_of
from rlviz.record.error_log import logger

Turns = list[tuple[int, int]]


class CollatedRollouts:
    """Sees the samples that are packed into batches, and keeps their turns until these are trained.

    A batch is collated some time before it is trained on, and by rank 0 for all ranks; on the other
    ranks nothing is seen. A sample is a row of tokens with a mask of those that were sampled. Where
    a conversation was written anew in between, TRL makes two of it, each with its own prompt.

    Args:
        loader: the trainer's, as its callbacks get it.

    Raises:
        AttributeError: it collates nothing.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = getattr(loader, "base_dataloader", loader)  # accelerate's wraps torch's
        self._collate = self._loader.collate_fn
        self._batches: deque[list[Turns]] = deque()
        self._said = False
        self._loader.collate_fn = self._collated

    def take(self) -> list[Turns]:
        """The turns of each sample of the batch that is trained on next."""
        return self._batches.popleft() if self._batches else []

    def close(self) -> None:
        self._loader.collate_fn = self._collate

    def _collated(self, examples: Any) -> Any:
        turns: list[Turns] = []
        try:
            (rows,) = examples  # one for each rank
            samples = [each for row in rows for each in getattr(row, "samples", row)]
            turns = [turns_of(each["completion_mask"].tolist()) for each in samples]
        except Exception as error:  # the trainer's data are other than was foreseen
            self._say(f"{type(error).__name__}: {error}")
        self._batches.append(turns)
        return self._collate(examples)

    def _say(self, reason: str) -> None:
        if not self._said:
            self._said = True
            logger.warning(
                "rlviz: the rollouts in the batches of this asynchronous trainer can't be read "
                "(%s), so they are not counted. Record them yourself: "
                "record(flops={'rollout': …}).",
                reason,
            )

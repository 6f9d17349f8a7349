"""Brings what senders recorded to the steps that it belongs to, before their rows are built.

A step that was closed asks all senders for what they recorded so far, and waits for their answers:
milliseconds, and never longer than `patience`. What comes later goes into the next row.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rlviz import wording
from rlviz.record.late import LateSums, put
from rlviz.record.receiver import Receiver
from rlviz.record.step_sums import StepSums

_MOST_PLACES = 65_536
"""Steps to come and unbound episodes whose sums are kept apart."""
_MOST_BOUND = 1_000_000
"""Bound episodes whose names are remembered, for what still comes of them."""
_NAMED = 5
"""Silent senders that are named."""


@dataclass(slots=True)
class _Held:
    """A closed step that waits for senders."""

    since: float
    mark: int
    step: StepSums
    names: list[str]
    """Of its episodes."""
    by_sender: dict[object, StepSums]


class Arrivals:
    """Closed steps on their way to rows, and what senders recorded of them.

    Args:
        receiver: takes what senders send.
        late: where sums go whose step has passed.
        patience: the most seconds that a step waits.
        on_error: told of senders that a step no longer waits for.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        receiver: Receiver,
        late: LateSums,
        *,
        patience: float,
        on_error: Callable[[Exception], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receiver = receiver
        self._late = late
        self._patience = patience
        self._on_error = on_error
        self._clock = clock
        self._held: deque[_Held] = deque()
        self._early: dict[int | str, dict[object, StepSums]] = {}
        """Sums of steps that are not closed and of episodes that are not bound, by sender."""
        self._open: dict[object, StepSums] = {}
        """Sums of the step that is open, by sender."""
        self._bound: dict[str, _Held | None] = {}
        """Episode -> the step that has it; None once that has passed."""
        self._passed = -1
        self._silent: set[bytes] = set()
        """Senders that no step waits for until they answer."""
        self._last_mark: int | None = None

    @property
    def held(self) -> int:
        """Steps that wait."""
        return len(self._held)

    @property
    def waits_at_the_end(self) -> bool:
        """Whether a sender may still bring what it recorded before the end; steps apart."""
        if self._last_mark is None:
            return False
        return self._receiver.is_meeting or bool(self._awaited(self._last_mark))

    def add(self, steps: Iterable[StepSums]) -> None:
        """Add steps that were closed."""
        if not (steps := list(steps)):
            return
        mark, now = self._receiver.ask(), self._clock()
        for step in steps:
            names, step.episodes = step.episodes, []
            held = _Held(now, mark, step, names, self._open)
            self._open = {}
            for name in names:
                self._bound[name] = held
                if (known := self._early.pop(name, None)) is None:
                    step.episodes.append(name)  # the sender of rank 0 may know it
                    continue
                for sender, sums in known.items():
                    put(held.by_sender, sender, sums)
            self._held.append(held)
        while len(self._bound) > _MOST_BOUND:
            del self._bound[next(iter(self._bound))]

    def ready(self, *, now_or_never: bool = False) -> list[StepSums]:
        """Steps that need not wait any longer, with what senders recorded of them."""
        released: list[StepSums] = []
        now = self._clock()
        if not self._held:
            self._receive()
        while self._held:
            held = self._held[0]
            waiting = self._awaited(held.mark)
            self._receive()  # in this order: who has answered has sent everything before
            if waiting and not now_or_never:
                if now - held.since < self._patience:
                    break
                self._give_up_on(waiting)
            del self._held[0]
            released.append(self._release(held))
        return released

    def claim(self, step: StepSums) -> None:
        """Add the sums of episodes that another rank bound to a step whose row is next."""
        names, step.episodes = step.episodes, []
        by_sender: dict[object, StepSums] = {}
        for name in names:
            self._bound[name] = None
            for sender, sums in self._early.pop(name, {}).items():
                put(by_sender, sender, sums)
        for sums in by_sender.values():
            step.merge(sums)

    def begin_end(self) -> None:
        """Ask all senders for the last time."""
        self._last_mark = self._receiver.ask()

    def end(self) -> None:
        """Let no more come; what belongs to no step that was closed goes to the late sums."""
        self._receiver.close()
        self._receive()
        self._say_unbound()
        for place in list(self._early):
            self._let_go(place)
        for sender, sums in self._open.items():
            self._late.add(sender, sums, is_late=False)
        self._open = {}

    def _say_unbound(self) -> None:
        """Name episodes that the trainer never bound: perhaps it calls them otherwise."""
        unbound = [place for place in self._early if isinstance(place, str)]
        if unbound:
            what = wording.counted(len(unbound), "episode")
            self._on_error(
                ValueError(
                    f"{what}, such as {unbound[0]!r:.80}, came from senders and was never bound by "
                    "record(episodes=[…]): what they recorded is in the last row"
                )
            )

    def _awaited(self, mark: int) -> dict[bytes, str]:
        """Senders that have not answered a mark, but those that are silent: id -> name."""
        unanswered = self._receiver.unanswered(mark)
        self._silent &= unanswered.keys()
        return {sender: name for sender, name in unanswered.items() if sender not in self._silent}

    def _give_up_on(self, waiting: dict[bytes, str]) -> None:
        self._silent |= waiting.keys()
        names = list(waiting.values())
        others = len(names) - _NAMED
        if others > 0:
            names = [*names[:_NAMED], f"{others:,} others"]
        self._on_error(
            TimeoutError(
                f"nothing came from {wording.joined(names)} for {self._patience:g} seconds: steps "
                "are written without waiting for it; what it recorded goes into later rows"
            )
        )

    def _receive(self) -> None:
        """Sort in what has come."""
        for sender, place, sums in self._receiver.take():
            if place is None:
                put(self._held[-1].by_sender if self._held else self._open, sender, sums)
            elif isinstance(place, str):
                if place not in self._bound:
                    put(self._early.setdefault(place, {}), sender, sums)
                elif (held := self._bound[place]) is None:
                    self._late.add(sender, sums)
                else:
                    put(held.by_sender, sender, sums)
            elif (at := self._held_at(place)) is not None:
                put(at.by_sender, sender, sums)
            elif place > self._passed:
                put(self._early.setdefault(place, {}), sender, sums)
            else:
                self._late.add(sender, sums)
        while len(self._early) > _MOST_PLACES:
            self._let_go(next(iter(self._early)))

    def _held_at(self, step: int) -> _Held | None:
        return next((held for held in self._held if held.step.step == step), None)

    def _release(self, held: _Held) -> StepSums:
        """The sums of a step with those of all senders, whose seconds ran side by side."""
        step = held.step
        for place in [at for at in self._early if isinstance(at, int) and at <= step.step]:
            for sender, sums in self._early.pop(place).items():
                self._late.count += place < step.step  # the trainer closed no such step
                put(held.by_sender, sender, sums)
        for sums in held.by_sender.values():
            step.merge(sums)
        self._passed = step.step
        for name in held.names:
            self._bound[name] = None
        return step

    def _let_go(self, place: int | str) -> None:
        for sender, sums in self._early.pop(place).items():
            self._late.add(sender, sums)

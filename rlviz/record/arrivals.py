"""Brings what senders recorded to the steps that it belongs to, before their rows are built.

A step that was closed asks all senders for what they recorded so far, and waits for their answers:
milliseconds, and never longer than `patience`. What comes later goes into the next row.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rlviz import wording
from rlviz.record.early import BySender, Early, put_and_weigh
from rlviz.record.late import LateSums
from rlviz.record.names import Names
from rlviz.record.receiver import Receiver
from rlviz.record.step_sums import StepSums
from rlviz.record.wire import Place

_SHARE_OF_NAMES = 0.25
"""Of the memory, for names of bound episodes, of which something may still come."""
_SHARE_OF_GIVEN_UP = 0.15
"""And for names of episodes that were given up, which count once whatever else comes of them: about
as many as there is room for sums of, so one of which more comes is known when that goes too."""
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
    by_sender: BySender
    nbytes: int
    """Of what senders brought."""


class Arrivals:
    """Closed steps on their way to rows, and what senders recorded of them.

    Args:
        receiver: takes what senders send.
        late: where sums go whose step has passed.
        patience: the most seconds that a step waits.
        on_error: told of senders that a step no longer waits for.
        byte_limit: what may be kept of steps to come, of episodes that are not bound, and of the
            names of those that are.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        receiver: Receiver,
        late: LateSums,
        *,
        patience: float,
        on_error: Callable[[Exception], None],
        byte_limit: int = 16_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receiver = receiver
        self._late = late
        self._patience = patience
        self._on_error = on_error
        self._clock = clock
        self._held: deque[_Held] = deque()
        self._held_by_step: dict[int, _Held] = {}
        self._held_bytes = 0
        for_sums = 1 - _SHARE_OF_NAMES - _SHARE_OF_GIVEN_UP
        self._early = Early(int(for_sums * byte_limit), self._let_go)
        """Sums of steps that are not closed and of episodes that are not bound."""
        self._open: BySender = {}
        """Sums of the step that is open, by sender."""
        self._open_bytes = 0
        self._bound: Names[_Held | None] = Names(int(_SHARE_OF_NAMES * byte_limit))
        """Episode -> the step that has it; None once that has passed."""
        self._given_up: Names[None] = Names(int(_SHARE_OF_GIVEN_UP * byte_limit))
        self.unbound = 0
        """Episodes that were given up before anybody bound them."""
        self._passed = -1
        self._silent: set[bytes] = set()
        """Senders that no step waits for until they answer."""
        self._last_mark: int | None = None

    @property
    def held(self) -> int:
        """Steps that wait."""
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """About how many bytes wait here, and in the receiver."""
        names = self._bound.nbytes + self._given_up.nbytes
        kept = self._early.nbytes + self._open_bytes + self._held_bytes
        return kept + names + self._receiver.nbytes

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
            held = _Held(now, mark, step, names, self._open, self._open_bytes)
            self._held_bytes += self._open_bytes
            self._open, self._open_bytes = {}, 0
            for name in names:
                self._bind(name, held)
                if not (known := self._early.take(name)):
                    step.episodes.append(name)  # the sender of rank 0 may know it
                for sender, sums in known.items():
                    self._put(held, sender, sums)
            self._held.append(held)
            self._held_by_step[step.step] = held

    def _bind(self, name: str, to: _Held | None) -> None:
        """Bind an episode, unless a step has it: one that is trained on again was spent once."""
        if name not in self._bound:
            self._bound.put(name, to)

    def _put(self, held: _Held, sender: object, sums: StepSums) -> None:
        grew = put_and_weigh(held.by_sender, sender, sums)
        held.nbytes += grew
        self._held_bytes += grew

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
        by_sender: BySender = {}
        for name in names:
            self._bind(name, None)
            for sender, sums in self._early.take(name).items():
                put_and_weigh(by_sender, sender, sums)
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
        self._early.let_all_go()
        for sender, sums in self._open.items():
            self._late.add(sender, sums, is_late=False)
        self._open, self._open_bytes = {}, 0

    def _say_unbound(self) -> None:
        """Name episodes that the trainer never bound: perhaps it calls them otherwise."""
        if unbound := self._early.episodes:
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
            if place is None and not self._held:
                self._open_bytes += put_and_weigh(self._open, sender, sums)
            elif (held := self._held_at(place)) is not None:
                self._put(held, sender, sums)
            elif place is not None and self._is_to_come(place):
                self._early.add(place, sender, sums)
            else:
                self._late.add(sender, sums)

    def _is_to_come(self, place: int | str) -> bool:
        return place > self._passed if isinstance(place, int) else place not in self._bound

    def _held_at(self, place: Place) -> _Held | None:
        """The closed step that sums belong to and that waits; None if there is none."""
        if place is None:
            return self._held[-1]
        if isinstance(place, str):
            return self._bound.get(place)
        return self._held_by_step.get(place)

    def _release(self, held: _Held) -> StepSums:
        """The sums of a step with those of all senders, whose seconds ran side by side."""
        step = held.step
        for place, by_sender in self._early.take_steps(step.step):
            for sender, sums in by_sender.items():
                self._late.count += place < step.step  # the trainer closed no such step
                self._put(held, sender, sums)
        for sums in held.by_sender.values():
            step.merge(sums)
        self._passed = step.step
        self._held_bytes -= held.nbytes
        if self._held_by_step.get(step.step) is held:
            del self._held_by_step[step.step]
        for name in held.names:
            if name in self._bound:
                self._bound.put(name, None)
        return step

    def _let_go(self, place: int | str, by_sender: BySender) -> None:
        if isinstance(place, str):
            self.unbound += place not in self._given_up
            self._given_up.put(place, None)
        for sender, sums in by_sender.items():
            self._late.add(sender, sums)

"""What a process has recorded and the trainer may not have: sums that may grow, and frames."""

from collections import deque
from collections.abc import Callable, Sequence

from rlviz.record import wire
from rlviz.record.measurement import Measurement
from rlviz.record.readings import Readings
from rlviz.record.step_sums import StepSums
from rlviz.record.wire import Place

_MOST_BYTES = 64_000_000
"""About what it may take while the trainer can't be reached, packed for its way or not."""


class Unsent:
    """Adds up calls, packs their sums into numbered frames, and keeps each until it is taken.

    It is not thread-safe, but any thread may read `delivered`.

    Args:
        on_error: told of calls that are lost, and of values that can't be read.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._readings = Readings(on_error)
        self._sums: dict[Place, tuple[StepSums, int]] = {}
        """With of how many calls they are."""
        self._sum_bytes = 0
        self._frames: deque[tuple[int, bytes, int]] = deque()
        """That the trainer may not have: number, bytes, calls."""
        self._frame_bytes = 0
        self._number = 0
        self.delivered = 0
        """Calls whose frames were acknowledged."""

    @property
    def has_sums(self) -> bool:
        """Whether there is anything that no frame has."""
        return bool(self._sums)

    @property
    def has_frames(self) -> bool:
        """Whether there are frames that the trainer may not have."""
        return bool(self._frames)

    @property
    def frames(self) -> list[bytes]:
        """These frames, in their order."""
        return [frame for _, frame, _ in self._frames]

    def add(self, calls: Sequence[tuple[Place, Measurement]]) -> int:
        """Add up what calls brought; returns of how many there was no room for it."""
        self._readings.fetch([brought for _, brought in calls])
        lost = 0
        for place, brought in calls:
            sums, many = self._sums.get(place) or (StepSums(), 0)
            # Places that are known may take as much again, for what is added there grows little.
            if self._sum_bytes + self._frame_bytes > (2 if many else 1) * _MOST_BYTES:
                lost += 1
                self._on_error(MemoryError("the trainer can't be reached, and memory is full"))
                continue
            before = sums.nbytes if many else 0
            try:
                sums.add(brought, self._readings.read)
            except Exception as error:  # the sums overflow a float
                self._on_error(error)
            self._sum_bytes += sums.nbytes - before
            self._sums[place] = sums, many + 1
        self._readings.clear()
        return lost

    def pack(self) -> list[bytes]:
        """The sums in as many frames as they take, which `frames` has too from then on."""
        parts = [(place, sums, calls) for place, (sums, calls) in self._sums.items()]
        packed: list[bytes] = []
        for message, calls in list(wire.messages(parts)):
            self._number += 1
            packed.append(wire.frame(wire.SUMS, wire.numbered(self._number, message)))
            self._frames.append((self._number, packed[-1], calls))
            self._frame_bytes += len(packed[-1])
        self._sums, self._sum_bytes = {}, 0
        return packed

    def acknowledge(self, number: int) -> None:
        """Forget the frames up to a number, which the trainer has."""
        while self._frames and self._frames[0][0] <= number:
            _, frame, calls = self._frames.popleft()
            self._frame_bytes -= len(frame)
            self.delivered += calls

    def forget(self) -> None:
        """Hold nothing more; who calls it has counted what is lost."""
        self._sums, self._sum_bytes = {}, 0
        self._frames.clear()
        self._frame_bytes = 0

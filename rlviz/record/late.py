"""Sums that came after the row of their step was built: they go into the next row."""

from rlviz.record.step_sums import StepSums


class LateSums:
    """What waits for the next row. Only the writer thread uses it, but any may read the count."""

    def __init__(self) -> None:
        self.count = 0
        """Sums of a rank or a sender that went, or will go, into a later row than their own."""
        self._by_source: dict[object, StepSums] = {}

    def __bool__(self) -> bool:
        return bool(self._by_source)

    def add(self, source: object, sums: StepSums, *, is_late: bool = True) -> None:
        """Keep sums for the next row.

        Args:
            source: the rank or the sender that they are of.
            sums: they must not be changed from here on.
            is_late: whether an earlier row was theirs.
        """
        self.count += is_late
        put(self._by_source, source, sums)

    def join(self, step: StepSums) -> None:
        """Add what waits to the sums of the next row."""
        by_source, self._by_source = self._by_source, {}
        for sums in by_source.values():
            step.merge(sums)


def put(by_source: dict[object, StepSums], source: object, sums: StepSums) -> None:
    """Add sums to those of their source, whose own seconds don't run side by side."""
    if (known := by_source.get(source)) is None:
        by_source[source] = sums
    else:
        known.merge(sums, side_by_side=False)

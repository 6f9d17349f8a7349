"""The names of places along a run: shares of the compute with FLOPs, or steps."""

from dataclasses import dataclass

from rlviz import wording


@dataclass(frozen=True, slots=True)
class Places:
    """Names of places along the run.

    Attributes:
        first, last: x at the ends of the run.
        in_flops: whether x counts RL FLOPs; else steps.
    """

    first: float
    last: float
    in_flops: bool

    @property
    def extent(self) -> float:
        return self.last - self.first

    def of(self, x: float) -> str:
        """
        >>> Places(0, 8e21, in_flops=True).of(2e21), Places(0, 2_000, in_flops=False).of(1_499.6)
        ('25 % of the compute (2.00e21 RL FLOPs)', 'step 1,500')
        """
        if not self.in_flops:
            return f"step {x:,.0f}"
        if not self.last > 0:
            return "0 RL FLOPs"
        return f"{self._share(x)} % of the compute ({wording.flops(int(x))} RL FLOPs)"

    def briefly(self, x: float) -> str:
        """The name where another place was named shortly before.

        >>> Places(0, 8e21, in_flops=True).briefly(2e21), Places(0, 8, in_flops=False).briefly(2)
        ('25 % (2.00e21)', 'step 2')
        """
        if not self.in_flops or not self.last > 0:
            return self.of(x)
        return f"{self._share(x)} % ({wording.flops(int(x))})"

    def between(self, start: float, end: float) -> str:
        """
        >>> Places(0, 8e21, in_flops=True).between(2e21, 4e21)
        '25 % to 50 % of the compute (2.00e21 to 4.00e21 RL FLOPs)'
        >>> Places(0, 8, in_flops=False).between(2, 4)
        'steps 2 to 4'
        """
        if not self.in_flops:
            return f"steps {start:,.0f} to {end:,.0f}"
        if not self.last > 0:
            return self.of(start)
        flops = f"{wording.flops(int(start))} to {wording.flops(int(end))} RL FLOPs"
        return f"{self._share(start)} % to {self._share(end)} % of the compute ({flops})"

    def _share(self, x: float) -> str:
        """Two places may share a rounded name, but no place has that of an end.

        >>> [Places(0, 1000, in_flops=True)._share(x) for x in (0, 4, 40, 996, 1000)]
        ['0', '0.4', '4', '99.6', '100']
        """
        percent = 100 * x / self.last
        near_end = 0 < percent < 1 or 99.5 <= percent < 99.95
        return f"{percent:.1f}" if near_end else f"{percent:.0f}"

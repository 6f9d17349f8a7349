"""RL FLOPs: what generation and training cost, from a model's shape or measured once."""

from rlviz.flops.devices import mfu, peak
from rlviz.flops.measured import Measured, exact, measure
from rlviz.flops.transformer import Transformer
from rlviz.flops.watch import Watch

__all__ = ["Measured", "Transformer", "Watch", "exact", "measure", "mfu", "peak"]

"""The public face of `rlviz.measure.flops`: what generation and training cost."""

from rlviz.measure.flops import Measured as Measured
from rlviz.measure.flops import Transformer as Transformer
from rlviz.measure.flops import Watch as Watch
from rlviz.measure.flops import measure as measure
from rlviz.measure.flops import mfu as mfu
from rlviz.measure.flops import peak as peak

__all__ = ["Measured", "Transformer", "Watch", "measure", "mfu", "peak"]

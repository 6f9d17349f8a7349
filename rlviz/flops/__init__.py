"""RL FLOPs: what generation and training cost, from a model's shape or measured once."""

from rlviz.flops.configured import from_config
from rlviz.flops.counted_model import CountedModel
from rlviz.flops.devices import mfu, peak
from rlviz.flops.language_model import LanguageModel
from rlviz.flops.measured import Measured, exact, measure
from rlviz.flops.transformer import Transformer
from rlviz.flops.watch import Watch

__all__ = [
    "CountedModel",
    "LanguageModel",
    "Measured",
    "Transformer",
    "Watch",
    "exact",
    "from_config",
    "measure",
    "mfu",
    "peak",
]

"""The public face of `rlviz.measure.flops`: what generation and training cost."""

from rlviz.measure.flops import *  # noqa: F403
from rlviz.measure.flops import __all__ as __all__

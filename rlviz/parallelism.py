"""The public face of `rlviz.measure.parallelism`: work over span, in three forms and live."""

from rlviz.measure.parallelism import *  # noqa: F403
from rlviz.measure.parallelism import __all__ as __all__

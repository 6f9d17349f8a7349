"""Where `Accuracy` was documented before: it is `rlviz.Accuracy` now."""

import warnings

from rlviz.accuracy import Accuracy as Accuracy

warnings.warn(
    "rlviz.measure.accuracy is deprecated: write `from rlviz import Accuracy`.",
    DeprecationWarning,
    stacklevel=2,
)

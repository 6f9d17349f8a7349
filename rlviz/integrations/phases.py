"""Where `Phases` was documented before: it is `rlviz.integrations.Phases` now."""

import warnings

from rlviz.integrations.support.phases import Phases as Phases

warnings.warn(
    "rlviz.integrations.phases is deprecated: write `from rlviz.integrations import Phases`.",
    DeprecationWarning,
    stacklevel=2,
)

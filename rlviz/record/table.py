"""The table on disk: columns stacked into one array, under a layout that only ever grows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rlviz import schema

Floats = NDArray[np.float64]


class Table:
    """Stacks columns into one array; columns only ever grow, so that a tag keeps one layout."""

    def __init__(self) -> None:
        self.layout = 0
        self.names: tuple[str, ...] = ()

    def stack(self, columns: Mapping[str, Floats]) -> Floats:
        """Columns, each (k,) -> (k, names), NaN where a column is missing."""
        new = [name for name in columns if name not in self.names]
        if new:
            self.layout += bool(self.names)
            self.names += tuple(new)
        missing = np.full(len(columns[schema.STEP]), np.nan)
        return np.column_stack([columns.get(name, missing) for name in self.names])

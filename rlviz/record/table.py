"""The table on disk: columns stacked in one array, and the tag that each batch stands under."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rlviz import schema

Floats = NDArray[np.float64]

_MOST_BATCHES = 512
_MOST_ROWS = 32_768
"""Under one tag. Readers of TensorBoard's data can only ask for all of a tag again."""


class Table:
    """Stacks columns into one array; columns only ever grow, so that a tag can keep its layout."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()

    def stack(self, columns: Mapping[str, Floats]) -> Floats:
        """Columns, each (k,) -> (k, names), NaN where a column is missing."""
        self.names += tuple(name for name in columns if name not in self.names)
        missing = np.full(len(columns[schema.STEP]), np.nan)
        return np.column_stack([columns.get(name, missing) for name in self.names])


class Layouts:
    """Numbers the stretches of batches that share a tag.

    TensorBoard keeps the header of a tag's first batch only, so a batch with another header begins
    the next layout.
    """

    def __init__(self) -> None:
        self._layout = 0
        self._header: schema.RowsHeader | None = None
        self._batches = self._rows = 0

    def of(self, header: schema.RowsHeader, rows: int) -> int:
        """The layout of the next batch, which has this header and so many rows."""
        is_full = self._batches >= _MOST_BATCHES or self._rows >= _MOST_ROWS
        if is_full or self._header not in (None, header):
            self._layout += 1
            self._batches = self._rows = 0
        self._header = header
        self._batches += 1
        self._rows += rows
        return self._layout

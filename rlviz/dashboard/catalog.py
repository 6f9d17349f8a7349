"""The runs that the page knows, wherever they are read from: what the answers need of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rlviz.dashboard.listing import Listing
from rlviz.report.history.history import History


@dataclass(frozen=True, slots=True)
class Run:
    """A run at one moment, without its rows."""

    name: str
    version: int
    """Greater than the version of any earlier state, of any run of this server."""
    listing: Listing


class Catalog(Protocol):
    """All runs of one page. Any thread may ask.

    The context and the name of the experiment are those of TensorBoard's requests.
    """

    unread: int
    """How many runs have unread rows."""

    def refresh(self, context: Any, experiment: str) -> Sequence[Run]:
        """Read what is new, for at most a second or so, and return all known runs, by name."""

    def get(self, context: Any, experiment: str, name: str) -> tuple[Run, History] | None:
        """A run as of its latest reading; None if no run has that name."""

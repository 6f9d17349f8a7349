"""The runs that the page knows, wherever they are read from: what the answers need of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rlviz.dashboard.listing import Listing
from rlviz.report.history.history import History
from rlviz.report.history.settings import Settings

_MOST_SETTINGS, _LONGEST = 200, 200


@dataclass(frozen=True, slots=True)
class Run:
    """A run at one moment, without its rows."""

    name: str
    version: int
    """Greater than the version of any earlier state, of any run of this server."""
    listing: Listing


@dataclass(frozen=True, slots=True)
class Told:
    """What a run's script said of it, beside its rows."""

    settings: Settings
    """Its configuration, as `rlviz.Callback` was given it."""
    is_closed: bool
    """Whether it said that it was done; False proves nothing."""

    def plain(self) -> dict[str, Any]:
        """For the page: at most 200 settings, and the first 200 characters of a text."""
        kept = list(self.settings.items())[:_MOST_SETTINGS]
        settings = {n: v[:_LONGEST] if isinstance(v, str) else v for n, v in kept}
        return {"settings": settings, "closed": self.is_closed}


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

    def told(self, context: Any, experiment: str) -> Mapping[str, Told]:
        """What the scripts of the known runs said, by name."""

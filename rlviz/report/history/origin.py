"""Where an imported run came from, and what its log does not tell, by the run's configuration."""

from dataclasses import dataclass

from rlviz import schema
from rlviz.report.history.history import History
from rlviz.report.history.settings import settings_of


@dataclass(frozen=True, slots=True)
class Origin:
    """What an import wrote about the log that it read.

    Attributes:
        source: the name of the log.
        kind: its kind, such as "csv".
        account: what was taken for what, and what can't be known: one sentence a line.
        is_sampled: whether counts and times are those of every k-th step alone.
    """

    source: str
    kind: str
    account: tuple[str, ...]
    is_sampled: bool

    @property
    def unknown(self) -> tuple[str, ...]:
        """Sentences on what the log does not tell about the compute."""
        return tuple(line for line in self.account if any(word in line for word in _ON_COMPUTE))


_ON_COMPUTE = (" not in the RL FLOPs", " not in the count", " rows, ", "too high by that factor")


def origin_of(history: History) -> Origin | None:
    """The origin of a run; None for one that was recorded, or whose files don't tell."""
    config = settings_of(history)
    if schema.IMPORTED_FROM not in config:
        return None
    return Origin(
        str(config[schema.IMPORTED_FROM]),
        str(config.get("kind", "")),
        tuple(str(config.get(schema.IMPORT_ACCOUNT, "")).splitlines()),
        config.get(schema.IMPORT_SAMPLED) is True,
    )

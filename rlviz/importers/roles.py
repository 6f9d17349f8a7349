"""What the columns of a log are: which is the step, the accuracy, the return, the compute."""

from dataclasses import dataclass, field

from rlviz.importers import names
from rlviz.importers.log import Log
from rlviz.importers.spread import Scale


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence on a role.

    Attributes:
        role: "step", "accuracy", "return" or "parallelism".
        text: the sentence.
        is_known: whether it says what was taken, else what the log does not tell.
    """

    role: str
    text: str
    is_known: bool


@dataclass(slots=True)
class Roles:
    """The chosen columns; None where the log has none."""

    step: str | None = None
    accuracy: str | None = None
    correct: str | None = None
    """With `graded`, the counts whose quotient is the accuracy."""
    graded: str | float | None = None
    return_: str | None = None
    parallelism: str | None = None
    flops: str | None = None
    tokens: str | None = None
    scale: Scale = (0.0, 1.0)
    """What a wrong and what a right answer earns."""
    said: list[Said] = field(default_factory=list)
    """What each column was taken for, and what the log does not tell."""

    def know(self, role: str, text: str) -> None:
        self.said.append(Said(role, text, True))

    def lack(self, role: str, text: str) -> None:
        self.said.append(Said(role, text, False))

    @property
    def main(self) -> str | None:
        """The main series of the run: its steps are the run's steps."""
        return self.accuracy or self.correct or self.return_

    @property
    def doubles_step(self) -> bool:
        """Whether the column of the step has another role too, as where a run counts in tokens."""
        return self.step in self._beside_step()

    def counts_more_than_updates(self, log: Log) -> bool:
        """Whether the steps are known to be episodes or steps of an environment."""
        name = self.step or log.step_name
        are_numbered = self.step is None and not len(log.step)
        return names.counts_more_than_updates(None if are_numbered else name, log.series)

    def columns(self) -> set[str]:
        """All columns that have a role."""
        return {name for name in (self.step, *self._beside_step()) if isinstance(name, str)}

    def _beside_step(self) -> tuple[str | float | None, ...]:
        answers = (self.accuracy, self.correct, self.graded, self.return_)
        return (*answers, self.parallelism, self.flops, self.tokens)

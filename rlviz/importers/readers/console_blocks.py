"""Reads blocks of lines: a line with the step, and below it a list of its values.

NeMo-RL prints `===== Step 2/4 =====` and `• Avg Reward: 0.5` (nemo_rl/algorithms/grpo.py), rsl_rl
`Learning iteration 3/1500` and `Mean reward: 12.3` (runners/on_policy_runner.py), AReaL
`Train step 3/100 done.` and a grid of names and values (areal/utils/stats_logger.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlviz.importers.console import NUMBER, Cuts, as_value, console_lines, label_of, seconds_of
from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Reader, Start

_DECORATION = re.compile(r"[\s=#*_~>|-]*(?:done)?[\s.:!=#*_~<|-]*", re.IGNORECASE)
_BEFORE = re.compile(r"(?:^|.*[:\]>|-]\s|.*[=#*~-]{3,}|\s*)(?:[A-Za-z0-9/_ ]{0,60})")
_ITEM = re.compile(
    rf"\s*[^\w\s(]?\s*(?P<name>[A-Za-z_][^:|│]{{0,100}}?)\s*:\s*(?P<value>{NUMBER})(?P<rest>.{{0,100}})"
)
_UNIT = re.compile(r"\s?(?:[A-Za-z%][\w%/]{0,20})?(?:\s*\([^()]*\))?\s*")
_SECTION = re.compile(r"[^:]{1,60}:\s*")
_MOST_LINES = 400
"""Between a step and its values; what comes later belongs to nothing."""


@dataclass(slots=True)
class _Block:
    word: str
    step: float
    values: list[tuple[str, object]] = field(default_factory=list)


def read(files: Sequence[Path], name: str) -> Log:
    """Read console logs, one after the other, as the parts of one run."""
    log = Log(name, modified=newest(files))
    cuts = Cuts()
    for file in files:
        log.begin(file.name)
        for block in _blocks(log, file, cuts):
            log.add(block.values, step=block.step)
    log.notes += cuts.says()
    return log


def _blocks(log: Log, file: Path, cuts: Cuts) -> Iterator[_Block]:
    block: _Block | None = None
    section, left = "", 0
    for line in console_lines(log, file):
        text = line.text.rstrip("\r\n")
        if (header := _header(text)) is not None:
            if block is not None and block.values:
                yield block
            block, section, left = header, "", _MOST_LINES
        elif block is not None and left > 0:
            left -= 1
            values = list(_items(text))
            if not values:
                if _SECTION.fullmatch(text):
                    section = "validation/" if "valid" in text.casefold() else ""
            elif line.cut_at is not None:
                cut, _ = values.pop()
                cuts.add(f"{block.word} {block.step:.0f}", cut, line.cut_at)
            taken = {name for name, _ in block.values}  # a name that comes again is a detail
            block.values += [
                (section + name, value) for name, value in values if section + name not in taken
            ]
    if block is not None and block.values:
        yield block


def _header(text: str) -> _Block | None:
    """A line that says a step and nothing else."""
    if len(text) > 200:
        return None
    label = label_of(text)
    if label is None or not _DECORATION.fullmatch(text[label.end :]):
        return None
    if not _BEFORE.fullmatch(text[: label.start]):
        return None
    return _Block(label.word, label.number)


def _items(text: str) -> Iterator[tuple[str, object]]:
    """The values of a line: one after its name, or several in the cells of a grid."""
    bar = "│" if "│" in text else None
    if bar is not None:
        cells = [cell.strip() for cell in text.split(bar)]
        cells = cells[1:-1]
        for name, value in zip(cells[::2], cells[1::2], strict=False):
            if name and re.fullmatch(NUMBER, value):
                yield name, as_value(value)
        return
    match = _ITEM.fullmatch(text)
    if match is None:
        return
    took = seconds_of(match["value"] + match["rest"])
    if took is not None:
        yield match["name"], took
    elif _UNIT.fullmatch(match["rest"]):
        yield match["name"], as_value(match["value"])


def _resembles(start: Start) -> bool:
    """Whether two blocks of other steps have a name in common."""
    seen: dict[tuple[str, str], float] = {}
    for block in _blocks(Log("", modified=1.0), start.file, Cuts()):
        for name, _ in block.values:
            if seen.setdefault((block.word, name), block.step) != block.step:
                return True
    return False


_EXAMPLE = "===== Step 2/4 =====' and below it '• Avg Reward: 0.5"

READER = Reader(
    file="a console log of blocks",
    log="console log of blocks",
    missing=f"no two steps with lists of values below them, like '{_EXAMPLE}'",
    read=read,
    resembles=_resembles,
    names=("*.log", "*.txt", "*.out"),
)

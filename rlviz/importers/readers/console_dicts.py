"""Reads the dictionaries that trainers print: `{'loss': 0.1, 'reward': 0.5, 'epoch': 0.02}`.

Hugging Face's Trainer and TRL print them without a step, between the progress bars that show it.
slime, OpenRLHF and SkyRL print the step before them. Terminals and `pprint` break them into several
lines. Formats: `ProgressCallback` in transformers/trainer_callback.py, `log_rollout_data` in
slime/backends, openrlhf/trainer/ppo_trainer.py, skyrl/train/utils/tracking.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rlviz.importers.console import Cuts, Line, console_lines, seconds_of
from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Reader, Start

_BAR = r"(?<!\d)(?P<done>\d{1,15})/(?P<total>\d{1,15}) \[(?:\d{1,5}:)?\d{1,2}:\d\d<"
_OPENING = r"(?P<opening>\{\s*['\"])"
_EVENT = re.compile(f"{_BAR}|{_OPENING}")
_PAIR = re.compile(
    r"(?P<q>['\"])(?P<name>[^'\"{}]{1,200}?)(?P=q)\s*:\s*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\""
    r"|(?P<bare>[A-Za-z_][\w.]{0,40}\([^()]{0,200}\)|[^\s,{}'\"]+))"
)
_MEASURED = re.compile(
    r"(?:^|[/_])(?:loss|epoch|reward|rewards|return|score|accuracy|kl)(?:[/_]|$)"
)
_RUNS_ALONG = ("step", "rollout", "perf", "eval", "iteration", "iter", "update", "episode", "epoch")
_COUNT = re.compile(rf"(?i:\b({'|'.join(_RUNS_ALONG)}))\s*#?(\d+)(?:\s*\[\w+\])?\s*[:|-]?\s*$")
_ONE_STEP = "global_step/max_steps"
"""ms-swift's, as '1/9'."""
_MOST_LINES = 400
_MOST_LAGGING = 0.1


@dataclass(slots=True)
class _Row:
    """One dictionary, with what stands around it."""

    values: list[tuple[str, object]]
    label: tuple[str, float] | None = None
    before: tuple[int, int] | None = None
    """The last progress bar before it: done, total."""
    after: tuple[int, int] | None = None
    line: int = 0
    cut_at: int | None = None
    at_the_cut: str = ""
    """What was being written where the line was cut."""

    @property
    def is_summary(self) -> bool:
        return any(name == "train_runtime" for name, _ in self.values)

    @property
    def is_evaluation(self) -> bool:
        names = [name for name, _ in self.values if name not in ("epoch", "step")]
        return all(name.startswith(("eval_", "eval/", "test_")) for name in names)


@dataclass(slots=True)
class _Open:
    """A dictionary whose end has not come yet."""

    text: str
    label: tuple[str, float] | None
    before: tuple[int, int] | None
    line: int
    lines: int = 1


def read(files: Sequence[Path], name: str) -> Log:
    """Read console logs, one after the other, as the parts of one run.

    The step is the one that is printed before each dictionary, else the one of the progress bar
    where that keeps up, else the dictionaries are numbered. Evaluations belong to the dictionary
    before them. The summary that a Trainer prints at the end is left out.
    """
    log = Log(name, modified=newest(files))
    cuts = Cuts()
    rows = [(file.name, list(_rows(log, file, cuts))) for file in files]
    every = [row for _, found in rows for row in found]
    steps, summaries = _steps(every), 0
    for file_name, found in rows:
        log.begin(file_name)
        pending: list[tuple[str, object]] = []
        for row in found:
            step = None if steps is None else steps.get(id(row))
            if row.is_summary:
                summaries += 1
            elif steps is not None:
                if step is not None:
                    log.add(row.values, step=step)
            elif row.is_evaluation:
                pending += row.values
            else:
                if pending:
                    log.add(pending)
                pending = row.values
        if pending:
            log.add(pending)
    if summaries:
        log.notes.append("The summary of the whole run at the end of the log was left out.")
    log.notes += cuts.says()
    return log


def _rows(log: Log, file: Path, cuts: Cuts) -> Iterator[_Row]:
    """The dictionaries of a file that hold what was measured, each with its surroundings."""
    for row in _with_bars_after(_dicts(console_lines(log, file))):
        if row.cut_at is not None:
            cuts.add(f"line {row.line} of {file.name}", row.at_the_cut, row.cut_at)
        numbers = sum(as_number(value) is not None for _, value in row.values)
        labelled = row.label is not None and numbers > 0
        if labelled or (numbers > 1 and any(_MEASURED.search(name) for name, _ in row.values)):
            yield row


def _with_bars_after(events: Iterator["_Row | tuple[int, int]"]) -> Iterator[_Row]:
    last: _Row | None = None
    for event in events:
        if isinstance(event, _Row):
            if last is not None:
                yield last
            last = event
        elif last is not None and last.after is None:
            last.after = event
    if last is not None:
        yield last


def _dicts(stream: Iterator[Line]) -> Iterator["_Row | tuple[int, int]"]:
    """Dictionaries and progress bars, in their order."""
    bar: tuple[int, int] | None = None
    opened: _Open | None = None
    above = ""
    for line in stream:
        text, at = line.text, 0
        if opened is not None:
            restarts = _EVENT.search(text)
            end = text.find("}")
            begins_anew = restarts is not None and restarts["opening"] is not None
            if end < 0 and not begins_anew and opened.lines < _MOST_LINES:
                opened.text += text.rstrip("\r\n")
                opened.lines += 1
                continue
            if end >= 0 and not (begins_anew and restarts is not None and restarts.start() < end):
                yield _row(opened, opened.text + text[:end])
                at = end + 1
            opened = None
        while (event := _EVENT.search(text, at)) is not None:
            at = event.end()
            if event["done"] is not None:
                bar = int(event["done"]), int(event["total"])
                yield bar
                continue
            start = event.start()
            label = _label(text[max(0, start - 80) : start])
            if label is None and start < 80 and not text[:start].strip():
                label = _label(above)
            end = text.find("}", start)
            inner = text.find("{", start + 1)
            if end < 0:
                if line.cut_at is not None:
                    yield _row(
                        _Open("", label, bar, line.number), text[start:].rstrip("\r\n"), line.cut_at
                    )
                elif inner < 0:
                    opened = _Open(text[start:].rstrip("\r\n"), label, bar, line.number)
                break
            if not 0 <= inner < end:  # one that holds others is a configuration
                yield _row(_Open("", label, bar, line.number), text[start:end])
                at = end
            else:
                at = max(end, _closing(text, start))
        if text.strip():
            above = text


def _closing(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return len(text)


def _label(before: str) -> tuple[str, float] | None:
    match = _COUNT.search(before.rstrip()[-80:])
    return (match[1].lower(), float(match[2])) if match else None


def _row(opened: _Open, text: str, cut_at: int | None = None) -> _Row:
    values: list[tuple[str, object]] = []
    end, at_the_cut = 0, ""
    for match in _PAIR.finditer(text):
        value = next(v for v in (match["single"], match["double"], match["bare"]) if v is not None)
        name = match["name"].replace("\n", "")
        if name == _ONE_STEP:
            name, value = "global_step", value.partition("/")[0]
        took = seconds_of(value)  # ms-swift's elapsed_time, as '1m 35s'
        values.append((name, value if took is None else took))
        end = match.end()
    if cut_at is not None:
        at_the_cut = text[end:].strip(" ,:'\"")
        if end == len(text) and values:
            at_the_cut, _ = values.pop()
    if opened.label is not None:  # slime repeats the number in the dictionary
        values = [pair for pair in values if not pair[0].endswith("/step")]
    row = _Row(values, opened.label, opened.before, line=opened.line)
    row.cut_at, row.at_the_cut = cut_at, at_the_cut
    return row


def _steps(rows: list[_Row]) -> dict[int, float] | None:
    """The step of each row, by its id; None if rows are to be numbered or have a column of it."""
    if any(row.label is not None for row in rows):
        return _of_labels(rows)
    trained = [row for row in rows if not row.is_summary and not row.is_evaluation]
    if any(name in ("step", "global_step") for row in trained for name, _ in row.values):
        return None
    totals = [bar[1] for row in trained for bar in (row.before, row.after) if bar is not None]
    if not totals:
        return None
    total = max(set(totals), key=totals.count)
    for bars in (
        [(row.before, row.after) for row in trained],
        [(row.after, row.before) for row in trained],
    ):
        of_training = [next((bar for bar in two if bar and bar[1] == total), None) for two in bars]
        done = [bar[0] for bar in of_training if bar is not None]
        if len(done) == len(trained) and _keeps_up(done):
            break
    else:
        return None
    steps, last = {}, 0.0
    reached = {id(row): float(step) for row, step in zip(trained, done, strict=True)}
    for row in rows:
        last = reached.get(id(row), last)
        steps[id(row)] = last
    return steps


def _keeps_up(done: list[int]) -> bool:
    """Whether a bar moved between all rows; it lags behind where steps are fast."""
    moves = [b - a for a, b in pairwise(done)]
    backward = sum(move < 0 for move in moves)  # a resumed run goes back
    return 0 not in moves and backward <= _MOST_LAGGING * len(moves)


def _of_labels(rows: list[_Row]) -> dict[int, float]:
    """Steps as printed. Where a rollout has several optimizer steps, which count faster, these
    belong to the rollout before them."""
    by_rollout = any(row.label is not None and row.label[0] == "rollout" for row in rows)
    rollout: float | None = None
    steps = {}
    for row in rows:
        if row.label is None:
            continue
        word, number = row.label
        if word == "rollout":
            rollout = number
        if by_rollout and word == "step":
            if rollout is not None:
                steps[id(row)] = rollout
        else:
            steps[id(row)] = number
    return steps


def _resembles(start: Start) -> bool:
    found = _rows(Log("", modified=1.0), start.file, Cuts())
    return next(found, None) is not None and next(found, None) is not None


READER = Reader(
    file="a console log of dictionaries",
    log="console log of dictionaries",
    missing="no dictionary of a loss, a reward or an epoch, as \"{'loss': 0.1, 'epoch': 0.02}\"",
    read=read,
    resembles=_resembles,
    names=("*.log", "*.txt", "*.out"),
)

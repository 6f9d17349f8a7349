"""Turns a log into a run that rlviz reads: calls the parts of the import in order."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlviz.given import flag
from rlviz.importers import compute
from rlviz.importers.choosing import choose
from rlviz.importers.import_report import Imported, account, origin
from rlviz.importers.log import Log
from rlviz.importers.opening import Source, open_log, runs_below
from rlviz.importers.options import (
    Options,
    check_name,
    checked_path,
    option,
    role_of_axis,
)
from rlviz.importers.repeats import without_repeats
from rlviz.importers.roles import Roles
from rlviz.importers.several import one_of, runs_in
from rlviz.importers.steps import clock, metrics_of, steps_of, write
from rlviz.importers.timeline import arrange, main_of, steps_of_rows
from rlviz.paths import refuse_a_run


def import_run(
    source: Source | Sequence[Source],
    logdir: str | os.PathLike[str],
    *,
    kind: str | None = None,
    run: str | None = None,
    x: str | None = None,
    step: str | None = None,
    accuracy: str | None = None,
    full_score: float = 1.0,
    scores: tuple[float, float] | None = None,
    graded: str | float | None = None,
    return_: str | None = None,
    parallelism: str | None = None,
    flops: str | None = None,
    flops_unit: float = 1.0,
    tokens: str | None = None,
    tokens_are: str | None = None,
    sequences: float | None = None,
    cumulative: bool | None = None,
    params: float | None = None,
    flops_convention: str | None = None,
    extrapolate: bool = False,
    figure: bool = False,
    dry_run: bool = False,
) -> Imported:
    """Make a run of an existing log, for `rlviz.read`, `rlviz.figure` and TensorBoard.

    Columns get their roles by the names that frameworks use, unless an argument says otherwise. All
    other numbers become metrics.

    Args:
        source: a file of one of the kinds in docs/import.md, a folder that holds a run of one, or
            "-" for the standard input; several files are the parts of one run, in order.
        logdir: the run directory to write; it must not hold a run yet.
        kind: one of `rlviz.importers.readers.KINDS`, such as "csv"; by default the content tells.
        run: which run, where the source holds several: its name as the source has it.
        x: the column of the figure's axis: it stands for `flops` or `tokens` if its name says so,
            else for `step`.
        step: the column that counts training steps, whole numbers in [0, 2**53).
        accuracy: the column of the training accuracy. If it leaves [0, 1], it is not an accuracy
            but the metric `return`.
        full_score: the value of `accuracy` for all answers right, > 0; 100 for percent.
        scores: what a wrong and what a right answer earns, (-1, 1) for example; (0, `full_score`)
            otherwise.
        graded: the column with the number of graded answers behind it, or that number.
        return_: the column of the mean return, which becomes the metric `return`.
        parallelism: the column of the average parallelism, work / span.
        flops: the column that counts FLOPs.
        flops_unit: FLOPs in one of its units, such as 1e12.
        tokens: the column that counts tokens; with `sequences`, the mean tokens per sequence.
        tokens_are: what the tokens are: "sequences" (generated, then trained on), "generated" or
            "trained". By default what the framework counts, else "sequences".
        sequences: sequences in each step, if `tokens` is a mean over them.
        cumulative: whether the counter counts from the start of the run (True) or gives what each
            step spent (False). By default as the framework counts, else as the numbers look.
        params: parameters N of the model, those of matrix products (docs/definitions.md).
        flops_convention: how tokens count: "6N" (2·N in the rollout and 6·N in the update), the
            default, or "6N-tokens" (6·N in the update and nothing else). Of a column of FLOPs, how
            its program counted them, "exact" too; by default that is not said.
        extrapolate: of a log that holds every k-th step only, let each row stand for the steps
            since the row before it in FLOPs, tokens and time.
        figure: also draw figure and summary for TensorBoard, which takes a few seconds.
        dry_run: only say what would be made of it.

    Returns:
        What was found, what it was taken for, and what can't be known, in sentences.

    Raises:
        FileNotFoundError: the source does not exist.
        FileExistsError: `logdir` already holds a run, or is a file.
        TypeError: an argument is of the wrong type.
        ValueError: the kind can't be told, there are several runs and none was named, a column is
            missing (the message names close ones) or can't be what the user says, or there is
            nothing to import.
        OSError: a file can't be read or written.

    Example:
        >>> import pathlib, tempfile, rlviz
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> log = folder / "log.csv"
        >>> _ = log.write_text("step,accuracy,num_tokens\\n1,0.25,900\\n2,0.5,1900\\n")
        >>> imported = import_run(log, folder / "run", params=1e9)
        >>> imported.columns["tokens"], imported.best_x
        ('num_tokens', 'flops')
        >>> rlviz.read(folder / "run").flops  # (2 + 6) * 1e9 parameters * tokens so far
        array([7.20e+12, 1.52e+13])
    """
    options = Options(
        **role_of_axis(x, step, flops, tokens),
        accuracy=accuracy,
        full_score=full_score,
        scores=scores,
        graded=graded,
        return_=return_,
        parallelism=parallelism,
        flops_unit=flops_unit,
        tokens_are=tokens_are,
        sequences=sequences,
        cumulative=cumulative,
        params=params,
        flops_convention=flops_convention,
        extrapolate=extrapolate,
    )
    figure = flag(option("figure"), figure)
    dry_run = flag(option("dry_run"), dry_run)
    check_name("run", run, "the name of a run")
    target = checked_path("logdir", logdir)
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} is a file. Name a directory for the run.")
    if not dry_run:
        refuse_a_run(target)
    log, roles = _one_run(open_log(source, kind, run), options, run)
    timeline = arrange(log, roles)
    spent = compute.spent(log, roles, timeline, options)
    times = clock(log, timeline, options)
    metrics = metrics_of(timeline, roles, times, spent)
    imported = account(
        target,
        *(log, roles, timeline, spent, times, metrics),
        options=options,
        is_written=not dry_run,
    )
    if not dry_run:
        steps = steps_of(roles, timeline, spent, times, metrics)
        write(
            target,
            steps,
            config=origin(log, imported, spent.adds_up or times.adds_up),
            figure=figure,
            convention=spent.convention,
        )
    return imported


def _one_run(log: Log, options: Options, run: str | None) -> tuple[Log, Roles]:
    """The rows of one run, each once, and what its columns are."""
    roles = choose(log, options)
    log, repeated = without_repeats(log, steps_of_rows(log, roles, []))
    if repeated:
        roles = choose(log, options)
        log.notes.append(repeated)
    one = one_of(log, main_of(log, roles), steps_of_rows(log, roles, []), run)
    return one, roles if one is log else choose(one, options)


def import_runs(
    source: Source | Sequence[Source],
    folder: str | os.PathLike[str],
    *,
    kind: str | None = None,
    **options: Any,
) -> tuple[Imported, ...]:
    """Make a run of each of the runs that a log holds, in a directory of its own.

    Args:
        source: as in `import_run`.
        folder: where the run directories are made, named as the source names its runs.
        kind: as in `import_run`.
        options: the other arguments of `import_run`, the same for all of the runs.

    Raises:
        FileNotFoundError, FileExistsError, ValueError, OSError: as in `import_run`.

    Example:
        >>> import pathlib, tempfile, rlviz
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> log = folder / "chart.csv"
        >>> _ = log.write_text("Step,a - accuracy,b - accuracy\\n1,0.25,0.5\\n2,0.5,0.5\\n")
        >>> [run.logdir.name for run in import_runs(log, folder / "runs")]
        ['a', 'b']
    """
    given = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    names = runs_below(given[0]) if len(given) == 1 else ()
    if not names:
        log = open_log(source, kind)
        roles = choose(log, Options())
        step = steps_of_rows(log, roles, [])
        log, _ = without_repeats(log, step)
        roles = choose(log, Options())
        found = runs_in(log, main_of(log, roles), steps_of_rows(log, roles, []))
        if found is None:
            raise ValueError(f"{log.name} holds one run: import it without {option('all_runs')}.")
        names = found.names
    places: dict[Path, str] = {}
    for name in names:
        place = Path(folder) / (_NO_NAME.sub("-", name).strip("-.") or "run")
        while place in places:
            place = place.with_name(f"{place.name}-2")
        places[place] = name
    return tuple(
        import_run(source, place, kind=kind, run=name, **options) for place, name in places.items()
    )


_NO_NAME = re.compile(r"[^\w.=@+-]+")

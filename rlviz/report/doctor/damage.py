"""The damage to a run's event files, in words, with the rows that it destroyed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rlviz import wording
from rlviz.report.doctor.findings import NOTE, PROBLEM, Finding
from rlviz.report.history import History
from rlviz.report.history.batches import CUT, DAMAGED, NEWER, SENSELESS, UNREADABLE, FileDamage
from rlviz.report.history.run_account import may_hide_steps, places_of
from rlviz.report.history.session_account import Gone, Session


def damage(history: History) -> Iterator[Finding]:
    """Everything that could not be read, and every row that a file must have held."""
    of_file = {file.name: file for file in history.files}
    groups: dict[tuple[str, str], list[FileDamage]] = defaultdict(list)
    for stretch in history.damage:
        groups[stretch.file, stretch.kind].append(stretch)
    told: set[Gone] = set()
    for (name, kind), stretches in groups.items():
        file = of_file.get(name)
        if file is not None and file.is_foreign and kind in (CUT, DAMAGED):
            yield _foreign(name, stretches)
            continue
        sessions = [s for s in history.sessions if file is not None and s.claimed == file.session]
        gone = [gone for gone in _gone_at(stretches, sessions) if gone not in told]
        told.update(gone)
        if gone:
            effect = f"With it {_which(gone)}."
        elif any(may_hide_steps(history, stretch) for stretch in stretches):
            effect = "Whether it held steps can't be told."
        else:
            effect = "No step is missing there."
        yield _finding(name, kind, stretches, bool(gone), effect)
    for session in history.sessions:
        if untold := [gone for gone in session.gone if gone not in told]:
            yield Finding(
                PROBLEM,
                "rows_gone",
                f"session {session.number} wrote more than is here: {_which(untold)}. A file was "
                "deleted, or not copied.",
                "Copy all event files of the run into the directory.",
            )


def _gone_at(stretches: Sequence[FileDamage], sessions: Sequence[Session]) -> list[Gone]:
    """The rows that are lost where a file is damaged."""
    before = {stretch.before_step for stretch in stretches}
    after = {stretch.after_step for stretch in stretches} - {None}
    return [
        gone
        for session in sessions
        for gone in session.gone
        if gone.before_step in before or gone.after_step in after
    ]


def _finding(
    name: str,
    kind: str,
    stretches: Sequence[FileDamage],
    cost_steps: bool,
    effect: str,
) -> Finding:
    first = stretches[0]
    size = wording.size(sum(stretch.length for stretch in stretches))
    if kind == CUT:
        return Finding(
            PROBLEM if cost_steps else NOTE,
            "cut",
            f"the last {size} of {name} are no whole record. {effect}",
            "Copy the file again from where the run was recorded."
            if cost_steps
            else "Nothing; a process that is killed, or writing now, leaves the end of a file so. "
            "It costs at most the last second.",
        )
    if kind == UNREADABLE:
        return Finding(
            PROBLEM,
            "unreadable",
            f"{name}: {first.reason}. Its steps are missing here.",
            "Get the right to read it (chmod), or copy it from where the run was recorded.",
        )
    if kind == NEWER:
        return Finding(
            PROBLEM,
            "newer",
            f"{wording.counted(len(stretches), 'batch of rows')} in {name}: {first.reason}"
            if len(stretches) == 1
            else f"{len(stretches)} batches of rows in {name}: {first.reason}",
            "pip install --upgrade rlviz",
        )
    if kind == SENSELESS:
        return Finding(
            PROBLEM,
            "senseless",
            f"{wording.counted(len(stretches), 'intact record')} of {name} "
            f"{wording.agree(len(stretches), 'makes', 'make')} no sense ({first.reason}). {effect}",
            "Keep the file, and report it to the authors of rlviz: no disk does this.",
        )
    where = f"at byte {first.offset}"
    if len(stretches) > 1:
        where = f"in {len(stretches)} places, the first {where}"
    return Finding(
        PROBLEM,
        "damaged",
        f"{size} of {name} are not what was written, {where}: {first.reason}. {effect}",
        "Copy the file again from where the run was recorded, and check that disk. Until then "
        "TensorBoard shows nothing of the file behind the damage; rlviz does.",
    )


def _which(gone: Sequence[Gone]) -> str:
    rows = sum(one.rows for one in gone)
    return f"{places_of(gone)} {wording.agree(rows, 'is', 'are')} missing"


def _foreign(name: str, stretches: Sequence[FileDamage]) -> Finding:
    return Finding(
        NOTE,
        "foreign_damage",
        f"{wording.size(sum(stretch.length for stretch in stretches))} of {name}, which holds "
        "nothing of rlviz, can't be read.",
        "Nothing for this run.",
    )

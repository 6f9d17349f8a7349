"""The losses of a run and their causes: findings that somebody must act on."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rlviz import schema, wording
from rlviz.report.doctor.findings import (
    OVERLAP_SECONDS,
    PROBLEM,
    Finding,
    goes_on_from,
    jumps,
    usual_stride,
)
from rlviz.report.history import History
from rlviz.report.history.run_account import account_of
from rlviz.report.history.session_account import Session


def two_writers(history: History) -> Iterator[Finding]:
    """Sessions that were written at the same time."""
    advice = (
        "In a distributed run pass process_group= to Callback, so that the ranks add up, or make "
        "a Callback on rank 0 only. Separate runs need a directory each."
    )
    together: dict[int, list[Session]] = defaultdict(list)
    for session in history.sessions:
        together[session.known_as].append(session)
    for number, sessions in together.items():
        if len(sessions) > 1 and _overlap(sessions):
            left_out = sum(session.superseded for session in sessions)
            yield Finding(
                PROBLEM,
                "two_writers",
                f"{len(sessions)} processes wrote into this directory at once, all of them as "
                f"session {number}. For each step the row of one of them stands; "
                f"{wording.counted(left_out, 'row')} of the others "
                f"{wording.agree(left_out, 'is', 'are')} left out.",
                advice,
            )
    for before, after in zip(history.sessions, history.sessions[1:], strict=False):
        seconds = before.ended - after.began
        if before.known_as == after.known_as and _overlap([before, after]):  # said above
            continue
        if seconds > OVERLAP_SECONDS and not goes_on_from(before, after):
            yield Finding(
                PROBLEM,
                "two_writers",
                f"sessions {before.number} and {after.number} were written at the same time, for "
                f"{wording.duration(seconds)} (or the clock was set back).",
                advice,
            )


def _overlap(sessions: list[Session]) -> bool:
    """Whether one wrote before another had ended, as far as their times are known."""
    return any(not before.ended <= after.began for before, after in pairwise(sessions))


def dropped(history: History) -> Iterator[Finding]:
    """Steps that never reached the disk."""
    gaps = jumps(history)
    for session in history.sessions:
        if session.dropped:
            mine = [gap for gap in gaps if session.first_step <= gap[0] <= session.last_step]
            where = f" (by their numbers, {wording.stretches(mine)})" if mine else ""
            yield Finding(
                PROBLEM,
                "dropped",
                f"{wording.counted(session.dropped, 'step')} of session {session.number} "
                f"{wording.agree(session.dropped, 'was', 'were')} given up{where}: "
                f"{schema.because(dict(session.causes))}.",
                " ".join(_ADVICE[cause] for cause, _ in session.causes if cause in _ADVICE)
                or "The log of the script says why.",
            )


_ADVICE = {
    schema.LOOP: "Log every n-th step, or less in each.",
    schema.SIZE: "Log fewer values, or less often.",
    schema.DISK: "Make room on the disk, or record to a faster one. A running script needs no "
    "restart: it goes on by itself.",
    schema.RANKS: "Look into the log of rank 0.",
    schema.FAILURE: "The log of the script says what failed.",
    schema.CLOSED: "Close the Callback after the last step.",
}


def ranks(history: History) -> Iterator[Finding]:
    """Rows that don't sum over all ranks."""
    where: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
    for stretch in history.missing_ranks:
        where[stretch.ranks].append((stretch.first_step, stretch.last_step))
    if not where:
        return
    shown = [
        f"{wording.stretches(wording.runs(missing), 'rank')} in {wording.stretches(stretches)}"
        for missing, stretches in where.items()
    ]
    if len(shown) > 3:
        shown[3:] = [f"and {wording.counted(len(shown) - 3, 'set')} of ranks more"]
    steps = account_of(history).without_ranks
    size = max(session.world_size for session in history.sessions)
    yield Finding(
        PROBLEM,
        "missing_ranks",
        f"{wording.counted(steps, 'step')} of {len(history)} "
        f"{wording.agree(steps, 'lacks', 'lack')} the share of some of the {size} ranks: "
        f"{'; '.join(shown)}. Means are those of the other ranks, and RL FLOPs are too low "
        "by the share of these, up to the row that has it if it came late.",
        "Look into the logs of these ranks at these steps: they had ended, or were too late.",
    )


def missing(history: History) -> Iterator[Finding]:
    """Steps between the rows on disk and where a session went on."""
    if history.missing:
        have = wording.agree(wording.how_many(history.missing), "has", "have")
        from_states = {session.resumed_after for session in history.sessions}
        if all(last in from_states for _, last in history.missing):
            flops = "RL FLOPs are counted on from the state that was loaded."
        else:
            flops = "RL FLOPs lack theirs where no state was loaded."
        yield Finding(
            PROBLEM,
            "missing",
            f"{wording.stretches(history.missing)} {have} no rows, though the run went on "
            "after them: a kill came before they were written, or they were recorded elsewhere. "
            f"{flops}",
            "If another directory holds them, copy its event files here. To lose none at the next "
            "kill, save state_dict() with every checkpoint, and load_state_dict() it: it covers no "
            "step that is not on the disk.",
        )


def files_gone(history: History) -> Iterator[Finding]:
    """Sessions that must have had files but have none here."""
    in_names = {file.session for file in history.files if file.session is not None}
    named = sorted(in_names | {session.claimed for session in history.sessions})
    step = history.step
    usual = usual_stride(step)
    for before, after in zip((None, *history.sessions), history.sessions, strict=False):
        absent = _absent(before.claimed if before else 0, after.claimed, named)
        earlier = step[step < after.first_step]
        follows = int(earlier[-1]) if len(earlier) else 0
        if absent and after.resumed_after is None and after.first_step - follows > usual:
            yield Finding(
                PROBLEM,
                "file_gone",
                f"no file of {wording.stretches(absent, 'session')} is here, and "
                f"what stands begins anew at step {after.first_step}: it was deleted, or not "
                "copied.",
                "Copy all event files of the run into the directory.",
            )


def _absent(begin: int, end: int, present: Sequence[int]) -> list[tuple[int, int]]:
    """The stretches of the numbers from `begin` to before `end` that are not among the present
    ones, which grow. Numbers come from files: there may be 2**53 between two of them."""
    found = []
    for number in present[bisect_left(present, begin) : bisect_left(present, end)]:
        if number > begin:
            found.append((begin, number - 1))
        begin = number + 1
    return [*found, (begin, end - 1)] if begin < end else found

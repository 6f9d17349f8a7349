"""After a power loss at any moment, every row that is read is right, and at most 5 s are lost.

`strace`, which knows nothing of rlviz, records what a training process asks of the system. The disk
is then put together anew as a power loss may have left it: everything before the last completed
fdatasync of a file is there; of what was written after it, each block of 4 KiB may be there, be
zeros, or lie beyond the end of the file. A file that was never synced may be missing as a whole.
(A file system that forces a new file to the disk forces its name with it: ext4, xfs and btrfs do.)
"""

import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import rlviz

if shutil.which("strace") is None and os.environ.get("RLVIZ_REQUIRE_ALL") != "1":
    pytest.skip("strace records the writes, and it is not installed", allow_module_level=True)

BLOCK = 4096
PROMISED_SECONDS = 5.0
CALLS = (
    "openat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate,fsync,fdatasync,"
    "rename,renameat,renameat2,unlink,unlinkat,sendfile,copy_file_range,io_uring_enter"
)
TRAINING = """
    import json, os, pathlib, sys, time
    package, logdir, logbook, first, last, save_at, state, ending = sys.argv[1:]
    sys.path.insert(0, package)
    from zygote import Logbook, log_step
    import rlviz
    state = pathlib.Path(state)
    viz = rlviz.Callback(logdir, figure_seconds=None)
    if state.exists():
        viz.load_state_dict(json.loads(state.read_text()))
    book = Logbook(logbook)
    for step in range(int(first), 1 + int(last)):
        book.note(step)
        log_step(viz, step)
        if step == int(save_at):
            state.write_text(json.dumps(viz.state_dict()))
        time.sleep(0.01)
    if ending == "killed":
        os._exit(0)
    viz.close()
"""


@dataclass
class Call:
    """A completed call that changes a file: when it was asked for and answered, and what it did."""

    name: str
    began: float
    ended: float
    file: str
    data: bytes = b""


@dataclass
class OnDisk:
    """What was asked of one file up to a moment."""

    synced: bytes = b""
    """What is on the disk for sure."""
    later: bytes = b""
    """What was written behind it since."""
    is_there: bool = False
    """Whether its name is on the disk for sure."""


def recorded(logdir, tmp_path, *, first=1, last, save_at=0, ending="closed"):
    """Train under strace -> the calls on the run's files, in the order of their ends, and when step
    i + 1 was logged, for each step; NaN for the others."""
    log, script, logbook = tmp_path / "calls", tmp_path / "training.py", tmp_path / "logbook"
    script.write_text("\n".join(line[4:] for line in TRAINING.splitlines()))
    strace = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-y",
        "-xx",
        "-ttt",
        "-T",
        "-s",
        "100000000",
        "--signal=none",
    ]
    training = [sys.executable, script, Path(__file__).parent, logdir, logbook]
    how = [str(first), str(last), str(save_at), tmp_path / "state", ending]
    subprocess.run(
        [*strace, "--signal=none", "-e", f"trace={CALLS}", "-o", log, *training, *how],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(rlviz.__file__).resolve().parent.parent),
        },
        check=True,
    )
    times = np.fromfile(logbook, "<f8")[:last]
    times[times == 0] = np.nan
    return sorted(parsed(log.read_text(), logdir), key=lambda call: call.ended), times


LINE = re.compile(r"(?P<pid>\d+) +(?P<time>[\d.]+) (?P<rest>.*)")
CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<answer>-?\d+).*<(?P<took>[\d.]+)>$")
OF_FILE = re.compile(r"\d+<(?P<path>[^>]*)>")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


def parsed(log, logdir):
    begun = {}
    for line in log.splitlines():
        found = LINE.fullmatch(line)
        pid, time, rest = found["pid"], float(found["time"]), found["rest"]
        if rest.endswith("<unfinished ...>"):
            begun[pid] = time, rest.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>", rest):
            time, first = begun.pop(pid)
            rest = first + rest[resumed.end() :]
        call = CALL.fullmatch(rest)
        if call is None or int(call["answer"]) < 0:
            continue  # a signal, an exit, or a call that failed and changed nothing
        yield from one(call, time, logdir)


def unescaped(text):
    return bytes.fromhex(text.replace("\\x", ""))


def one(call, began, logdir):
    """The call, if it changes a file of the run."""
    name, arguments, answer = call["name"], call["arguments"], int(call["answer"])
    of_file = OF_FILE.match(arguments)
    path = os.fsdecode(unescaped(of_file["path"])) if of_file else ""
    if name == "openat":
        path = os.fsdecode(unescaped(TEXT.search(arguments)[1])) if "O_CREAT" in arguments else ""
    elif name not in ("write", "fsync", "fdatasync"):
        texts = [os.fsdecode(unescaped(text)) for text, _ in TEXT.findall(arguments)]
        assert not any(str(logdir) in text for text in (path, *texts)), f"not replayed: {name}"
        return
    if not path.startswith(f"{logdir}/"):
        return
    data = b""
    if name == "write":
        text, cut = TEXT.search(arguments).groups()
        assert not cut
        data = unescaped(text)[:answer]
    ended = began + float(call["took"])
    yield Call(name, began, ended, Path(path).name, data)


def at_moment(calls, moment):
    """What was asked of each file before a moment; a write that was under way belongs to it."""
    files = {}
    for call in calls:
        if call.began > moment:
            continue
        file = files.setdefault(call.file, OnDisk())
        if call.name == "write":
            file.later += call.data
        elif call.name != "openat" and call.ended <= moment:
            file.synced, file.later, file.is_there = file.synced + file.later, b"", True
    return files


def left_by(file, chance):
    """A file as a power loss may leave it; None if it is not there."""
    if not file.is_there and chance.random() < 0.1:
        return None
    whole = file.synced + file.later
    kind = chance.random()
    if kind < 0.2:  # all of it, or nothing but what was synced
        return whole if kind < 0.1 else file.synced
    size = chance.randint(len(file.synced), len(whole))
    if kind < 0.5:  # up to a block, as a file system writes
        size = min(len(whole), -(-size // BLOCK) * BLOCK)
    left = bytearray(file.synced.ljust(size, b"\0"))
    share = chance.choice([0.0, 0.5, 0.9, 1.0])
    for block in range(len(file.synced) // BLOCK, -(-size // BLOCK)):
        if chance.random() < share:
            start, end = max(block * BLOCK, len(file.synced)), min((block + 1) * BLOCK, size)
            left[start:end] = whole[start:end]
    return bytes(left)


@dataclass
class Outcome:
    states: int = 0
    damaged: int = 0
    worst: float = 0.0


def due(sessions, moment):
    """Step -> when it was logged, for the steps that a run has at a moment; and its last step.

    Args:
        sessions: (the step that it goes on after, when step i + 1 was logged) of each session.
    """
    steps, last = {}, 0
    for after, times in sessions:
        logged = (np.flatnonzero(times <= moment) + 1).tolist()
        if logged:
            steps = {step: at for step, at in steps.items() if step <= after}
            steps |= {step: times[step - 1] for step in logged}
            last = max(last, *logged)
    return steps, last


def rows_are_those_of(whole):
    """Makes the check of a run's rows: to the bit those of the whole run, which are checked by
    hand, but for when and by which session they were recorded, and what is computed from many."""
    names = {name for name in whole.columns if not name.endswith("_ema")}
    names -= {"session", "wall_time"}
    at = dict(zip(whole.step.tolist(), range(len(whole)), strict=True))

    def check(run):
        rows = [at[step] for step in run.step.tolist()]
        for name in names:
            np.testing.assert_array_equal(run.columns[name], whole.columns[name][rows], name)

    return check


def check(logdir, files, moment, sessions, outcome, assert_rows):
    """Read what a power loss left: its rows are right, and steps of 5 s before are all there."""
    shutil.rmtree(logdir, ignore_errors=True)
    logdir.mkdir()
    for name, content in files.items():
        if content is not None:
            (logdir / name).write_bytes(content)
    try:
        run = rlviz.read(logdir)
    except FileNotFoundError:
        steps = np.empty(0, int)
    else:
        assert_rows(run)
        steps = run.step.astype(int)
        outcome.damaged += bool(run.damage)
    assert (np.diff(steps) > 0).all()
    logged, last = due(sessions, moment)
    for (_, times), (_, later) in pairwise(sessions):  # the time in which nobody trained
        began, ended = np.nanmax(times), np.nanmin(later)
        logged = {s: at + (ended - began if at <= began else 0) for s, at in logged.items()}
        moment = max(moment, ended) if moment > began else moment + ended - began
    lost = max((moment - logged[step] for step in logged.keys() - set(steps.tolist())), default=0.0)
    assert lost <= PROMISED_SECONDS
    assert set(steps) <= set(range(1, last + 2))  # none that never was
    outcome.states += 1
    outcome.worst = max(outcome.worst, lost)


def replay(calls, sessions, states, logdir, chance, assert_rows):
    """Check every prefix of the calls, and as many states as a power loss may leave."""
    outcome = Outcome()
    for call in calls:  # every prefix of the writes, in their order
        files = at_moment(calls, call.ended)
        prefix = {name: file.synced + file.later for name, file in files.items()}
        check(logdir, prefix, call.ended, sessions, outcome, assert_rows)
    prefixes = outcome.states
    for _ in range(states):
        moment = chance.uniform(calls[0].began, calls[-1].ended)
        files = {n: left_by(file, chance) for n, file in at_moment(calls, moment).items()}
        check(logdir, files, moment, sessions, outcome, assert_rows)
    assert outcome.states == prefixes + states
    return outcome, prefixes


def assert_replays(calls, logdir):
    """The calls are all that made the files."""
    whole = {path.name: path.read_bytes() for path in logdir.iterdir()}
    replayed = at_moment(calls, np.inf)
    assert {name: file.synced + file.later for name, file in replayed.items()} == whole


@pytest.mark.parametrize(
    ("steps", "states"),
    [
        pytest.param(900, 1000, marks=pytest.mark.slow),
        pytest.param(6000, 20_000, marks=pytest.mark.soak),
    ],
)
def test_a_power_loss_costs_five_seconds_at_most_and_makes_no_row_wrong(
    tmp_path, assert_rows_of_log_step, rng, ran, noted, steps, states
):
    calls, times = recorded(tmp_path / "run", tmp_path, last=steps)
    assert not np.isnan(times).any()
    syncs = sum(call.name in ("fsync", "fdatasync") for call in calls)
    assert syncs >= 2  # else no power loss was survived by a sync
    assert_replays(calls, tmp_path / "run")
    whole = rlviz.read(tmp_path / "run")
    assert_rows_of_log_step(whole)
    chance = random.Random(rng.randrange(2**32))
    outcome, prefixes = replay(
        calls, [(0, times)], states, tmp_path / "left", chance, rows_are_those_of(whole)
    )
    assert outcome.damaged > 50  # blocks were missing where it hurts
    ran(states=outcome.states)
    noted(
        f"power losses: {prefixes} prefixes of {len(calls)} calls ({syncs} syncs) and {states} "
        f"states, {outcome.damaged} with damage; at most {outcome.worst:.1f} s lost"
    )


@pytest.mark.quick(1)
@pytest.mark.parametrize("ending", ["killed", "closed"])
@pytest.mark.parametrize(
    ("steps", "states"),
    [(100, 50), pytest.param(1500, 10_000, marks=pytest.mark.soak)],
)
def test_a_power_loss_while_a_run_goes_on_from_a_checkpoint_costs_no_more(
    tmp_path, assert_rows_of_log_step, rng, ran, noted, ending, steps, states
):
    """The session before was killed, or closed, some steps after its checkpoint; if it was killed,
    nobody but the one that goes on can bring its last steps to the disk."""
    logdir, saved, last = tmp_path / "run", steps - 40, 3 * steps
    before, times = recorded(logdir, tmp_path, last=steps, save_at=saved, ending=ending)
    (tmp_path / "logbook").unlink()
    after, more = recorded(logdir, tmp_path, first=saved + 1, last=last)
    calls = sorted([*before, *after], key=lambda call: call.ended)
    assert_replays(calls, logdir)
    whole = rlviz.read(logdir)
    assert whole.step.tolist() == list(range(1, last + 1))
    assert_rows_of_log_step(whole)
    sessions = [(0, times), (saved, more)]
    chance = random.Random(rng.randrange(2**32))
    outcome, prefixes = replay(
        calls, sessions, states, tmp_path / "left", chance, rows_are_those_of(whole)
    )
    assert outcome.damaged > 1
    ran(states=outcome.states)
    noted(
        f"power losses of a resumed run, the session before {ending}: {prefixes} prefixes and "
        f"{states} states, {outcome.damaged} with damage; at most {outcome.worst:.1f} s lost"
    )

"""A diagnosis in words: for a terminal, whatever the run's names hold."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

import rlviz
from rlviz.report.doctor.examination import examine

LONG_AGO = 1.5e9  # 2017-07-14 02:40:00 UTC


def files_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


def test_a_sound_run_is_told_in_few_words(parl_logdir, parl):
    last = parl.wall_time.max()
    diagnosis = examine(parl_logdir, now=last + 7200)
    assert diagnosis.is_sound
    assert diagnosis.verdict == f"{parl_logdir}: sound — 300 steps in 1 session, nothing lost."
    size = sum(file.stat().st_size for file in files_of(parl_logdir))
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(last))
    flops = f"{parl.exact_flops()[-1]:.2e}".replace("e+", "e")
    verdict, nothing, first, second, third = diagnosis.text().splitlines()
    assert (verdict, nothing) == (diagnosis.verdict, "")
    assert first.startswith(f"Steps 1 to 300, {flops} RL FLOPs")
    assert second == f"Last step 2 h 0 min ago, {when}; its script closed it."
    assert third == f"1 event file, {size / 1000:.1f} kB."


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.5, "just now, 2017-07-14 02:45:00 UTC; it may still be running."),
        (50, "50.0 s ago, 2017-07-14 02:45:00 UTC; it may still be running."),
        (200, "3 min 20 s ago, 2017-07-14 02:45:00 UTC; it may still be running."),
        (400, "6 min 40 s ago, 2017-07-14 02:45:00 UTC."),
        (200_000, "2 days ago, 2017-07-14 02:45:00 UTC."),
    ],
)
def test_a_run_whose_next_step_may_still_come_may_be_running(write_batch, logdir, seconds, told):
    write_batch([1, 2, 3], wall_time=[LONG_AGO + 100, LONG_AGO + 200, LONG_AGO + 300])  # 100 s each
    assert f"\nLast step {told}\n" in examine(logdir, now=LONG_AGO + 300 + seconds).text()


def test_a_restart_that_gave_up_nothing_is_none_in_the_verdict(write_steps, logdir):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in (1, 2, 2, 3):
            viz.on_step_end(step, correct=[1], flops={"rollout": 10**15})
        state = viz.state_dict()
    write_steps(range(4, 6), state=state)
    assert "5 steps in 2 sessions, nothing lost; 1 note." in examine(logdir).verdict


def test_sessions_are_listed_with_what_they_wrote_and_what_was_superseded(write_steps, logdir):
    state = write_steps(range(1, 7))
    write_steps(range(7, 11), state=state)
    write_steps(range(7, 16), state=state)
    diagnosis = examine(logdir)
    assert diagnosis.is_sound
    assert diagnosis.verdict.endswith(
        "15 steps in 3 sessions, nothing lost but 4.40e15 RL FLOPs of steps that restarts gave up."
    )
    flat = " ".join(diagnosis.text().split())
    assert " UTC: steps 1 to 6, no state loaded session 1, " in flat
    assert " UTC: steps 7 to 10, resumed after step 6, 4 rows superseded session 2, " in flat
    assert flat.endswith(" UTC: steps 7 to 15, resumed after step 6")
    assert "4.40e15 RL FLOPs more (21.1 % of all) went into steps that restarts lost." in flat
    told = [
        (s["first_step"], s["last_step"], s["rows"], s["superseded"], s["resumed_after"])
        for s in diagnosis.facts["sessions"]
    ]
    assert told == [(1, 6, 6, 0, None), (7, 10, 4, 4, 6), (7, 15, 9, 0, 6)]


def test_of_many_sessions_the_last_are_listed(write_batch, logdir):
    for session in range(30):
        after = 10 * session
        write_batch(range(after + 1, after + 11), session=session, resumed_after=after or None)
    text = examine(logdir).text()
    assert "  23 earlier sessions, then\n  session 23, " in text
    assert "session 22," not in text
    assert len(text.splitlines()) < 25


def test_lines_fit_a_terminal_of_80_columns_but_for_file_names(write_batch, logdir, monkeypatch):
    monkeypatch.chdir(logdir.parent)
    for session in range(4):
        write_batch(
            range(1, 101, 2), session=session, world_size=8, dropped=3, missing_ranks=(1, 5)
        )
    (file, *_) = files_of(logdir)
    file.write_bytes(file.read_bytes()[:-50])
    text = examine(Path("run")).text()
    assert all(len(line) <= 80 for line in text.splitlines() if "tfevents" not in line)
    paragraphs = text.split("\n\n")
    found = [part for part in paragraphs if part.startswith(("PROBLEM", "note:"))]
    assert len(found) == len(examine("run").findings)
    assert all(part.count("\n  → ") == 1 for part in found)


def test_a_run_that_tells_no_times_is_told_without_them(write_batch, logdir):
    write_batch([1, 2, 3], wall_time=[np.nan] * 3)
    diagnosis = examine(logdir)
    (session,) = json.loads(json.dumps(diagnosis.to_dict(), allow_nan=False))["facts"]["sessions"]
    assert session["began"] is session["ended"] is diagnosis.facts["last_written"] is None
    assert [line.split()[0] for line in diagnosis.text().splitlines()[2:]] == ["Steps", "1"]


def test_the_name_of_a_file_stays_whole_for_copying(write_batch, logdir):
    name = f"events.out.tfevents.0.{'long-host-' * 12}.rlviz-s0-0"
    write_batch([1, 2, 3], name=name)
    with (logdir / name).open("ab") as stream:
        stream.write(b"x" * 100)
    assert name in examine(logdir).text()


def test_problems_come_before_notes(write_batch, logdir):
    write_batch([1, 2, 3], flops=0, dropped=1)
    assert [finding.level for finding in examine(logdir).findings] == ["problem", "note"]


def test_no_name_from_a_run_commands_the_terminal(write_steps, logdir):
    write_steps([1, 2], metrics={"\x1b[31mred\x07": float("nan")})
    os.rename(files_of(logdir)[0], logdir / "events.out.tfevents.\x1b[2J.rlviz-s0-0")
    with (logdir / "events.out.tfevents.\x1b[2J.rlviz-s0-0").open("ab") as stream:
        stream.write(b"x" * 100)
    text = examine(logdir).text()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert r"tfevents.\x1b[2J.rlviz" in text

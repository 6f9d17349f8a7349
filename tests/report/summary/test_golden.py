"""What is told of known runs, beside what the eye sees in their figures.

`golden/stories.md` was written by hand from the figures before any code told them; its moves are
compared with the segments, its values with the red curve. `golden/texts.md` holds what the code
says; `python tests/report/summary/test_golden.py` writes it anew, and its diff is what a reviewer
reads. The logs of real runs lie beside the project: without them their tests skip.
"""

import itertools
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import rlviz
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import curve_of
from rlviz.report.series.measures import measure

HERE = Path(__file__).parent / "golden"
DATA = Path(__file__).parents[2] / "data"
REAL = Path(__file__).parents[4] / "shared" / "data" / "real"
ROWS = np.load(DATA / "demo_seeds_of_10037ca.npz")
PLACE = 12
TURN = 4
"""So far apart, in percent of the axis, may the ends of a move be: a bend in a smooth curve has no
exact place, a turn has."""
FLAT = 0.1
READING = 0.02
"""How exactly a value can be read off a figure, as a share of the curve's range."""


@dataclass(frozen=True)
class Move:
    """What the eye saw."""

    kind: str
    value: float
    place: float
    small: bool


@dataclass(frozen=True)
class Told:
    """A hand-written story."""

    run: str
    metric: str
    start: float
    moves: tuple[Move, ...]
    few: str = ""


def number(text):
    return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def stories():
    found = []
    for part in (HERE / "stories.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        head, _, body = part.partition("\n")
        run, _, metric = head.partition(": ")
        body = body.replace(" %", "%")
        few = re.search(r"first is (\S+?)(?: \(.*?\))?, the last (\S+)", body)
        if few:
            found.append(Told(run, metric, number(few[1]), (), few[2]))
            continue
        moves = tuple(
            Move(kind, number(value), float(place), "small" in (rest or ""))
            for kind, value, place, rest in re.findall(
                r"^- (rises|falls|level) to (\S+) at (\d+)(;.*)?$",
                body.replace("%at", "% at"),
                re.M,
            )
        )
        start = number(re.search(r"starts at (\S+)", body)[1])
        assert len(moves) == body.count("\n- "), head
        found.append(Told(run, metric, start, moves))
    return found


# --- the runs ----------------------------------------------------------------


def demo(seed):
    prefix = f"{seed}/"
    columns = {n.removeprefix(prefix): ROWS[n] for n in ROWS.files if n.startswith(prefix)}
    return rlviz.History(columns, logdir=f"runs/demo-seed-{seed}")


def parl_shape():
    rows = np.genfromtxt(DATA / "parl_shape.csv", delimiter=",", names=True)
    columns = {
        "step": rows["step"],
        "correct": rows["correct"],
        "graded": rows["graded"],
        "parallelism_sum": rows["average_parallelism"],
        "parallelism_count": np.ones(len(rows)),
        "flops/total": rows["flops_total"],
    }
    return rlviz.History(columns, logdir="runs/parl-shape")


def imported(path, **options):
    with tempfile.TemporaryDirectory() as folder:
        name = re.sub(r"\..*", "", path.name.removeprefix("events.out.tfevents.1645866480."))
        logdir = Path(folder) / name
        rlviz.import_run(path, logdir, **options)
        return rlviz.read(logdir)


def case(name, **options):
    return imported(DATA / "cases" / name, **options)


GRADED = "critic/rewards/mean"
RUNS: dict[str, Callable[[], rlviz.History]] = {
    **{f"demo seed {seed}": (lambda seed=seed: demo(seed)) for seed in range(10)},
    "parl_shape": parl_shape,
    "case 12": lambda: case("12-collapse-no-dip.log"),
    "case 13": lambda: case("13-steep-start.csv", graded=512),
    "case 14": lambda: case(
        "14-validation-at-step-0.log", accuracy="val-core/quiz/acc/mean@1", params=1e9
    ),
    "case 27": lambda: case("27-constant.jsonl"),
}
LOGS = {
    "real tianshou": "events.out.tfevents.1645866480.tianshou-ppo-pong",
    "real 7b": "openinstruct_rl0_7b_2000.csv",
    "real 32b": "openinstruct_rl0_32b_wandb_history_1097.csv",
    "real trl": "trl_grpo_llama3.1-8b_gsm8k_250.trainer_state.json",
    "real verl": "verl_parsed_ppo_116.csv",
}
_READ = {}


def run_called(name, find_real):
    if name not in _READ:
        _READ[name] = RUNS[name]() if name in RUNS else imported(find_real(LOGS[name]))
    return _READ[name]


# --- the eye and the code ------------------------------------------------------


def joined(moves):
    """(kind, value, place) with neighbors of one kind as one."""
    found = []
    for move in moves:
        if found and found[-1][0] == move[0]:
            found.pop()
        found.append(move)
    return found


def seen(story):
    """All stories that leave out some of the small moves."""
    moves = [(m.kind, m.value, m.place) for m in story.moves]
    small = [i for i, move in enumerate(story.moves) if move.small]
    for chosen in range(2 ** len(small)):
        left_out = {i for bit, i in enumerate(small) if chosen >> bit & 1}
        yield joined([move for i, move in enumerate(moves) if i not in left_out])


def told(run, metric):
    """All readings of what the code says: to the eye, a slow change of less than a tenth of the
    curve's range may as well be level."""
    segments = rlviz.summarise(run, metrics=[metric]).segments[metric]
    x = choose("flops", [run]).positions(run)
    first, last = np.nanmin(x), np.nanmax(x)
    values = [part.y_start for part in segments] + [segments[-1].y_end]
    options = [
        {part.kind, "level"}
        if abs(part.y_end - part.y_start) < FLAT * np.ptp(values)
        else {part.kind}
        for part in segments
    ]
    for kinds in itertools.product(*options):
        yield joined(
            (kind, part.y_end, 100 * (part.x_end - first) / (last - first))
            for kind, part in zip(kinds, segments, strict=True)
        )


def is_alike(one, other):
    """Whether two stories have the same moves, each ending near the same place."""
    if [move[0] for move in one] != [move[0] for move in other]:
        return False
    turns = [{a[0], b[0]} == {"rises", "falls"} for a, b in itertools.pairwise(one)]
    limits = [TURN if turn else PLACE for turn in turns] + [101]
    return all(abs(a[2] - b[2]) <= limit for a, b, limit in zip(one, other, limits, strict=True))


STORIES = stories()
MISSED = {
    ("demo seed 4", "accuracy"): "one slow rise where the eye sees a level and a late rise",
    ("demo seed 6", "accuracy"): "one slow rise where the eye sees a level and a late rise",
    ("demo seed 7", "accuracy"): "one slow rise where the eye sees a level and a late rise",
    ("demo seed 7", "average_parallelism"): "one slow rise for a level and a late rise",
    ("parl_shape", "average_parallelism"): "one slow rise where the eye sees a level in it",
    ("real tianshou", "test/reward"): "26 values whose noise may be a walk: nothing is claimed",
    ("real trl", "reward_std"): "values near 0 and near 1.2: nothing is certain",
}
"""Stories that the code does not tell as the eye does, each with the difference."""


@pytest.mark.parametrize("story", STORIES, ids=[f"{s.run} {s.metric}" for s in STORIES])
def test_the_code_tells_what_the_eye_saw(story, real):
    run = run_called(story.run, real)
    if story.few:
        (claim,) = rlviz.summarise(run, metrics=[story.metric]).claims
        ends = claim.values["start"].value, claim.values["end"].value
        assert ends == pytest.approx((story.start, number(story.few)), rel=0.01)
        assert rlviz.summarise(run, metrics=[story.metric]).segments[story.metric] == ()
        return
    alike = any(is_alike(code, eye) for code in told(run, story.metric) for eye in seen(story))
    if (story.run, story.metric) in MISSED:
        assert not alike, "told rightly by now"
        return
    assert alike, f"{rlviz.summarise(run, metrics=[story.metric])}, and the eye: {story.moves}"


@pytest.mark.parametrize("story", STORIES, ids=[f"{s.run} {s.metric}" for s in STORIES])
def test_what_the_eye_read_is_on_the_curve(story, real):
    if story.few:
        return
    run = run_called(story.run, real)
    axis = choose("flops", [run])
    curve = curve_of(run, measure(story.metric, [run]), axis)
    x = axis.positions(run)
    first, last = np.nanmin(x), np.nanmax(x)
    for place, value in [(0, story.start), *((m.place, m.value) for m in story.moves)]:
        # Within a percent of the axis, which is as exactly as a place can be read.
        near = [curve.at(first + (last - first) * at / 100) for at in (place - 1, place, place + 1)]
        exact = READING * np.ptp(curve.y) + (near[1].error or 0.0) + 1e-12
        low, high = min(v.value for v in near) - exact, max(v.value for v in near) + exact
        assert low <= value <= high, (place, value, near[1])


def texts():
    parts = (HERE / "texts.md").read_text(encoding="utf-8").split("\n=== ")[1:]
    return {name: text for name, _, text in (part.partition(" ===\n\n") for part in parts)}


@pytest.mark.parametrize("name", [*RUNS, *LOGS])
def test_the_text_is_the_one_that_was_read(name, real):
    text = rlviz.summarise(run_called(name, real)).markdown()
    assert text == texts()[name]


def write():
    """Write the texts of all runs anew; those of real runs that are not here stay as they are."""
    old = texts() if (HERE / "texts.md").exists() else {}
    parts = ["What the code says of the runs of stories.md: written by test_golden.py.\n"]
    for name in [*RUNS, *LOGS]:
        here = name in RUNS or (REAL / LOGS[name]).is_file()
        text = old.get(name, "")
        if here:
            text = rlviz.summarise(run_called(name, lambda log: REAL / log)).markdown()
        parts.append(f"=== {name} ===\n\n{text}")
    (HERE / "texts.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    write()

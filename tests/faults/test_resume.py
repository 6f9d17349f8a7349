"""What a script goes on from after a kill, wherever it stands and whatever its directory does."""

import json
import os

import pytest

import rlviz
from rlviz.report.doctor import examine

# Its state is what it dies with: nothing is given the time to be written later.
DYING = """
    import json, os, signal, sys
    logdir, checkpoint, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    done = 0
    if os.path.exists(checkpoint):
        state = json.load(open(checkpoint))
        viz.load_state_dict(state["rlviz"])
        done = state["step"]
    for step in range(done + 1, done + 1 + steps):
        log_step(viz, step)
    with open(checkpoint, "w") as file:
        json.dump({"step": step, "rlviz": viz.state_dict()}, file)
    for late in range(step + 1, step + 4):  # the checkpoint lacks these
        log_step(viz, late)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    "kills", [2, pytest.param(5, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.soak)]
)
def test_whoever_is_killed_as_a_state_is_saved_lacks_none_of_its_steps(
    children, tmp_path, assert_rows_of_log_step, rng, ran, kills
):
    last = 0
    for _ in range(kills):
        steps = rng.choice([1, 2, 40, 700])
        last += steps
        child = children(DYING, tmp_path / "run", tmp_path / "state", steps)
        assert child.wait() == -9, child.output
        assert json.loads((tmp_path / "state").read_text())["rlviz"]["step"] == last
        assert list(rlviz.read(tmp_path / "run").step)[:last] == list(range(1, last + 1))
    run = rlviz.read(tmp_path / "run")
    assert run.missing == ()
    assert_rows_of_log_step(run)
    ran(kills=kills)


WITHOUT_FILES = """
    import json, os, resource, sys
    logdir, checkpoint = sys.argv[1:]
    state = json.load(open(checkpoint))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        assert error.errno == 24, error  # EMFILE
    viz = rlviz.Callback(logdir, figure_seconds=None)
    viz.load_state_dict(state["rlviz"])
    log_step(viz, state["step"] + 1)
    assert viz.flush() is False
    for number in taken:
        os.close(number)
    log_step(viz, state["step"] + 2)
    assert viz.close(30)
    print(viz.health.dropped)
"""


def test_a_run_whose_directory_could_not_be_listed_is_gone_on_with(
    children, tmp_path, assert_rows_of_log_step
):
    where = tmp_path / "run", tmp_path / "state"
    for _ in range(2):
        assert children(DYING, *where, 5).wait() == -9
    child = children(WITHOUT_FILES, *where)
    assert child.wait() == 0, child.output
    assert child.output.splitlines()[-1] == "0"
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, 13))
    assert list(run.session) == [0] * 5 + [1] * 5 + [2] * 2
    assert_rows_of_log_step(run)


@pytest.mark.parametrize("number", [10**6, 2**53, 10**30])
def test_a_file_with_a_huge_session_number_leaves_the_next_run_readable(tmp_path, number):
    odd = f"events.out.tfevents.1789000000.000000.000000.host.1.ab.rlviz-s{number}-0"
    (tmp_path / odd).touch()
    state = None
    for step in (1, 2):
        with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
            if state is not None:
                viz.load_state_dict(state)
            viz.on_step_end(step, flops=7)
            state = viz.state_dict()
    run = rlviz.read(tmp_path)
    assert (list(run.step), list(run.session), run.exact_flops()) == ([1, 2], [0, 1], [7, 14])


WANDERING = """
    import os, sys, time
    from pathlib import Path
    start, kind = sys.argv[1:]
    os.chdir(start)
    logdir = Path("runs/mine") if kind == "a path" else "runs/mine"
    viz = rlviz.Callback(logdir, config={"lr": 0.1}, flush_seconds=0.01)
    os.makedirs("elsewhere")
    os.chdir("elsewhere")
    for step in range(1, 101):
        log_step(viz, step)
        if step == 50:
            assert viz.flush(30)
            # The next file comes from here, too.
            os.rename(start + "/runs", start + "/moved")
            log_step(viz, step)
            viz.flush(30)
            os.mkdir("deeper")
            os.chdir("deeper")
    assert viz.close(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["a string", "a path"])
def test_a_run_stays_where_the_callback_was_made(children, tmp_path, kind):
    child = children(WANDERING, tmp_path, kind)
    assert child.wait(120) == 0, child.output
    files = sorted(path.parent.relative_to(tmp_path) for path in tmp_path.rglob("*tfevents*"))
    assert {str(folder) for folder in files} == {"moved/mine", "runs/mine"}
    assert list(rlviz.read(tmp_path / "runs" / "mine").step) == list(range(1, 101))
    content = b"".join(path.read_bytes() for path in (tmp_path / "runs" / "mine").iterdir())
    assert b"\x89PNG" in content  # the process that draws found it


STRANGERS = {
    "a pipe": os.mkfifo,
    "a directory": os.mkdir,
    "a link to a pipe": lambda path: (os.mkfifo(f"{path}-"), os.symlink(f"{path}-", path)),
    "a link to a device": lambda path: os.symlink("/dev/zero", path),
    "a link to a file of the system": lambda path: os.symlink("/proc/kmsg", path),
    "a link to a directory": lambda path: os.symlink("/usr", path),
    "a link to nothing": lambda path: os.symlink("nowhere", path),
    "a link to itself": lambda path: os.symlink(os.path.basename(path), path),
}


@pytest.mark.quick(6)
@pytest.mark.parametrize("kind", STRANGERS)
@pytest.mark.parametrize(
    "name",
    [
        "events.out.tfevents.1",
        "events.out.tfevents.9999999999.000000.000000.vm.1.aaaaaaaa.rlviz-s0-1",
        "events.out.tfevents.9999999999.000000.000000.vm.1.aaaaaaaa.rlviz-s7-0",
    ],
    ids=["of another writer", "of the session", "of a later session"],
)
def test_what_only_has_the_name_of_an_event_file_hinders_neither_readers_nor_a_resumed_run(
    tmp_path, kind, name
):
    state = None
    for steps in (range(1, 6), range(6, 9)):
        with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
            if state is not None:
                viz.load_state_dict(state)
            for step in steps:
                viz.on_step_end(step, correct=[1])
            state = viz.state_dict()
            assert viz.close(30)
        assert viz.health.errors == 0
        if not os.path.lexists(tmp_path / name):
            STRANGERS[kind](os.fspath(tmp_path / name))
    assert rlviz.read(tmp_path).step.tolist() == list(range(1, 9))
    assert examine(tmp_path).text()


def test_a_link_to_an_event_file_is_one(tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1])
    (file,) = (tmp_path / "run").iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert rlviz.read(tmp_path / "run").step.tolist() == [1]

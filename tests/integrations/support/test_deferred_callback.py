"""The Callback that is opened as training begins: checked before, closed by who opened it."""

import pytest

import rlviz
from rlviz.integrations.support.deferred_callback import DeferredCallback


def test_arguments_are_checked_before_anything_is_opened(tmp_path):
    with pytest.raises(ValueError, match="ema"):
        DeferredCallback(tmp_path / "run", {"ema": 2.0})
    with pytest.raises(TypeError, match="nonsense"):
        DeferredCallback(tmp_path / "run", {"nonsense": 1})
    assert not (tmp_path / "run").exists()


def test_it_opens_once_and_again_after_it_was_closed(tmp_path):
    deferred = DeferredCallback(tmp_path / "run", {"figure_seconds": None})
    assert deferred.viz is None
    first = deferred.open(config={"lr": 1})
    assert deferred.open() is first
    deferred.close()
    assert deferred.viz is first  # for its health
    second = deferred.open()
    assert second is not first
    deferred.close()


def test_what_the_user_passed_goes_before_what_the_framework_knows(tmp_path):
    deferred = DeferredCallback(tmp_path / "run", {"config": {"mine": 1}, "figure_seconds": None})
    deferred.open(config={"theirs": 2}).on_step_end(1, accuracy=0.5)
    deferred.close()
    (events,) = (tmp_path / "run").glob("*tfevents*")
    assert b"mine" in events.read_bytes()
    assert b"theirs" not in events.read_bytes()


def test_a_ready_callback_is_used_and_left_open(tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        deferred = DeferredCallback(viz, {})
        assert deferred.open(config={"lr": 1}) is viz
        deferred.close()
        viz.on_step_end(1, accuracy=0.5)
        with pytest.raises(TypeError, match="ema came with a ready Callback"):
            DeferredCallback(viz, {"ema": 0.5})
    assert len(rlviz.read(tmp_path / "run")) == 1


def test_the_run_is_where_it_was_named_and_not_where_the_training_begins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deferred = DeferredCallback("run", {"figure_seconds": None})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    deferred.open().on_step_end(1, accuracy=0.5)
    deferred.close()
    assert list(rlviz.read(tmp_path / "run").step) == [1]

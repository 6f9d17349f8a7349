"""Names of the runs below some directories."""

import pytest

from rlviz.dashboard.directories import run_directories


@pytest.fixture
def runs(tmp_path):
    for name in ("a", "swarm/fast", "swarm/slow", "swarm/slow/eval"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "events.out.tfevents.1").touch()
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_runs_below_one_directory_have_their_paths_for_names(runs):
    found = run_directories({"runs": [runs]})
    assert list(found) == ["a", "swarm/fast", "swarm/slow", "swarm/slow/eval"]
    assert found["swarm/slow"] == runs / "swarm" / "slow"


def test_a_run_has_the_name_that_it_is_given(runs):
    assert run_directories({"base": [runs / "a"]}) == {"base": runs / "a"}


def test_several_directories_stay_apart(runs):
    found = run_directories({"base": [runs / "a"], "wide": [runs / "swarm"]})
    assert list(found) == ["base", "wide/fast", "wide/slow", "wide/slow/eval"]


def test_seeds_are_listed_under_the_name_of_their_group(runs):
    found = run_directories({"base": [runs / "a", runs / "swarm" / "fast"]})
    assert list(found) == ["base/a", "base/fast"]


def test_a_link_that_leads_back_leads_nowhere(runs):
    (runs / "again").symlink_to(runs, target_is_directory=True)
    assert len(run_directories({"runs": [runs]})) == 4


def test_a_directory_that_is_missing_is_named(runs):
    with pytest.raises(FileNotFoundError, match=r"no directory .*nowhere"):
        run_directories({"x": [runs / "nowhere"]})

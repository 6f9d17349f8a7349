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


def test_seeds_of_the_same_last_name_have_as_many_parents_as_tell_them_apart(tmp_path):
    seeds = [tmp_path / seed / "out" for seed in ("seed1", "seed2")]
    for seed in seeds:
        (seed / "eval").mkdir(parents=True)
        for folder in (seed, seed / "eval"):
            (folder / "events.out.tfevents.1").touch()
    assert run_directories({"base": seeds}) == {
        f"base/{seed.parent.name}/out{inside}": seed / inside.strip("/")
        for seed in seeds
        for inside in ("", "/eval")
    }


def test_a_directory_that_is_given_twice_under_one_name_is_refused(runs):
    with pytest.raises(ValueError, match=r"'base' has a directory twice: .*/a, .*/a\. Give each"):
        run_directories({"base": [runs / "a", runs / "swarm" / ".." / "a"]})


def test_two_runs_that_would_have_one_name_are_refused(runs):
    given = {"swarm": [runs / "swarm"], "swarm/fast": [runs / "a"]}
    with pytest.raises(ValueError, match=r"would both be listed as 'swarm/fast'\. Give them"):
        run_directories(given)


def test_a_run_below_one_of_its_own_name_is_listed_beside_it(tmp_path):
    (tmp_path / "x").mkdir()
    for folder in (tmp_path, tmp_path / "x"):
        (folder / "events.out.tfevents.1").touch()
    assert run_directories({"x": [tmp_path]}) == {"x": tmp_path, "x/x": tmp_path / "x"}


def test_a_link_that_leads_back_leads_nowhere(runs):
    (runs / "again").symlink_to(runs, target_is_directory=True)
    assert len(run_directories({"runs": [runs]})) == 4


def test_a_directory_that_is_missing_is_named(runs):
    with pytest.raises(FileNotFoundError, match=r"no directory .*nowhere"):
        run_directories({"x": [runs / "nowhere"]})

"""What TensorBoard's page offers for download."""

import pytest

from rlviz.importers import import_run

HEAD = "Wall time,Step,Value\n"


def rows(offset=0.0):
    return [(1700000000.5 + 2 * n, 10 * n, offset + n / 8) for n in range(1, 6)]


def as_csv(offset=0.0):
    return HEAD + "".join(f"{wall},{step},{value}\n" for wall, step, value in rows(offset))


def test_a_downloaded_tag_is_called_by_the_name_of_its_file(take, metric):
    imported, run = take(as_csv(-2), name="run-ppo-7-tag-rollout_ep_rew_mean.csv")
    assert imported.kind == "tensorboard_table"
    assert run.step.tolist() == [10, 20, 30, 40, 50]
    assert run.metrics == ("rollout_ep_rew_mean",)
    assert metric(run, "rollout_ep_rew_mean")[0] == -1.875
    assert (run.wall_time[1] - run.wall_time[0]) == 2


def test_several_tags_of_a_run_are_one_run(tmp_path, take):
    for tag, offset in (("accuracy", 0.0), ("kl", 1.0)):
        (tmp_path / f"run-a-tag-{tag}.csv").write_text(as_csv(offset))
    _, run = take([tmp_path / "run-a-tag-accuracy.csv", tmp_path / "run-a-tag-kl.csv"])
    assert run.accuracy.tolist() == [0.125, 0.25, 0.375, 0.5, 0.625]
    assert run.columns["metrics/kl"].tolist() == [1.125, 1.25, 1.375, 1.5, 1.625]


def test_tags_of_two_runs_are_refused_by_name(tmp_path):
    for run, offset in (("a", 0.0), ("b", 1.0)):
        (tmp_path / f"run-{run}-tag-kl.csv").write_text(as_csv(offset))
    with pytest.raises(ValueError, match=r"holds 2 runs.*: '?a'?, '?b'?"):
        import_run(sorted(tmp_path.glob("*.csv")), tmp_path / "run")


def test_the_json_of_the_page_is_read_too(take):
    text = str([list(row) for row in rows()])
    _, run = take(text, name="run-a-tag-accuracy.json")
    assert run.step.tolist() == [10, 20, 30, 40, 50]
    assert run.accuracy[-1] == 0.625

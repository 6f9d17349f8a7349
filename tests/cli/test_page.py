"""`rlviz page`: one file of the runs that are named, or that are below what is named."""

import json
import re


def names_in(text):
    data = re.search(r'id="rlviz-data">(.*?)</script>', text, re.DOTALL)[1]
    return [run["name"] for run in json.loads(data)["listing"]["runs"]]


def test_it_has_every_run_below_a_directory(run_cli, tmp_path, write_steps):
    for name in ("a", "swarm/fast"):
        write_steps(range(1, 6), logdir=tmp_path / "runs" / name)
    (tmp_path / "runs" / "others").mkdir()
    (tmp_path / "runs" / "others" / "events.out.tfevents.1").touch()
    output = tmp_path / "page.html"
    assert run_cli("page", tmp_path / "runs", "-o", output) == (0, f"{output}\n", "")
    assert names_in(output.read_text(encoding="utf-8")) == ["a", "swarm/fast"]


def test_names_and_groups_are_those_given(run_cli, tmp_path, write_steps):
    for name in ("a", "b", "c"):
        write_steps(range(1, 6), logdir=tmp_path / name)
    code, out, err = run_cli(
        "page", f"base={tmp_path / 'a'}", f"wide={tmp_path / 'b'},{tmp_path / 'c'}", "-o", "-"
    )
    assert (code, err) == (0, "")
    assert names_in(out) == ["base", "wide/b", "wide/c"]


def test_seeds_whose_directories_have_one_last_name_are_all_there(run_cli, tmp_path, write_steps):
    seeds = [tmp_path / seed / "out" for seed in ("seed1", "seed2")]
    for seed in seeds:
        write_steps(range(1, 6), logdir=seed)
    code, out, err = run_cli("page", f"base={seeds[0]},{seeds[1]}", "-o", "-")
    assert (code, err) == (0, "")
    assert names_in(out) == ["base/seed1/out", "base/seed2/out"]


def test_what_can_not_be_written_is_a_sentence(run_cli, assert_one_sentence, tmp_path, write_steps):
    write_steps(range(1, 6))
    (tmp_path / "empty").mkdir()
    output = tmp_path / "page.html"
    run = tmp_path / "run"
    assert_one_sentence(run_cli("page", tmp_path / "none", "-o", output), "no directory", "none")
    assert_one_sentence(run_cli("page", tmp_path / "empty", "-o", output), "no run", "empty")
    assert_one_sentence(run_cli("page", run, "--metrics", "x", "-o", output), "'x'")
    assert_one_sentence(run_cli("page", run, "-o", tmp_path / "no" / "page.html"), "no")
    assert not output.exists()

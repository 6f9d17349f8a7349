"""The page as one text: nothing from elsewhere, names as data, and a size that is kept."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest

import rlviz


def data_of(text):
    return json.loads(re.search(r'id="rlviz-data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture
def run(learning):
    columns, table = learning(300)
    return rlviz.History(dict(zip(columns, table.T, strict=True)), logdir="runs/swarm")


def test_it_names_no_other_place(run):
    text = rlviz.page(run)
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in text
    assert "url(" not in text


def test_the_policy_allows_its_own_script_and_style_and_no_other(run):
    text = rlviz.page(run)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    script = re.search(r"<script>(.*)</script>", text, re.DOTALL)[1]
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    for kind, content in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


@pytest.mark.slow
def test_names_are_data_whatever_they_are(run):
    names = ["</script><script>alert(1)</script>", "<!--", "]]>", "\u2028", "\ud800", "__proto__"]
    text = rlviz.page(dict.fromkeys(names, run))
    assert [one["name"] for one in data_of(text)["listing"]["runs"]] == names
    assert text.lower().count("<script") == 2
    assert text.count("<!--") == 0
    text.encode()


def test_seeds_are_listed_below_their_name(run):
    found = data_of(rlviz.page({"base": run, "wide": [run, run]}))
    names = [one["name"] for one in found["listing"]["runs"]]
    assert names == ["base", "wide/swarm (1)", "wide/swarm (2)"]


def test_it_says_what_is_not_in_it(run):
    account = data_of(rlviz.page(run, metrics=["accuracy"]))["account"]
    assert "average_parallelism, loss" in account
    assert "moving averages" in account
    listed = data_of(rlviz.page(run, metrics=["loss"]))["listing"]["runs"][0]
    assert (listed["metrics"], listed["tells"]) == (["loss"], [[0, "loss"]])


@pytest.mark.slow
def test_many_runs_have_fewer_dots_and_not_a_larger_file(learning):
    columns, table = learning(1000)
    held = dict(zip(columns, table.T, strict=True))
    sizes = []
    for count in (1, 12):
        runs = {
            f"run {i}": rlviz.History(held | {"correct": held["correct"]}) for i in range(count)
        }
        sizes.append(len(rlviz.page(runs)))
    assert sizes[0] < 400_000
    assert sizes[1] < 1_500_000


def test_what_can_not_be_drawn_is_refused_in_words(run):
    with pytest.raises(ValueError, match="no steps"):
        rlviz.page(rlviz.History({"step": np.empty(0)}))
    with pytest.raises(TypeError, match=r"rlviz\.read"):
        rlviz.page("runs/a")
    with pytest.raises(ValueError, match="reward"):
        rlviz.page(run, metrics=["reward"])


def test_a_run_without_compute_has_its_other_axes():
    steps = np.arange(1.0, 50.0)
    found = data_of(rlviz.page(rlviz.History({"step": steps, "metrics/reward": np.sqrt(steps)})))
    (listed,) = found["listing"]["runs"]
    assert listed["axes"] == ["step"]
    assert listed["metrics"] == ["reward"]


def test_a_notebook_shows_it_in_a_frame_that_may_run_nothing_else(run):
    shown = run._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'sandbox="allow-scripts allow-downloads"' in shown
    assert shown.count("<") == 2
    assert rlviz.History({"step": np.empty(0)})._repr_html_() is None


def test_progress_is_told_to_the_end(run):
    told = []
    rlviz.page(run, progress=lambda done, rows: told.append((done, rows)))
    assert told[-1][0] == told[-1][1] == len(told)

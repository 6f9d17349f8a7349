"""What public calls are given is what it looks like, or refused in words."""

import numpy as np
import pytest

import rlviz
from rlviz.flops import Transformer
from rlviz.given import flag, names


@pytest.mark.parametrize("given", [True, np.True_, np.bool_(True), np.array(True), 1, np.int64(1)])
def test_a_yes_in_any_spelling_of_a_number_is_one(given):
    assert flag("dots", given) is True
    assert flag("dots", 1 - int(given)) is False


@pytest.mark.parametrize("given", ["no", "False", "", None, 2, 0.0, [], np.array([True]), object()])
def test_what_python_only_holds_for_true_or_false_is_refused(given):
    with pytest.raises(TypeError, match=r"dots must be True or False, got .* \(\w+\)\."):
        flag("dots", given)


def test_names_come_one_by_one_or_in_any_kind_of_list():
    pandas = pytest.importorskip("pandas")
    for given in ("loss", ["loss"], ("loss",), np.array(["loss"]), pandas.Series(["loss"])):
        assert names("metrics", given) == ["loss"]
    for given in (1, None, {"loss": 1}, b"loss", [1], [["loss"]]):
        with pytest.raises(TypeError, match="metrics must be a list of names, got "):
            names("metrics", given)


TINY = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
                   intermediate_size=8, vocab_size=10)  # fmt: skip
RUN = rlviz.History({"step": np.arange(1.0, 31.0), "correct": np.linspace(1, 3, 30),
                     "graded": np.full(30, 4.0), "flops/total": np.arange(1.0, 31.0)})  # fmt: skip


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("dots", lambda no: rlviz.figure(RUN, dots=no)),
        ("title", lambda no: rlviz.figure(RUN, title=no)),
        ("caption", lambda no: rlviz.figure(RUN, caption=no)),
        ("log_x", lambda no: rlviz.figure(RUN, log_x=no)),
        ("log_y", lambda no: rlviz.figure(RUN, log_y=no)),
        ("lower_is_better", lambda no: rlviz.compare({"a": RUN, "b": RUN}, lower_is_better=no)),
        (
            "allow_different_flops",
            lambda no: rlviz.compare({"a": RUN, "b": RUN}, allow_different_flops=no),
        ),
        ("units", lambda no: rlviz.export(RUN, "never.csv", units=no)),
        ("curves", lambda no: rlviz.export(RUN, "never.csv", curves=no)),
        ("dry_run", lambda no: rlviz.import_run("never.csv", "never", dry_run=no)),
        ("extrapolate", lambda no: rlviz.import_run("never.csv", "never", extrapolate=no)),
        ("cumulative", lambda no: rlviz.import_run("never.csv", "never", cumulative=no)),
        ("strict", lambda no: rlviz.Callback("never", figure_seconds=None, strict=no)),
        ("local", lambda no: rlviz.smooth.local_polynomial([1.0, 2.0], local=no)),
        ("recompute", lambda no: TINY.training([1], recompute=no)),
        ("prefix_shared", lambda no: TINY.generation([1], [2], prefix_shared=no)),
        ("prefix_shared", lambda no: TINY.turns([[(5, 3)]], prefix_shared=no)),
        ("count_embedding", lambda no: rlviz.flops.from_config({}, count_embedding=no)),
    ],
)
def test_no_public_call_takes_the_word_no_for_a_yes(argument, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=rf"{argument} must be True(,| or) False.*, got 'no'"):
        call("no")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rlviz.read(1), r"must be a path, got 1 \(int\)"),
        (lambda: rlviz.examine(None), r"must be a path, got None"),
        (lambda: rlviz.examine("runs", now="today"), r"now must be seconds since 1970"),
        (lambda: rlviz.export("runs", "t.csv"), r"history must be a run as rlviz\.read returns it"),
        (lambda: rlviz.export(RUN, None), r"the output must be a path, got None"),
        (lambda: rlviz.export(RUN, "t.csv", progress=True), r"progress must be a function"),
        (lambda: rlviz.summarise(RUN, metrics=1), r"metrics must be a list of names, got 1"),
        (lambda: rlviz.page(RUN, metrics=1), r"metrics must be a list of names, got 1"),
        (lambda: rlviz.figure(RUN, metrics=1), r"metrics must be a list of names, got 1"),
        (lambda: rlviz.figure(RUN, forecast=True), r"must be a fit, got True\. .*scaling\.fit"),
        (lambda: rlviz.figure(RUN, width=True), r"width must be a number, got True"),
        (lambda: rlviz.compare([RUN, RUN], metric=["kl"]), r"metric must be the name of one"),
        (lambda: rlviz.compare([RUN, RUN], levels=["a"]), r"levels must be a list of numbers"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_refused_by_its_name(call, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    with pytest.raises(TypeError, match=words):
        call()


def test_a_seed_that_is_no_number_is_refused_by_its_name():
    with pytest.raises(ValueError, match=r"seed must be a whole number >= 0, got 'a'"):
        rlviz.compare([RUN, RUN], seed="a")


def test_one_metric_of_a_page_need_not_be_a_list():
    assert "accuracy" in rlviz.page(RUN, metrics="accuracy")

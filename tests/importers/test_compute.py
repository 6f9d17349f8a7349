"""RL FLOPs of a log: from a counter of FLOPs, or from tokens and parameters."""

import pytest

from rlviz.importers import import_run


def unknown(imported):
    return " ".join(imported.unknown)


def test_compute_that_no_run_can_have_spent_is_refused(lines, tmp_path):
    (tmp_path / "log").write_text(lines({"step": s, "num_tokens": s} for s in (1, 2)))
    with pytest.raises(ValueError, match=r"would add up to .*Check params"):
        import_run(tmp_path / "log", tmp_path / "run", params=1e32)
    assert not (tmp_path / "run").exists()


def test_a_counter_of_each_step_is_told_from_one_since_the_start(lines, take):
    rows = [{"step": s, "reward": 0.5, "tokens": 100 + s % 3} for s in range(1, 31)]
    _, run = take(lines(rows), params=1e9)
    assert run.columns["metrics/tokens"][-1] == sum(row["tokens"] for row in rows)


@pytest.mark.parametrize("counter", ["tokens", "total_num_tokens"])
def test_tokens_of_each_step_that_only_grow_are_no_counter_from_the_start(lines, take, counter):
    counts = [400_000 + 3000 * s for s in range(1, 21)]
    rows = [{"step": s, "reward": 0.5, counter: n} for s, n in enumerate(counts, 1)]
    _, run = take(lines(rows), params=1e9)
    assert run.columns["metrics/tokens"][-1] == sum(counts)


@pytest.mark.parametrize("steps", [range(1, 21), range(0, 200, 10), range(500, 520)])
def test_a_counter_from_the_start_begins_near_its_rise_or_late(lines, take, steps):
    rows = [{"step": s, "reward": 0.5, "tokens": 1000 * s + 7} for s in steps]
    _, run = take(lines(rows), params=1e9)
    assert run.columns["metrics/tokens"][-1] == rows[-1]["tokens"]


def test_a_counter_that_starts_again_from_0_goes_on(lines, take):
    counts = [100, 200, 300, 50, 150]  # a new process counts anew
    rows = [{"step": s, "reward": 0.5, "num_tokens": n} for s, n in enumerate(counts, 1)]
    _, run = take(lines(rows), params=1e9)
    assert run.columns["metrics/tokens"].tolist() == [100, 200, 300, 350, 450]
    assert run.has_compute_axis


def test_a_mean_length_and_the_number_of_sequences_give_tokens(lines, take):
    rows = [{"step": s, "completion_length": 200.0, "reward": 0.5} for s in (1, 2)]
    imported, run = take(lines(rows), tokens="completion_length", sequences=6, params=1e9)
    assert run.exact_flops() == [1200 * 8 * 10**9, 2400 * 8 * 10**9]
    assert any("'completion_length' times 6 sequences a step" in says for says in imported.known)


@pytest.mark.parametrize(
    ("tokens_are", "each"), [("sequences", 8), ("generated", 2), ("trained", 6)]
)
def test_a_token_costs_what_was_done_with_it(lines, take, tokens_are, each):
    rows = [{"step": s, "reward": 0.5, "tokens": 1000} for s in (1, 2)]
    _, run = take(lines(rows), params=1e9, tokens_are=tokens_are)
    assert run.exact_flops()[-1] == 2 * 1000 * each * 10**9


def test_parameters_without_any_tokens_are_said_to_give_nothing(take):
    imported, _ = take("step,accuracy\n1,0.5\n2,0.5\n", "log.csv", params=1e9)
    assert (
        "The RL FLOPs are unknown: no value of the log is known to count FLOPs or tokens."
        in unknown(imported)
    )
    assert "params needs tokens to count FLOPs, and none were found: name their" in unknown(
        imported
    )


def test_a_column_that_may_count_flops_is_named_and_not_taken(take):
    imported, run = take("step,accuracy,flops\n1,0.5,10\n2,0.5,20\n", "log.csv")
    assert "If 'flops' counts FLOPs, and is no rate, give flops='flops'." in unknown(imported)
    assert run.metrics == ("log/flops",)


def test_parameters_beside_a_counter_of_flops_are_said_to_be_idle(take):
    log = "step,accuracy,total_flops,num_tokens\n1,0.5,7,3\n2,0.5,9,4\n"
    imported, run = take(log, "log.csv", params=1e9)
    assert run.exact_flops()[-1] == 9
    assert "params was not needed: FLOPs are counted by 'total_flops'" in unknown(imported)


@pytest.mark.parametrize(("params", "is_doubted"), [(7.0, True), (99_999, True), (1e5, False)])
def test_fewer_parameters_than_any_language_model_has_are_doubted(take, params, is_doubted):
    imported, _ = take("step,accuracy,num_tokens\n1,0.5,3\n2,0.5,4\n", "log.csv", params=params)
    doubt = f"N = {params:g} parameters is less than any language model has"
    assert (doubt in unknown(imported)) is is_doubted
    assert ("params=7.6e+09 for 7.6 billion" in unknown(imported)) is is_doubted


@pytest.mark.parametrize(
    "name", ["completions/mean_length", "response_length", "tokens_per_sequence"]
)
def test_a_mean_of_tokens_without_the_number_of_sequences_is_doubted(take, name, tmp_path):
    log = f"step,accuracy,{name}\n1,0.5,300\n2,0.5,400\n"
    doubt = f"'{name}' looks like a mean of each sequence, and was taken for all tokens of a step"
    assert doubt in unknown(take(log, "log.csv", tokens=name, params=1e9)[0])
    imported = import_run(
        tmp_path / "log.csv", tmp_path / "other", tokens=name, sequences=8, params=1e9
    )
    assert "looks like a mean" not in unknown(imported)


def test_a_unit_of_flops_is_multiplied(lines, take):
    rows = [{"step": s, "reward": 0.5, "tflops": 7 * s} for s in (1, 2, 3)]
    _, run = take(lines(rows), flops="tflops", flops_unit=1e12)
    assert run.exact_flops() == [7 * 10**12, 14 * 10**12, 21 * 10**12]


def test_a_counter_that_is_always_0_is_refused_where_it_was_named(lines, tmp_path):
    (tmp_path / "log.jsonl").write_text(lines({"step": s, "tok": 0} for s in (1, 2)))
    with pytest.raises(ValueError, match=r"'tok' can't be a count of what was spent: it is always"):
        import_run(tmp_path / "log.jsonl", tmp_path / "run", tokens="tok")


@pytest.mark.parametrize("role", ["flops", "tokens"])
def test_the_column_of_the_step_may_count_the_compute_too(take, role):
    rows = "".join(f"{s},0.5\n" for s in (100, 200, 300))
    imported, run = take("step,reward\n" + rows, "log.csv", **{role: "step"}, params=1e9)
    assert run.step.tolist() == [100, 200, 300]
    assert imported.columns[role] == imported.columns["step"] == "step"
    each = {"flops": 1, "tokens": 8 * 10**9}[role]
    assert run.exact_flops() == [100 * each, 200 * each, 300 * each]


def test_a_counter_that_no_row_with_a_step_has_is_said_to_tell_nothing(lines, take):
    rows = [{"step": s, "reward": 0.5} for s in range(1, 6)]
    rows += [{"num_tokens": 7}, {"num_tokens": 9}]
    imported, run = take(lines(rows), params=1e9)
    assert len(run.step) == 5
    assert "'num_tokens' has no value in a row that has a step." in unknown(imported)


def test_a_count_that_every_rank_wrote_is_said_to_be_ambiguous(lines, take):
    rows = [
        {"step": s, "accuracy": 0.5 + rank / 10, "total_tokens": 100 + rank}
        for s in range(1, 11)
        for rank in (0, 1)
    ]
    imported, run = take(lines(rows), params=1e9, cumulative=False)
    assert run.exact_flops()[-1] == 10 * 201 * 8 * 10**9
    assert any("'total_tokens' stands in 2 rows of a step" in says for says in imported.unknown)


def test_step_0_without_a_count_spent_0(lines, take):
    rows = [{"step": 0, "eval/accuracy": 0.2}]
    rows += [{"step": s, "accuracy": 0.5, "num_tokens": 100 * s} for s in (1, 2)]
    _, run = take(lines(rows), params=1e9)
    assert run.exact_flops() == [0, 800 * 10**9, 1600 * 10**9]


def test_the_prompts_beside_lengths_of_responses_are_named(lines, take):
    rows = [
        {"step": s, "accuracy": 0.5, "response_length/mean": 10, "prompt_length/mean": 5}
        for s in (1, 2)
    ]
    imported, _ = take(lines(rows), tokens="response_length/mean", sequences=4, params=1e9)
    assert any("the prompts ('prompt_length/mean') are not" in s for s in imported.unknown)


@pytest.mark.parametrize(
    ("convention", "each"),
    [
        (None, {"rollout": 2, "update": 6}),
        ("6N", {"rollout": 2, "update": 6}),
        ("6N-tokens", {"update": 6}),
    ],
)
def test_tokens_count_by_the_named_convention_and_by_6n_without_one(lines, take, convention, each):
    rows = [{"step": s, "reward": 0.5, "tokens": 1000} for s in (1, 2)]
    imported, run = take(lines(rows), params=1e9, flops_convention=convention)
    assert {phase: run.exact_flops(phase)[-1] for phase in run.phases} == {
        phase: 2 * 1000 * factor * 10**9 for phase, factor in each.items()
    }
    assert run.conventions == (convention or "6N",)
    assert any(f"by the convention {convention or '6N'};" in says for says in imported.known)


def test_the_exact_convention_is_refused_for_tokens_in_words(lines, take):
    rows = [{"step": s, "reward": 0.5, "tokens": 1000} for s in (1, 2)]
    with pytest.raises(ValueError, match=r"a log of tokens tells neither\. Take '6N' or '6N-tok"):
        take(lines(rows), params=1e9, flops_convention="exact")


def test_tokens_that_were_only_generated_are_nothing_to_6n_tokens(lines, take):
    rows = [{"step": s, "reward": 0.5, "tokens": 1000} for s in (1, 2)]
    options = {"params": 1e9, "flops_convention": "6N-tokens", "tokens_are": "generated"}
    with pytest.raises(ValueError, match="counts the tokens that are trained on and nothing else"):
        take(lines(rows), **options)


@pytest.mark.parametrize("convention", ["exact", None])
def test_of_a_column_of_flops_only_the_user_knows_the_convention(lines, take, convention):
    rows = [{"step": s, "reward": 0.5, "total_flops": 10**20 * s} for s in (1, 2, 3)]
    imported, run = take(lines(rows), flops_convention=convention)
    assert run.conventions == (convention or "",)
    assert ("By which convention 'total_flops' counts is not known" in unknown(imported)) is (
        convention is None
    )


@pytest.mark.parametrize(
    "length",
    ["total_length", "rollout/total_lengths", "Seq. Length", "Mean Generation Length"],
)
def test_a_mean_length_of_any_framework_is_said_to_need_the_sequences(lines, take, length):
    imported, _ = take(lines({"step": s, "accuracy": 0.5, length: 99.0 + s} for s in (1, 2)))
    assert f"{length!r} is a mean of each sequence" in " ".join(imported.unknown)


def test_what_may_count_tokens_is_named(lines, take):
    rows = [{"step": s, "tokens/sec": 9.5, "tokens_per_step": 900.0 + s} for s in (1, 2)]
    imported, _ = take(lines(rows))
    assert any("If 'tokens_per_step' counts all tokens of a step" in s for s in imported.unknown)

"""Which column is the step, the return, the parallelism."""


def test_without_a_column_of_steps_the_rows_are_numbered(take):
    imported, run = take("accuracy,loss\n0.25,1\n0.5,2\n", "log.csv")
    assert run.step.tolist() == [1, 2]
    assert "No column counts steps: the rows are numbered from 1." in imported.unknown


def test_a_column_that_few_rows_have_is_not_the_step(lines, take):
    rows = [{"_step": s, "reward": 0.5} for s in range(1, 11)]
    rows[3]["global_step"] = 400
    imported, run = take(lines(rows))
    assert imported.columns["step"] == "_step"
    assert run.step.tolist() == list(range(1, 11))

"""What the roles say of a log together."""

from rlviz.importers.roles import Roles


def test_the_main_series_is_the_accuracy_else_the_return():
    assert Roles(accuracy="acc", return_="reward").main == "acc"
    assert Roles(correct="right", graded="all", return_="reward").main == "right"
    assert Roles(return_="reward").main == "reward"
    assert Roles().main is None


def test_the_column_of_the_step_may_have_another_role_too():
    assert Roles(step="tokens", tokens="tokens").doubles_step
    assert not Roles(step="step", tokens="tokens").doubles_step
    assert Roles(step="step", graded=8).columns() == {"step"}

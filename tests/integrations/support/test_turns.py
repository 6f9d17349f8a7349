"""Turns of an episode, from the mask of what was sampled."""

from rlviz.integrations.support.turns import turns_of


def test_what_was_sampled_follows_what_came_in_and_the_rest_was_never_fed():
    assert turns_of([0, 0, 1, 1, 0, 1, 0]) == [(2, 2), (1, 1)]
    assert turns_of([True, False, True], observed=5) == [(5, 1), (1, 1)]
    assert turns_of([0, 0]) == turns_of([]) == []

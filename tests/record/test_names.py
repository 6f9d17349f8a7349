"""Names that are remembered, and forgotten where they take too much."""

from rlviz.record.names import Names


def test_a_name_that_comes_again_weighs_once_and_is_forgotten_later():
    names = Names(1_000)
    for name in ("a", "b", "c"):
        names.put(name, name.upper())
    weight = names.nbytes
    names.put("a", "again")
    assert (names.nbytes, names.get("a")) == (weight, "again")
    names.put("d", "D")
    assert [each in names for each in "abcd"] == [True, False, True, True]
    assert names.nbytes == weight


def test_a_long_name_pushes_several_out_and_one_beyond_the_limit_is_not_remembered():
    names = Names(1_000)
    for name in ("a", "b", "c"):
        names.put(name, 1)
    names.put("d" * 250, 1)
    assert [each in names for each in ("a", "b", "c", "d" * 250)] == [False, False, True, True]
    names.put("e" * 900, 1)
    assert names.nbytes == 0
    assert names.get("e" * 900) is None

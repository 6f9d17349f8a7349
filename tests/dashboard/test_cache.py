"""What is kept: the values used last, up to a number of bytes."""

from rlviz.dashboard.cache import Cache


def test_beyond_the_budget_the_value_used_longest_ago_goes():
    cache = Cache(10, len)
    for key in "abc":
        cache.put(key, key * 3)
    assert cache.get("a") == "aaa"  # used again: now b is the oldest
    cache.put("d", "dddd")
    assert cache.get("b") is None
    assert [cache.get(key) for key in "acd"] == ["aaa", "ccc", "dddd"]
    assert cache.nbytes == 10


def test_a_value_larger_than_the_budget_stays_alone():
    cache = Cache(10, len)
    cache.put("small", "x")
    cache.put("large", "x" * 100)
    assert cache.get("small") is None
    assert cache.get("large") == "x" * 100
    assert cache.nbytes == 100


def test_a_value_put_anew_counts_once_and_one_removed_not_at_all():
    cache = Cache(10, len)
    cache.put("a", "aaa")
    cache.put("a", "aaaaa")
    assert (cache.get("a"), cache.nbytes) == ("aaaaa", 5)
    cache.remove("a")
    cache.remove("never there")
    assert (cache.get("a"), cache.nbytes) == (None, 0)


def test_a_value_is_computed_once_while_it_is_kept():
    cache = Cache(5, len)
    asked = []

    def compute(key):
        asked.append(key)
        return key * 3

    for key in "aab":  # b leaves no room for a
        assert cache.computed(key, lambda key=key: compute(key)) == key * 3
    cache.computed("a", lambda: compute("a"))
    assert asked == ["a", "b", "a"]

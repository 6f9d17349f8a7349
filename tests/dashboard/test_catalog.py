"""What a run's script said, as the page gets it."""

from rlviz.dashboard.catalog import Told


def test_a_configuration_of_any_size_is_short_for_the_page():
    settings = {"text": "x" * 5000, "lr": 1e-6, **{f"s{n}": float(n) for n in range(1000)}}
    plain = Told(settings, is_closed=False).plain()
    assert len(plain["settings"]) == 200
    assert plain["settings"]["text"] == "x" * 200
    assert plain["settings"]["lr"] == 1e-6
    assert plain["closed"] is False

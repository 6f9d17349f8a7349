"""What has to be known to read a comparison."""

import rlviz

from .conftest import losses, quiet


def test_it_is_said_what_is_taken_as_better(less):
    assert "twice leads in loss (lower is better) from" in less.markdown()
    assert less.to_dict()["lower_is_better"] is True
    assert less.notes[0].startswith("Less 'loss' is taken as better. If more is, compare without")
    more = rlviz.compare([losses(1.0), losses(2.0)], metric="loss")
    assert more.notes[0] == (
        "More 'loss' is taken as better. If less is, compare with lower_is_better "
        "(--lower-is-better)."
    )


def test_of_accuracy_it_goes_without_saying(pair):
    assert not [note for note in pair.notes if "better" in note]


def test_two_seeds_are_said_to_be_few():
    runs = {"two": [quiet(1.0), quiet(1.01)], "three": [quiet(2 + k / 100) for k in range(3)]}
    assert [note for note in rlviz.compare(runs).notes if "seed" in note] == [
        "'two' has two seeds: what seeds differ by is hardly known from one difference, and its "
        "interval (Student's t with 1 degree of freedom, 12.7 standard errors) is so wide that "
        "little can be told apart. A third seed makes it about a third as wide."
    ]

"""What the hooks of a watch share: costs looked up by shape, and outputs that await a gradient."""

import pytest
import torch
from torch import nn
from torch.distributions import Categorical

from rlviz.flops import Watch
from rlviz.flops import ledger as ledger_module
from rlviz.flops.counter import Count
from rlviz.flops.ledger import Ledger, constant

D, F = 8, 4
ONE = 2 * D * F  # FLOPs of one row through Linear(D, F)


def rows(n, **options):
    return torch.zeros(n, D, **options)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(D, F)

    def forward(self, x):
        return self.layer(x)


class TestOutputs:
    class Heads(nn.Module):
        def __init__(self, pack):
            super().__init__()
            self.trunk, self.pack = nn.Linear(D, F), pack

        def forward(self, x, *, scale=1.0):
            hidden = self.trunk(x) * scale
            return self.pack(hidden, hidden.sum(-1))

    @pytest.mark.parametrize(
        "pack",
        [
            lambda a, b: (a, b),
            lambda a, b: [a, {"value": b}],
            lambda a, b: {"logits": a, "value": b},
            lambda a, b: (Categorical(logits=a), b),
        ],
    )
    def test_one_backward_pass_through_several_outputs_counts_once(self, pack):
        def tensors(value):
            if isinstance(value, torch.Tensor):
                return [value]
            if isinstance(value, Categorical):
                return [value.logits]
            parts = value.values() if isinstance(value, dict) else value
            return [tensor for part in parts for tensor in tensors(part)]

        module = self.Heads(pack)
        watch = Watch(module)
        for used in (slice(0, 1), slice(1, 2), slice(0, 2)):
            sum(t.sum() for t in tensors(module(rows(1)))[used]).backward()
            assert watch.take() == 2 * ONE
        assert watch.uncounted == ()

    def test_an_output_that_hides_its_tensors_is_named(self):
        class Sealed:
            __slots__ = ("value",)

        def pack(a, b):
            sealed = Sealed()
            sealed.value = a
            return sealed

        module = self.Heads(pack)
        watch = Watch(module)
        module(rows(1)).value.sum().backward()
        assert watch.take() == ONE
        assert watch.uncounted == ("backward of Sealed, which holds no tensor",)

    def test_keyword_arguments_are_part_of_the_shape(self):
        class Repeat(nn.Linear):
            def forward(self, x, *, times):
                for _ in range(times):
                    y = super().forward(x)
                return y

        module = Repeat(D, F)
        watch = Watch(module)
        with torch.no_grad():
            for times in (1, 3, 1, 3):
                module(x=rows(2), times=times)
                assert watch.take() == times * 2 * ONE


class TestArguments:
    """What the count of a pass may be looked up by, and what must be counted each time."""

    def test_a_cache_that_grows_is_counted_each_time(self):
        class Cache:
            keys = torch.zeros(0, D)

        class Attend(nn.Module):
            def forward(self, x, cache):
                cache.keys = torch.cat([cache.keys, x])
                return x @ cache.keys.T

        module, cache = Attend(), Cache()
        watch = Watch(module)
        for n in (1, 2, 3):
            module(rows(1), cache)
            assert watch.take() == 2 * D * n

    def test_batch_objects_of_different_sizes_are_told_apart(self):
        class Batch(dict):
            pass

        class Model(Policy):
            def forward(self, batch):
                return super().forward(batch.x)

        module = Model()
        watch = Watch(module)
        for n in (2, 200, 2):
            batch = Batch()  # holds no item, but an attribute
            batch.x = rows(n)
            with torch.no_grad():
                module(batch)
            assert watch.take() == n * ONE

    @pytest.mark.parametrize(
        "value", [None, True, 3, 0.5, "mean", torch.float32, torch.device("cpu"), [1, {"a": ()}]]
    )
    def test_plain_values_are_looked_up(self, value):
        class Model(Policy):
            def forward(self, x, value):
                return super().forward(x)

        module = Model()
        watch = Watch(module)
        for _ in range(2):
            module(rows(1), value)
        assert len(watch._ledger.known) == 1
        assert watch.take() == 2 * ONE

    def test_equal_numbers_of_different_types_are_told_apart(self):
        class Repeat(Policy):
            def forward(self, x, times):
                for _ in range(2 if times is True else 1):
                    y = super().forward(x)
                return y

        module = Repeat()
        watch = Watch(module)
        with torch.no_grad():
            for times, cost in ((1, 1), (True, 2), (1.0, 1)):
                module(rows(1), times)
                assert watch.take() == cost * ONE


class TestNotes:
    def test_names_may_be_read_while_another_pass_adds_to_them(self):
        module = nn.Bilinear(4, 4, 2)
        watch = Watch(module)
        module(torch.zeros(3, 4), torch.zeros(3, 4))
        reading = iter(watch._ledger.uncounted)
        watch._ledger.note("another")
        assert list(reading) == ["aten::_trilinear"]
        assert watch.uncounted == ("another", "aten::_trilinear")


class TestMemory:
    def test_changing_values_do_not_fill_the_memory(self, monkeypatch):
        monkeypatch.setattr(ledger_module, "_MOST_SHAPES", 64)

        class Step(nn.Linear):
            def forward(self, x, step):
                return super().forward(x)

        module = Step(D, F)
        watch = Watch(module)
        with torch.no_grad():
            for step in range(100):
                module(rows(1), step)
        assert watch.take() == 100 * ONE
        assert len(watch._ledger.known) <= 64


@pytest.fixture
def ledger():
    return Ledger(nn.Linear(D, F))


class TestLearning:
    def test_a_cost_is_known_by_its_key_and_its_gradient_spends_the_backward_pass(self, ledger):
        known = ledger.learn("key", Count(7, 5, ("a kernel",)))
        assert ledger.known == {"key": known}
        assert (known.forward, ledger.uncounted) == (7, {"a kernel"})
        known.on_gradient(None)
        assert list(ledger.spent) == [5]

    def test_without_a_key_nothing_is_remembered_and_without_a_backward_pass_nothing_awaited(
        self, ledger
    ):
        assert ledger.learn(None, Count(7, 0, ())).on_gradient is None
        assert ledger.known == {}


class TestGradients:
    def test_the_first_gradient_of_several_outputs_is_the_only_one_that_counts(self, ledger):
        x = rows(1, requires_grad=True)
        arrived = []
        outputs = x + 1, x + 2
        ledger.await_gradient(arrived.append, outputs)
        (outputs[0].sum() + outputs[1].sum()).backward()
        assert len(arrived) == 1

    def test_an_output_that_was_not_computed_here_gets_no_hook(self, ledger):
        leaf, arrived = rows(1, requires_grad=True), []
        ledger.await_gradient(arrived.append, leaf)
        leaf.sum().backward()
        assert not arrived
        assert ledger.uncounted == frozenset()


def test_a_constant_is_marked_for_dynamo_and_notes_its_text():
    noted = []
    note = constant(noted.append, "Policy in compiled code")
    assert note._dynamo_marked_constant
    note()
    assert noted == ["Policy in compiled code"]

"""The hooks around a watched module's forward pass."""

import copy
import pickle
import threading

import pytest
import torch
from torch import nn

from rlviz.flops import Watch
from rlviz.flops.counter import Count
from rlviz.flops.hooks import After, Before, Unwatched
from rlviz.flops.ledger import Ledger

D, F = 8, 4
ONE = 2 * D * F  # FLOPs of one row through Linear(D, F)


def rows(n, **options):
    return torch.zeros(n, D, **options)


@pytest.fixture
def layer():
    return nn.Linear(D, F)


@pytest.fixture
def watch(layer):
    return Watch(layer)


class TestWatched:
    @pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
    def test_a_copy_is_not_watched(self, layer, watch, duplicate):
        duplicate(layer)(rows(1))  # a target network
        assert watch.take() == 0

    def test_a_failing_pass_leaves_no_counter_and_no_number_behind(self):
        class Fails(nn.Linear):
            fails = True

            def forward(self, x):
                y = super().forward(x)
                if self.fails:
                    raise ZeroDivisionError
                return super().forward(y @ y.new_zeros(F, D))

        module = Fails(D, F)
        watch = Watch(module)
        with pytest.raises(ZeroDivisionError), torch.no_grad():
            module(rows(1))
        assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
        assert watch.take() == ONE  # what it did until then
        module.fails = False
        with torch.no_grad():
            module(rows(1))
        assert watch.take() == 3 * ONE  # and not the number of the failed pass

    def test_users_own_hooks_on_the_output_still_run(self, layer, watch):
        layer(rows(1)).sum().backward()
        seen = []
        output = layer(rows(1))
        output.register_hook(seen.append)
        output.sum().backward()
        assert len(seen) == 1
        assert watch.take() == 4 * ONE

    def test_threads_may_share_a_module(self, layer, watch):
        def work(n):
            with torch.no_grad():
                for _ in range(200):
                    layer(rows(n))

        threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert watch.take() == 200 * (1 + 2 + 3 + 4) * ONE


class TestBeforeAndAfter:
    @pytest.fixture
    def ledger(self, layer):
        return Ledger(layer)

    def test_a_pass_of_known_shapes_spends_what_the_ledger_says(self, layer, ledger):
        key = torch.Size([2, D]), False, True, True  # shape, input's gradient, training, gradients
        ledger.known[key] = ledger.learn(None, Count(7, 5, ()))
        before, after = Before(ledger), After(ledger)
        x = rows(2)
        before(layer, (x,), {})
        output = layer(x)  # hooks of its own it has none, so nothing counts operations here
        after(layer, (x,), output)
        assert list(ledger.spent) == [7]
        output.sum().backward()
        assert list(ledger.spent) == [7, 5]
        assert ledger.passes() == []

    @pytest.mark.parametrize("change", ["rows", "gradient", "mode", "no_grad"])
    def test_whatever_changes_the_cost_is_counted_anew(self, layer, ledger, change):
        layer.register_forward_pre_hook(Before(ledger), with_kwargs=True)
        layer.register_forward_hook(After(ledger), always_call=True)
        layer(rows(2))
        assert len(ledger.known) == 1
        layer.train(change != "mode")
        with torch.set_grad_enabled(change != "no_grad"):
            layer(rows(3 if change == "rows" else 2, requires_grad=change == "gradient"))
        assert len(ledger.known) == 2
        assert sum(ledger.spent) == (5 if change == "rows" else 4) * ONE

    def test_a_pass_that_was_under_way_when_the_watch_began_is_not_counted(self, layer, ledger):
        After(ledger)(layer, (rows(1),), layer(rows(1)))
        assert not ledger.spent
        assert ledger.uncounted == frozenset()

    @pytest.mark.parametrize("kind", [Before, After])
    def test_a_hook_is_copied_and_pickled_as_one_that_does_nothing(self, layer, ledger, kind):
        hook = kind(ledger)
        for twin in (copy.copy(hook), copy.deepcopy(hook), pickle.loads(pickle.dumps(hook))):
            assert type(twin) is Unwatched
            assert twin(layer, (), {}) is None

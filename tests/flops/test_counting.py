"""FLOPs measured on running code: DEFINITIONS section 6, its traps."""

import threading

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rlviz.flops import Measured, counting, measure

T, B, D = 5, 3, 8


def batch(**options):
    return torch.zeros(T, B, D, **options)


class TestNamingWhatIsNotCounted:
    def test_a_module_that_works_in_another_thread_says_so(self):
        class Elsewhere(Policy):
            def forward(self, x):
                result = []
                thread = threading.Thread(target=lambda: result.append(self.layer(x)))
                thread.start()
                thread.join()
                return result[0] * 1

        got = measure(Elsewhere(), batch())
        assert got.flops == 0
        assert got.uncounted[0].startswith("(no product, although it has layers of weights")
        assert measure(Policy(), torch.zeros(0, D)) == Measured(0, ())  # nothing to multiply


class Recording:
    """A compiler backend that counts compilations and runs of compiled code."""

    def __init__(self):
        self.compiled = self.ran = 0

    def __call__(self, graph, inputs):
        self.compiled += 1

        def run(*args):
            self.ran += 1
            return graph.forward(*args)

        return run


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(D, 4)

    def forward(self, x):
        return self.layer(x)


@pytest.mark.filterwarnings("default")  # dynamo's own, on some platforms
class TestCompiledCode:
    @pytest.fixture
    def backend(self):
        torch._dynamo.reset()
        yield Recording()
        torch._dynamo.reset()

    @pytest.mark.quick(2)
    @pytest.mark.parametrize("before", [False, True], ids=["never run", "run before"])
    @pytest.mark.parametrize("how", ["module", "in place", "function", "closure", "child"])
    def test_measuring_leaves_it_compiled(self, backend, how, before):
        layer = Policy()
        if how == "module":
            fn = torch.compile(layer, backend=backend)
        elif how == "in place":
            layer.compile(backend=backend)
            fn = layer
        elif how == "child":
            fn = nn.Sequential(torch.compile(layer, backend=backend))
        else:
            compiled = torch.compile(lambda x: layer(x), backend=backend)
            fn = compiled if how == "function" else lambda x: compiled(x)
        if before:
            fn(batch())
            assert (backend.compiled, backend.ran) == (1, 1)
        assert measure(fn, batch()) == Measured(2 * T * B * D * 4, ())
        assert backend.ran == int(before)  # it was measured uncompiled
        fn(batch())
        fn(batch())
        assert backend.compiled == 1  # nothing was thrown away
        assert backend.ran == int(before) + 2  # and it runs compiled

    def test_threads_that_measure_at_once_do_not_leave_the_process_uncompiled(self, backend):
        def work():
            for _ in range(50):
                counting.count(lambda: torch.zeros(2) + 1)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        torch.compile(Policy(), backend=backend)(batch())
        assert (backend.compiled, backend.ran) == (1, 1)


class TestSideEffects:
    def test_the_random_state_is_put_back(self):
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        measure(nn.Dropout(), torch.ones(100))
        assert torch.equal(torch.rand(2), expected)

    def test_running_statistics_are_put_back(self):
        module = nn.Sequential(nn.Linear(D, 4), nn.BatchNorm1d(4))
        before = {name: value.clone() for name, value in module.named_buffers()}
        measure(module, torch.rand(16, D))
        for name, value in module.named_buffers():
            assert torch.equal(value, before[name]), name

    def test_no_gradients_appear(self):
        module = nn.Linear(D, 4)
        measure(module, batch())
        assert all(p.grad is None for p in module.parameters())

    def test_an_exception_passes_through_and_leaves_nothing_behind(self):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            measure(nn.Linear(3, 4), batch())
        with FlopCounterMode(display=False) as counter:
            nn.Linear(D, 4)(batch())
        assert counter.get_total_flops() == 2 * T * B * D * 4


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(D, 4)
        self.runs = 0

    def forward(self, x, scale=1.0):
        self.runs += 1
        return self.layer(x) * scale


class TestCache:
    def test_a_module_runs_once_per_shape(self):
        module = Counted()
        for _ in range(3):
            assert measure(module, batch()).flops == 2 * T * B * D * 4
        assert module.runs == 1
        assert measure(module, torch.zeros(7, D)).flops == 2 * 7 * D * 4
        assert module.runs == 2

    def test_what_changes_the_cost_is_in_the_key(self):
        module = Counted()
        measure(module, batch())
        measure(module, batch(), scale=2.0)
        with torch.no_grad():
            measure(module, batch())
        module.eval()
        measure(module, batch())
        module.layer = nn.Linear(D, 5)
        assert measure(module, batch()).flops == 2 * T * B * D * 5
        assert module.runs == 5

    def test_methods_of_a_module_do_not_share_an_entry(self):
        module = nn.LSTMCell(D, 4)
        measure(module, torch.zeros(2, D))
        assert measure(module.extra_repr).flops == 0

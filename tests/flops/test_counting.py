"""FLOPs measured on running code: DEFINITIONS section 6, its traps."""

import subprocess
import sys
import threading

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from rlviz.flops import Measured, counting, measure

T, B, D = 5, 3, 8


def batch(**options):
    return torch.zeros(T, B, D, **options)


def first(output):
    return output[0] if isinstance(output, tuple) else output


def both(module, *inputs):
    """Forward and backward."""
    return measure(lambda: first(module(*inputs)).sum().backward())


class Attend(nn.Module):
    def forward(self, q, k, v):
        return functional.scaled_dot_product_attention(q, k, v)


@torch.library.custom_op("rlviz_test::double_mm", mutates_args=())
def double_mm(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return 2 * (a @ b)


class TestAgainstTorchsCounter:
    @pytest.mark.parametrize(
        ("module", "inputs"),
        [
            (nn.Linear(D, 4), [batch()]),
            (nn.Sequential(nn.Linear(D, 16), nn.Tanh(), nn.Linear(16, 2)), [batch()]),
            (nn.GRU(D, 6), [batch()]),
            (nn.RNN(D, 6, 2, bidirectional=True), [batch()]),
            (nn.MultiheadAttention(D, 2), [batch()] * 3),
            (nn.TransformerEncoderLayer(D, 2, 16), [batch()]),  # its dropout: not the fused one
            (nn.Conv2d(4, 8, 3, stride=2), [torch.zeros(2, 4, 9, 9)]),
            (nn.Conv1d(4, 8, 3), [torch.zeros(2, 4, 9, requires_grad=True)]),
            (nn.ConvTranspose2d(4, 8, 3, stride=2), [torch.zeros(2, 4, 9, 9)]),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_forward_and_backward_are_equal_to_the_integer(self, module, inputs):
        with FlopCounterMode(display=False) as forward:
            module(*inputs)
        with FlopCounterMode(display=False) as backward:
            first(module(*inputs)).sum().backward()
        assert measure(module, *inputs) == Measured(forward.get_total_flops(), ())
        assert both(module, *inputs) == Measured(backward.get_total_flops(), ())
        count = counting.count(module, *inputs)  # the backward that Watch derives
        assert count.flops + count.backward == backward.get_total_flops()


class TestWhereTorchsCounterReadsZero:
    @pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}])
    def test_an_lstm(self, options):
        module = nn.LSTM(D, 6, **options)
        weights = sum(p.numel() for p in module.parameters() if p.dim() == 2)
        assert measure(module, batch()) == Measured(2 * T * B * weights, ())
        assert both(module, batch()) == Measured(3 * 2 * T * B * weights, ())

    def test_attention_on_the_cpu(self):
        q = torch.zeros(2, 3, 7, 8, requires_grad=True)  # batch, heads, queries, width
        k = torch.zeros(2, 3, 9, 8, requires_grad=True)
        # scores and weighted values: 2·(2·3)·7·9·8 each, twice that in the backward pass
        one = 2 * 6 * 7 * 9 * 8
        assert measure(Attend(), q, k, k) == Measured(2 * one, ())
        assert both(Attend(), q, k, k) == Measured(3 * 2 * one, ())

    def test_matrix_times_vector_and_dot_products(self):
        a, x = torch.zeros(4, 6), torch.zeros(6)
        assert measure(lambda: a @ x).flops == 2 * 4 * 6
        assert measure(lambda: torch.addmv(torch.zeros(4), a, x)).flops == 2 * 4 * 6
        assert measure(lambda: x @ x).flops == 2 * 6

    def test_products_in_place(self):
        a, b = torch.zeros(4, 6), torch.zeros(6, 5)
        assert measure(lambda: torch.zeros(4, 5).addmm_(a, b)).flops == 2 * 4 * 6 * 5

    def test_a_grouped_convolution_backward_is_not_counted_once_per_group(self):
        module = nn.Conv2d(8, 8, 3, groups=8)
        x = torch.zeros(1, 8, 6, 6)
        # 4·4 places, 8 channels of 3·3; the input needs no gradient
        assert measure(module, x).flops == 2 * 16 * 8 * 9
        assert both(module, x).flops == 2 * (2 * 16 * 8 * 9)

    def test_inference_mode_is_taken_apart(self):
        attention = nn.MultiheadAttention(D, 2)
        expected = measure(attention, batch(), batch(), batch())
        with torch.inference_mode():
            assert measure(attention, batch(), batch(), batch()) == expected
            assert measure(nn.LSTM(D, 6), batch()).flops == 2 * T * B * (24 * 8 + 24 * 6)


class TestNamingWhatIsNotCounted:
    def test_a_custom_operation_is_named(self):
        a, b = torch.zeros(4, 6), torch.zeros(6, 5)
        got = measure(lambda: double_mm(a, b) + a @ b)
        assert got == Measured(2 * 4 * 6 * 5, ("rlviz_test::double_mm",))

    def test_a_custom_operation_with_a_registered_formula_is_counted(self):
        from torch.utils import flop_counter

        packet = torch.ops.rlviz_test.double_mm

        @flop_counter.register_flop_formula(packet)
        def formula(a_shape, b_shape, *args, out_shape=None, **kwargs):
            return 2 * a_shape[0] * a_shape[1] * b_shape[1]

        try:
            a, b = torch.zeros(4, 6), torch.zeros(6, 5)
            assert measure(lambda: double_mm(a, b)) == Measured(2 * 4 * 6 * 5, ())
        finally:
            del flop_counter.flop_registry[packet]

    @pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
    @pytest.mark.parametrize("layout", [torch.strided, torch.jagged], ids=str)
    def test_products_of_nested_tensors_are_named(self, layout):
        x = torch.nested.nested_tensor([torch.zeros(2, D), torch.zeros(3, D)], layout=layout)
        for _ in range(2):
            assert measure(nn.Linear(D, 4), x) == Measured(0, ("aten::linear",))

    def test_an_operation_whose_formula_fails_is_named(self):
        from torch.utils import flop_counter

        packet = torch.ops.rlviz_test.double_mm

        @flop_counter.register_flop_formula(packet)
        def formula(*args, out_shape=None, **kwargs):
            raise NotImplementedError

        try:
            got = measure(lambda: double_mm(torch.zeros(4, 6), torch.zeros(6, 5)))
            assert got == Measured(0, ("rlviz_test::double_mm",))
        finally:
            del flop_counter.flop_registry[packet]

    def test_the_fast_path_of_an_encoder_is_named(self):
        layer = nn.TransformerEncoderLayer(D, 2, 16, batch_first=True).eval()
        with torch.no_grad():
            got = measure(layer, batch())
        assert got == Measured(0, ("aten::_transformer_encoder_layer_fwd",))

    @pytest.mark.parametrize(
        ("fn", "name"),
        [
            (lambda: nn.Bilinear(4, 4, 2)(torch.zeros(3, 4), torch.zeros(3, 4)), "_trilinear"),
            (lambda: torch.linalg.inv(torch.eye(3)), "linalg_inv_ex"),
            (lambda: torch.linalg.qr(torch.eye(3)), "linalg_qr"),
            (lambda: torch.cholesky_solve(torch.eye(3), torch.eye(3)), "cholesky_solve"),
            (lambda: torch.cdist(torch.zeros(40, 3), torch.zeros(40, 3)), "_euclidean_dist"),
        ],
    )
    def test_products_inside_other_operations_are_named(self, fn, name):
        assert f"aten::{name}" in measure(fn).uncounted

    def test_elementwise_work_is_neither_counted_nor_named(self):
        module = nn.Sequential(nn.LayerNorm(D), nn.GELU(), nn.Dropout(), nn.Softmax(-1))
        assert measure(module, batch()) == Measured(0, ())
        assert measure(nn.Upsample(scale_factor=2), torch.zeros(1, 1, 4, 4)) == Measured(0, ())
        assert both(nn.Embedding(4, 4), torch.zeros(3, dtype=torch.long)) == Measured(0, ())

    def test_code_that_runs_no_operation_here_says_so(self):
        got = measure(lambda: None)
        assert got == Measured(0, ("(no operation: compiled code or another thread)",))

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

    def test_what_cannot_be_called_is_refused(self):
        with pytest.raises(TypeError, match=r"needs a module or function.*got Tensor.*not measure"):
            measure(torch.zeros(2))


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


def test_the_names_load_without_torch_until_something_is_measured():
    code = (
        "import sys, rlviz.flops as f, rlviz.parallelism, rlviz.accuracy;"
        "f.Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,"
        "intermediate_size=8, vocab_size=10).training([3]);"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]

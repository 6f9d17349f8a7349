"""The dispatch mode that counts operations: held against torch's own, and what it names."""

import importlib
import os

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from rlviz.flops import Measured, counting, measure
from rlviz.flops.counter import Count, Counter

T, B, D = 5, 3, 8


def batch(**options):
    return torch.zeros(T, B, D, **options)


def first(output):
    return output[0] if isinstance(output, tuple) else output


def both(module, *inputs):
    """Forward and backward."""
    return measure(lambda: first(module(*inputs)).sum().backward())


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


@pytest.fixture
def grouped():
    """How transformers multiplies experts where torch has no grouped product for them, and the
    FLOPs of 7 rows of 3 by experts of 3 × 5."""
    if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
        importlib.import_module("transformers.integrations.moe")
    else:
        pytest.importorskip("transformers.integrations.moe")
    groups = torch.tensor([4, 7])
    return lambda rows, experts: torch.ops.transformers.grouped_mm_fallback(rows, experts, groups)


class TestExpertsOfTransformers:
    ONCE = 2 * 7 * 3 * 5

    def test_they_count_like_the_products_that_they_are(self, grouped):
        rows, experts = torch.ones(7, 3), torch.ones(2, 3, 5, requires_grad=True)
        assert measure(grouped, rows, experts) == Measured(self.ONCE, ())
        # its backward pass makes both gradients, whatever is asked for
        both = measure(lambda: grouped(rows, experts).sum().backward())
        assert both == Measured(3 * self.ONCE, ())

    @pytest.mark.parametrize(("left", "right"), [(True, False), (False, True), (True, True)])
    def test_the_backward_pass_has_one_product_for_each_operand_that_needs_it(
        self, grouped, left, right
    ):
        rows = torch.ones(7, 3, requires_grad=left)
        experts = torch.ones(2, 3, 5, requires_grad=right)
        count = counting.count(lambda: (grouped(rows, experts), grouped(rows, experts)))
        assert count == Count(2 * self.ONCE, 2 * (left + right) * self.ONCE, ())

    def test_beside_a_call_without_gradients_the_backward_pass_is_named(self, grouped):
        rows, experts = torch.ones(7, 3), torch.ones(2, 3, 5, requires_grad=True)

        def beside_its_target():
            with torch.no_grad():
                target = grouped(rows, experts)
            return grouped(rows, experts) - target

        count = counting.count(beside_its_target)
        node = "GeneratedBackwardFor_transformers_grouped_mm_fallback_defaultBackward"
        assert count == Count(2 * self.ONCE, 0, (f"backward of {node}",))


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

    def test_code_that_runs_no_operation_here_says_so(self):
        got = measure(lambda: None)
        assert got == Measured(0, ("(no operation: compiled code or another thread)",))


def counted(fn):
    """What a counter sees of one call, before anything knows inputs and output."""
    counter = Counter()
    with counter:
        fn()
    return counter.result(None, None)


class TestCounter:
    @pytest.mark.parametrize(("left", "right"), [(False, False), (False, True), (True, True)])
    def test_the_backward_pass_has_one_product_for_each_operand_that_needs_a_gradient(
        self, left, right
    ):
        a, b = torch.zeros(4, 6, requires_grad=left), torch.zeros(6, 5, requires_grad=right)
        once = 2 * 4 * 6 * 5
        assert counted(lambda: a @ b) == Count(once, (left + right) * once, ())

    def test_nothing_is_differentiated_without_gradients(self):
        a, b = torch.zeros(4, 6, requires_grad=True), torch.zeros(6, 5, requires_grad=True)
        with torch.no_grad():
            assert counted(lambda: a @ b) == Count(2 * 4 * 6 * 5, 0, ())
        assert counted(torch.no_grad()(lambda: a @ b)) == Count(2 * 4 * 6 * 5, 0, ())

    def test_counts_of_several_products_add_up(self):
        a, b = torch.zeros(4, 6), torch.zeros(6, 5)
        assert counted(lambda: (a @ b, b.T @ a.T)).flops == 2 * (2 * 4 * 6 * 5)

    def test_a_counter_that_is_off_lets_everything_pass_uncounted(self):
        a, b = torch.ones(4, 6), torch.ones(6, 5)
        counter = Counter()
        with counter:
            a @ b
            counter.on = False
            assert torch.equal(a @ b, torch.full((4, 5), 6.0))
        assert counter.result(None, None).flops == 2 * 4 * 6 * 5

    def test_a_backward_pass_without_a_rule_is_named(self):
        x, weight = torch.zeros(1, 2, 5, 5), torch.zeros(3, 2, 3, 3, requires_grad=True)
        output = functional.conv2d(x, weight).sum()
        got = counted(lambda: torch.autograd.grad(output, weight, create_graph=True))
        # 3·3 places, 2 to 3 channels, kernels of 3·3; what differentiates that once more is unknown
        assert got == Count(2 * 9 * 3 * 2 * 9, 0, ("backward of aten.convolution_backward",))

    @pytest.mark.parametrize("seen", ["output", "input"])
    def test_a_custom_backward_is_named_only_between_inputs_and_output(self, seen):
        class Multiply(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x @ torch.zeros(6, 5)

        x = torch.zeros(4, 6, requires_grad=True)
        counter = Counter()
        with counter:
            hidden = Multiply.apply(x)
            output = hidden.tanh()
        got = counter.result(x if seen == "output" else hidden, output)
        assert got.flops == 2 * 4 * 6 * 5
        assert got.uncounted == (("backward of MultiplyBackward",) if seen == "output" else ())

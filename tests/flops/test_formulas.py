"""FLOPs of single operations, where torch's own formulas are missing or count something else."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from rlviz.flops import Measured, formulas, measure

T, B, D = 5, 3, 8


def batch(**options):
    return torch.zeros(T, B, D, **options)


def first(output):
    return output[0] if isinstance(output, tuple) else output


def both(module, *inputs):
    """Forward and backward."""
    return measure(lambda: first(module(*inputs)).sum().backward())


def solve(a, b, **options):
    return torch.linalg.solve_triangular(a, b, **options)


class Attend(nn.Module):
    def forward(self, q, k, v):
        return functional.scaled_dot_product_attention(q, k, v)


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

    def test_a_triangle_that_is_solved(self):
        a = (torch.eye(4) + torch.ones(4, 4).tril()).expand(2, 4, 4)
        b, transposed = torch.ones(2, 4, 5), torch.ones(2, 5, 4)
        assert measure(lambda: solve(a, b, upper=False)).flops == 2 * 4 * 4 * 5
        assert measure(lambda: solve(a, transposed, upper=False, left=False)).flops == 2 * 80

    @pytest.mark.parametrize(("triangle", "right", "more"), [(0, 1, 1), (1, 0, 3), (1, 1, 3)])
    def test_the_backward_pass_of_a_solver(self, triangle, right, more):
        a = (torch.eye(4) + torch.ones(4, 4).tril()).requires_grad_(bool(triangle))
        b = torch.ones(4, 5).requires_grad_(bool(right))
        forward = 4 * 4 * 5
        passed = measure(lambda: solve(a, b, upper=False).sum().backward())
        assert passed == Measured((1 + more) * forward, ())
        solver = torch.ops.aten.linalg_solve_triangular
        assert formulas.backward_flops(solver, (a, b), forward) == more * forward

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


class TestNamingWhatMayMultiply:
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


aten = torch.ops.aten


class TestByHand:
    """Formulas of kernels that this machine may not have, from the shapes of their arguments."""

    @pytest.mark.skipif(not hasattr(aten, "_grouped_mm"), reason="this torch has none")
    @pytest.mark.parametrize(
        ("first", "second", "flops"),
        [
            ((7, 3), (2, 3, 5), 2 * 7 * 3 * 5),  # each of 7 rows against its own group's 3 × 5
            ((4, 7), (7, 5), 2 * 4 * 7 * 5),  # each of 7 inner columns belongs to one group
            ((2, 4, 3), (3, 7), 2 * 4 * 3 * 7),  # all 4 rows of a group, 7 columns in all
            ((2, 4, 3), (2, 3, 5), 2 * 2 * 4 * 3 * 5),
        ],
    )
    def test_grouped_products(self, first, second, flops):
        args = torch.zeros(first), torch.zeros(second)
        assert formulas.flops(aten._grouped_mm, args, {}, None) == flops

    @pytest.mark.parametrize("steps", [(T, B), (T * B,)], ids=["padded", "packed"])
    def test_a_fused_recurrent_layer_counts_its_matrices_at_each_step(self, steps):
        weights = [torch.zeros(24, D), torch.zeros(24, 6), torch.zeros(24), torch.zeros(24)]
        args = torch.zeros(*steps, D), weights
        forward = 2 * T * B * (24 * D + 24 * 6)
        assert formulas.flops(aten._cudnn_rnn, args, {}, None) == forward
        assert formulas.flops(aten._cudnn_rnn_backward, args, {}, None) == 2 * forward
        assert formulas.backward_flops(aten._cudnn_rnn, args, forward) == 2 * forward

    @pytest.mark.parametrize(
        ("wanted", "products"),
        [([True, True, True], 2), ([False, True, True], 1), ([False, False, True], 0)],
    )
    def test_a_convolution_backward_counts_the_gradients_that_are_wanted(self, wanted, products):
        # 2 images, 4 to 8 channels, kernels 3·3, 4·4 places; a bias needs no product
        grad, x, weight = torch.zeros(2, 8, 4, 4), torch.zeros(2, 4, 6, 6), torch.zeros(8, 4, 3, 3)
        args = (grad, x, weight, [8], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, wanted)
        once = 2 * (2 * 16) * 8 * 4 * 9
        assert formulas.flops(aten.convolution_backward, args, {}, None) == products * once

    def test_fused_attention_counts_two_products_forward_and_four_backward(self):
        q, k = torch.zeros(2, 3, 7, 8), torch.zeros(2, 3, 9, 8)
        once = 2 * (2 * 3) * 7 * 9 * 8
        forward = aten._scaled_dot_product_efficient_attention
        backward = aten._scaled_dot_product_efficient_attention_backward
        assert formulas.flops(forward, (q, k, k), {}, None) == 2 * once
        assert formulas.flops(backward, (q, q, k, k), {}, None) == 4 * once
        assert formulas.backward_flops(forward, (q, k, k), 2 * once) == 4 * once

    def test_an_operation_without_a_formula_has_no_number(self):
        assert not formulas.has_formula(aten.tanh)
        assert formulas.flops(aten.tanh, (torch.zeros(2),), {}, None) is None
        assert formulas.backward_flops(aten.tanh, (torch.zeros(2),), 3) is None

    @pytest.mark.parametrize(("left", "right"), [(False, True), (True, False), (True, True)])
    def test_each_operand_that_needs_a_gradient_costs_one_product(self, left, right):
        a, b = torch.zeros(4, 6, requires_grad=left), torch.zeros(6, 5, requires_grad=right)
        assert formulas.backward_flops(aten.mm, (a, b), 240) == 240 * (left + right)
        bias = torch.zeros(5, requires_grad=True)  # a sum, not a product
        assert formulas.backward_flops(aten.addmm, (bias, a, b), 240) == 240 * (left + right)

    @pytest.mark.parametrize("rows_need_it", [False, True])
    def test_the_gradient_of_a_matrix_times_a_vector_is_one_product_for_the_vector(
        self, rows_need_it
    ):
        a, x = torch.zeros(4, 6, requires_grad=rows_need_it), torch.zeros(6, requires_grad=True)
        # the matrix's own gradient is an outer product, which adds nothing up
        assert formulas.backward_flops(aten.mv, (a, x), 48) == 48
        assert formulas.backward_flops(aten.dot, (x, x), 12) == 0


@pytest.mark.parametrize(
    ("namespace", "name", "may"),
    [
        ("my_kernels", "relu", True),  # a closed box
        ("c10d", "allreduce_", False),
        ("fsdp", "all_gather_copy_in", False),
        ("fsdp", "split_with_sizes_copy", False),
        ("_dtensor", "shard_dim_alltoall", False),
        ("symm_mem", "one_shot_all_reduce", False),
        ("symm_mem", "fused_all_gather_matmul", True),
        ("quantized", "linear_dynamic", True),
        ("mkldnn", "_linear_pointwise", True),
        ("aten", "_trilinear", True),
        ("aten", "linalg_inv_ex", True),
        ("aten", "_weight_int4pack_mm", True),
        ("aten", "_weight_int8pack_mm", True),
        ("aten", "_nnpack_spatial_convolution", True),
        ("aten", "_wrapped_quantized_linear_prepacked", True),
        ("aten", "_wrapped_linear_prepack", False),  # lays weights out anew
        ("aten", "fbgemm_pack_quantized_matrix", False),
        ("aten", "commute", False),  # a word of the list inside another word
        ("aten", "mkldnn_reorder_conv2d_weight", False),
        ("aten", "linalg_vector_norm", False),
        ("aten", "add", False),
    ],
)
def test_names_tell_what_may_multiply(namespace, name, may):
    assert formulas.may_multiply(namespace, name) == may

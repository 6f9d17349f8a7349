"""FLOP formulas of the torch operations that multiply matrices, and of their backward passes.

Imports torch: only `counting` imports this module, and nothing imports that before it is needed.

The formulas are those of `torch.utils.flop_counter`, with three differences. They cover operations
that silently read 0 there: attention and LSTM on the CPU, fused recurrent layers, grouped products,
matrix times vector. The backward pass of fused attention counts its four products, not the scores
that it recomputes, so the number does not depend on the kernel (model FLOPs). The weight gradient
of a grouped convolution counts what its forward pass does, where torch counts `groups` times that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch.utils.flop_counter import flop_registry

Formula: TypeAlias = Callable[[Sequence[Any], Any], int]

_aten = torch.ops.aten


def _mv(args: Sequence[Any], out: Any) -> int:
    return 2 * int(args[0].numel())


def _addmv(args: Sequence[Any], out: Any) -> int:
    return 2 * int(args[1].numel())


def _mm(args: Sequence[Any], out: Any) -> int:
    return 2 * int(args[0].numel()) * int(args[1].shape[-1])


def _addmm(args: Sequence[Any], out: Any) -> int:
    return _mm(args[1:], out)


def _grouped_mm(args: Sequence[Any], out: Any) -> int:
    # Each row (2-D by 2-D: each inner column) belongs to one group, so one product covers them all.
    # 3-D by 2-D multiplies all rows of a group by that group's columns: rows times all columns.
    first, second = args[0], args[1]
    if first.dim() == 3 and second.dim() == 2:
        return 2 * int(first.shape[1]) * int(second.numel())
    return 2 * int(first.numel()) * int(second.shape[-1])


def _grouped_mm_backward(args: Sequence[Any], out: Any) -> int:
    return 2 * _grouped_mm(args, out)


def _attention_flops(query: torch.Size, key: torch.Size, value: torch.Size) -> int:
    # (..., queries, d) by (..., keys, d), then the scores by (..., keys, dv); grouped queries share
    # the keys of a head, which changes no count.
    return 2 * math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _conv_flops(x: torch.Size, weight: torch.Size, out: torch.Size, transposed: bool) -> int:
    # At each place of the output (transposed: of the input) and each image, the whole kernel.
    places = math.prod((x if transposed else out)[2:])
    return 2 * int(x[0]) * places * math.prod(weight)


def _attention(args: Sequence[Any], out: Any) -> int:
    return _attention_flops(args[0].shape, args[1].shape, args[2].shape)


def _attention_backward(args: Sequence[Any], out: Any) -> int:
    return 2 * _attention_flops(args[1].shape, args[2].shape, args[3].shape)


def _convolution_backward(args: Sequence[Any], out: Any) -> int:
    grad, x, weight, transposed, wanted = args[0], args[1], args[2], args[7], args[10]
    once = _conv_flops(x.shape, weight.shape, grad.shape, transposed)
    return once * sum(map(bool, wanted[:2]))


def _onednn_rnn(args: Sequence[Any], out: Any) -> int:
    # input (T, B, i), then the weights (4h, i) and (4h, h) of one layer and direction.
    steps: int = math.prod(args[0].shape[:-1])
    return 2 * steps * (int(args[1].numel()) + int(args[2].numel()))


def _onednn_rnn_backward(args: Sequence[Any], out: Any) -> int:
    return 2 * _onednn_rnn(args, out)


def _cudnn_rnn(args: Sequence[Any], out: Any) -> int:
    # input, then the list of all layers' weights and biases; packed input is (tokens, i).
    steps: int = math.prod(args[0].shape[:-1])
    return 2 * steps * _matrices(args[1])


def _cudnn_rnn_backward(args: Sequence[Any], out: Any) -> int:
    return 2 * _cudnn_rnn(args, out)


def _matrices(weights: Sequence[Any]) -> int:
    return sum(int(weight.numel()) for weight in weights if weight.dim() > 1)


def _solve_triangular(args: Sequence[Any], out: Any) -> int:
    # Substitution: the n² / 2 entries of each triangle times the k columns (LAPACK Working Note 41
    # counts n²·k operations for xTRSM). With `left=False` the triangle stands on the other side.
    return int(out.numel()) * int(args[0].shape[-1])


def _packets(*names: str) -> list[Any]:
    """Those operations of these names that this torch has."""
    return [getattr(_aten, name) for name in names if hasattr(_aten, name)]


_FUSED_ATTENTION = (
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
)

_OWN: dict[Any, Formula] = {
    _aten.mv: _mv,
    **dict.fromkeys(_packets("addmv", "addmv_"), _addmv),
    _aten.dot: _mv,
    _aten.vdot: _mv,
    **dict.fromkeys(_packets("addbmm", "addbmm_", "addmm_", "baddbmm_"), _addmm),
    **dict.fromkeys(_packets("_addmm_activation"), _addmm),
    **dict.fromkeys(_packets("_int_mm"), _mm),
    **dict.fromkeys(_packets("linalg_solve_triangular"), _solve_triangular),
    _aten.convolution_backward: _convolution_backward,
    **dict.fromkeys(_packets("_grouped_mm", "_scaled_grouped_mm"), _grouped_mm),
    **dict.fromkeys(_packets(*_FUSED_ATTENTION), _attention),
    **dict.fromkeys(_packets(*(f"{n}_backward" for n in _FUSED_ATTENTION)), _attention_backward),
    **dict.fromkeys(_packets("mkldnn_rnn_layer"), _onednn_rnn),
    **dict.fromkeys(_packets("mkldnn_rnn_layer_backward"), _onednn_rnn_backward),
    **dict.fromkeys(_packets("_cudnn_rnn", "miopen_rnn"), _cudnn_rnn),
    **dict.fromkeys(_packets("_cudnn_rnn_backward", "miopen_rnn_backward"), _cudnn_rnn_backward),
}

# How transformers multiplies experts where torch has no grouped product for them: before 2.9 on
# all but Hopper GPUs, later for some dtypes. It defines these when it is imported, hence by name.
_GROUPED_FALLBACK = "transformers.grouped_mm_fallback"
_OF_TRANSFORMERS: dict[str, Formula] = {
    _GROUPED_FALLBACK: _grouped_mm,
    f"{_GROUPED_FALLBACK}_backward": _grouped_mm_backward,
}

# Variable-length attention: torch's formulas count five products in the backward pass, one of which
# recomputes the scores. Queries and values have the same width there.
_FIVE_PRODUCTS = frozenset(_packets("_flash_attention_backward", "_efficient_attention_backward"))


def has_formula(packet: Any) -> bool:
    """Whether `flops` knows the operation."""
    return packet in _OWN or packet in flop_registry or str(packet) in _OF_TRANSFORMERS


def flops(packet: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any) -> int | None:
    """FLOPs of one call of an operation; None when there is no formula for it."""
    own = _OWN.get(packet)
    if own is not None:
        return own(args, out)
    known: Any = flop_registry.get(packet)  # looked up now: users may register their own
    if known is None:
        own = _OF_TRANSFORMERS.get(str(packet))
        return None if own is None else own(args, out)
    count = int(known(*args, **kwargs, out_val=out))
    return count * 4 // 5 if packet in _FIVE_PRODUCTS else count


# Which arguments are the operands of one product: its backward pass has one product of the same
# size for each operand that needs a gradient.
_OPERANDS: dict[Any, tuple[int, ...]] = {
    _aten.mm: (0, 1),
    _aten.bmm: (0, 1),
    **dict.fromkeys(_packets("addmm", "addmm_", "_addmm_activation"), (1, 2)),
    **dict.fromkeys(_packets("baddbmm", "baddbmm_", "addbmm", "addbmm_"), (1, 2)),
    # The gradient of a matrix is an outer product here: it sums nothing up and does not count.
    _aten.mv: (1,),
    **dict.fromkeys(_packets("addmv", "addmv_"), (2,)),
    _aten.dot: (),
    _aten.vdot: (),
    **dict.fromkeys(_packets("_grouped_mm"), (0, 1)),
    **dict.fromkeys(_packets("convolution", "_convolution", "_slow_conv2d_forward"), (0, 1)),
}

_SOLVERS = frozenset(_packets("linalg_solve_triangular"))

# One fused backward kernel makes all gradients at once: twice the forward pass.
_FUSED = frozenset(
    _packets(*_FUSED_ATTENTION, "mkldnn_rnn_layer", "_cudnn_rnn", "miopen_rnn")
    + _packets("_flash_attention_forward", "_efficient_attention_forward")
)


def backward_flops(packet: Any, args: Sequence[Any], forward: int) -> int | None:
    """FLOPs that the backward pass of one call will take; None if they are not known.

    Args:
        packet: the operation.
        args: its arguments; those with `requires_grad` are differentiated.
        forward: its own FLOPs.
    """
    if packet in _SOLVERS:
        # The gradient of the right side is solved for, and gives that of the triangle in a product.
        return forward * (3 if args[0].requires_grad else 1)
    operands = _OPERANDS.get(packet)
    if operands is None and str(packet) == _GROUPED_FALLBACK:
        operands = (0, 1)
    if operands is not None:
        return forward * sum(bool(args[k].requires_grad) for k in operands)
    if packet in _FUSED:
        return 2 * forward
    return None


# Words in the names of torch's own operations that multiply matrices. Operations with a formula, or
# made of other operations, never get here.
_MATRIX_WORDS = re.compile(
    r"_(?:attention|bilinear|cholesky|conv[123]?d?|convolution|dot|encoder|gru|ldl|linear|lstm|lu"
    r"|matmul|\w*mm|mv|qr|rnn|solve|spsolve|svd|transformer|trilinear|triangular|euclidean)_"
)
_HARMLESS = re.compile(
    r"_thnn_|convert|flatten_weight|reorder|_pack_|_prepack(?!ed)|unpack|upsample|norm"
    r"|powsum|cross|check_errors"
)
# Torch's own namespaces in which nothing multiplies, and those in which names tell.
_QUIET_NAMESPACES = frozenset(
    (
        *("prim", "prims", "rngprims", "debugprims", "inductor_prims", "profiler", "export"),
        *("c10d", "c10d_functional", "_c10d_functional", "_c10d_functional_autograd"),
        *("_dtensor", "fsdp", "debug_mode_ops"),
    )
)
_TELLING_NAMESPACES = frozenset(("aten", "symm_mem"))


def may_multiply(namespace: str, name: str) -> bool:
    """Whether an operation without a formula may hide matrix products.

    Everything outside torch's own namespaces may: a custom operation is a closed box. So may what
    torch has for quantized and for compiled code.

    Example:
        >>> may_multiply("aten", "_trilinear"), may_multiply("aten", "relu")
        (True, False)
        >>> may_multiply("my_kernels", "fused_mlp")
        True
    """
    if namespace in _QUIET_NAMESPACES:
        return False
    if namespace not in _TELLING_NAMESPACES:
        return True
    if _HARMLESS.search(name):
        return False
    return "linalg" in name or _MATRIX_WORDS.search(f"_{name}_") is not None

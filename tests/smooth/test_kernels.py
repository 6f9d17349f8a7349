"""The GPU kernels: what a chunk gathers, in the interpreter, and that they compile for GPUs."""

import importlib.metadata
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

if not os.getenv("RLVIZ_REQUIRE_TRITON"):  # Triton exists for Linux only
    pytest.importorskip("triton")

from rlviz.smooth import kernels, scan_triton

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning"),  # interpreted 0/0
]

IS_OLD = tuple(map(int, importlib.metadata.version("triton").split(".")[:2])) < (3, 3)


@pytest.mark.skipif(DEVICE == "cuda", reason="runs one program alone, which a GPU does not")
@pytest.mark.parametrize("whole_at", [0, 1, 2])
def test_a_chunk_gathers_what_the_chunks_before_it_have_said(recurrence, series, whole_at):
    # The interpreter runs chunk after chunk, so that each finds its predecessor finished. Here the
    # last of four runs alone, and only the chunk `whole_at` has said what all before it comes to.
    size, count, a = 64, 4, 0.97
    b = series(1, size * count)
    h, last = recurrence(a, b[0], initial=2.0)
    said = torch.zeros(1 + count, dtype=torch.int32)
    values = torch.full((1 + count, 2, 3), torch.nan, dtype=torch.float64)
    for chunk in range(count - 1):
        part = b[0, chunk * size : (chunk + 1) * size]
        values[1 + chunk, 0, 0] = a**size
        values[1 + chunk, 0, 1] = recurrence(a, part)[1]
        values[1 + chunk, 0, 2] = 0.0
        said[1 + chunk] = 1
    values[1 + whole_at, 1] = 0.0
    values[1 + whole_at, 1, 1] = h[(whole_at + 1) * size - 1]
    said[1 + whole_at] = 2
    said[0] = count - 1  # the next ticket
    y, out = torch.from_numpy(b), torch.full((1, size * count), torch.nan, dtype=torch.float64)
    one, n, d = torch.ones(1).double(), torch.full((1,), 2.0).double(), torch.zeros(1).double()
    kernels.chain[(1,)](
        y, out, y, one, n, d, said, values, 1, size * count, count, *y.stride(), 0, 1,
        out.stride(0), torch.full((1,), a, dtype=torch.float64),
        MODE=kernels.CONSTANT, AVERAGE=False, REVERSE=False, GRAIN=1, BLOCK=size,
    )  # fmt: skip
    np.testing.assert_allclose(out[0, -size:], h[-size:], rtol=1e-12)
    assert torch.isnan(out[0, :-size]).all()
    assert n.item() == pytest.approx(last, rel=1e-12)
    assert said.tolist() == [count, *(1 + (c == whole_at) for c in range(count - 1)), 2]


_COMPILE = """
import inspect, sys
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from rlviz.smooth import kernels
capability, mode, dtype, grain = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
for kernel, block in ((kernels.walk, {"ROWS": 4, "BLOCK": 256}), (kernels.chain, {"BLOCK": 1024})):
    fixed = {"MODE": mode, "AVERAGE": mode != kernels.VARYING, "REVERSE": mode == kernels.VARYING}
    # Triton takes an argument that is 1 for a constant.
    fixed |= block | {"GRAIN": grain, "y_step": 1, "a_step": 1}
    types = {"y_ptr": "*" + dtype, "out_ptr": "*" + dtype, "said_ptr": "*i32"}
    signature = {
        name: "constexpr" if name in fixed
        else types.get(name, "*fp64" if name.endswith("_ptr") else "i32")
        for name in kernel.arg_names
    }
    constants = {(kernel.arg_names.index(name),): value for name, value in fixed.items()}
    if "constexprs" in inspect.signature(ASTSource).parameters:
        # Tensors of torch begin at multiples of 16 bytes.
        whole = {
            (at,): [["tt.divisibility", 16]]
            for at, name in enumerate(kernel.arg_names) if name.endswith("_ptr")
        }
        source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=whole)
    else:  # triton of torch 2.6
        source = ASTSource(fn=kernel, signature=signature, constants=fixed)
    made = compile(source, target=GPUTarget("cuda", capability, 32))
    assert made.asm["cubin"]
    print(made.asm["ptx"])
"""


def compiled(capability, mode, dtype, grain=1):
    """The assembly of both kernels."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE, str(capability), str(mode), dtype, str(grain)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("capability", [80, 90], ids=["A100", "H100 and H200"])
@pytest.mark.parametrize(
    ("mode", "dtype"),
    [(kernels.CONSTANT, "fp32"), (kernels.VARYING, "fp64"), (kernels.ALONG_X, "fp32")],
)
def test_the_kernels_compile_for_gpus_and_publish_in_order(capability, mode, dtype):
    ptx = compiled(capability, mode, dtype)
    assert ".local" not in ptx, "registers spill to memory"
    # What a chunk comes to is published before the word for it, and read after that word.
    assert ptx.count("release") >= 2
    assert ptx.count("acquire") >= 2


@pytest.mark.skipif(IS_OLD, reason="triton 3.2 is told of alignment otherwise")
@pytest.mark.parametrize(("dtype", "vector"), [("fp32", "v4.b32"), ("fp64", "v2.b64")])
def test_a_thread_moves_16_bytes_at_once_where_rows_are_multiples_of_four_points(dtype, vector):
    # 1024 points a program of 128 threads: 8 of each, of 16 bytes a vector, in both kernels.
    each = 8 // (4 if dtype == "fp32" else 2)
    ptx = compiled(90, kernels.CONSTANT, dtype, grain=4)
    assert ptx.count(f"ld.global.{vector}") == 2 * each
    assert ptx.count(f"st.global.{vector}") == 2 * each
    assert f"global.{vector}" not in compiled(90, kernels.CONSTANT, dtype, grain=1)


def test_lengths_reach_the_kernels_in_units_of_four_points_where_all_are_multiples():
    assert scan_triton._grain(100, 100, 0, 100) == 4
    assert scan_triton._grain(1002, 1004, 1004, 1004) == 2
    assert scan_triton._grain(1001, 1004, 1004, 1004) == 1
    assert scan_triton._grain(2**31, 2**31, 0, 2**31) == 1  # 2**29 * 4 is none of 32 bits

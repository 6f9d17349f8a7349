"""The smoothers of a GPU and their peers, each as something to call; one group a process.

python benchmarks/gpu_peers.py GROUP DEVICE SECONDS SHAPE ... prints a line of JSON for each time
that it took. `benchmarks/gpu.py` runs the groups, so that one that fails or hangs takes no other
along.
"""

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

Call = Callable[[], Any]
WEIGHT = 0.97


def copying(y: torch.Tensor) -> Iterator[tuple[str, Call]]:
    """The measure of all: every point is read once and written once."""
    out = torch.empty_like(y)
    yield "copy", lambda: out.copy_(y)


def ours(y: torch.Tensor) -> Iterator[tuple[str, Call]]:
    import rlviz.smooth
    from rlviz.smooth.recurrence import scan

    out = torch.empty_like(y)
    yield "rlviz ema", lambda: rlviz.smooth.ema(y, weight=WEIGHT, out=out)
    yield "rlviz recurrence", lambda: scan(WEIGHT, y, out=out)
    x = torch.arange(y.shape[1], dtype=torch.float64, device=y.device)
    yield "rlviz ema along one x", lambda: rlviz.smooth.ema(y, x=x, tau=30.0, out=out)


def polynomials(y: torch.Tensor) -> Iterator[tuple[str, Call]]:
    import rlviz.smooth

    if y.numel() > 20_000_000:
        raise RuntimeError("left out beyond 2e7 points: it keeps many moments of each in float64")
    smooth = rlviz.smooth.local_polynomial
    fixed = {"bandwidth": 30.0, "local": False, "noise_correlation": 0.0}
    yield "rlviz local polynomial, one bandwidth", lambda: smooth(y, **fixed)
    if y.numel() <= 1_000_000:
        yield "rlviz local polynomial, all of it", lambda: smooth(y)


def sums(y: torch.Tensor) -> Iterator[tuple[str, Call]]:
    """Sums without a factor: less work than a recurrence."""
    out = torch.empty_like(y)
    yield "torch.cumsum", lambda: torch.cumsum(y, -1, out=out)


def cub(y: torch.Tensor) -> Iterator[tuple[str, Call]]:
    import os

    os.environ.setdefault("CUPY_ACCELERATORS", "cub")
    cupy = importlib.import_module("cupy")
    if len(y) > 1:
        raise RuntimeError("CUB's scan takes one row")
    given, out = cupy.from_dlpack(y[0]), cupy.empty(y.shape[1], dtype="float32")
    yield "CUB inclusive scan (CuPy)", lambda: cupy.cumsum(given, out=out)


def accelerated(y: torch.Tensor) -> Iterator[tuple[str, Call]]:
    """It takes rows of a power of two up to 65,536: the nearest one, of as many points in all."""
    warp = importlib.import_module("accelerated_scan.warp")
    length = min(1 << max(y.shape[1] - 1, 31).bit_length(), 65_536)
    rows = max(y.numel() // length, 1)
    tokens = y.flatten()[: rows * length].reshape(1, rows, length).contiguous()
    gates = torch.full_like(tokens, WEIGHT)
    yield f"accelerated_scan ({rows:,} x {length:,})", lambda: warp.scan(gates, tokens)


def associative(y: torch.Tensor) -> Iterator[tuple[str, Call]]:
    module = importlib.import_module("torch._higher_order_ops.associative_scan")
    factors = torch.full_like(y, WEIGHT)

    def join(left: Any, right: Any) -> Any:
        return left[0] * right[0], right[0] * left[1] + right[1]

    if y.device.type == "cpu":
        run = module.associative_scan
        yield (
            "torch associative_scan",
            lambda: run(join, (factors, y), dim=-1, combine_mode="generic"),
        )
        return
    made = torch.compile(lambda a, b: module.associative_scan(join, (a, b), dim=-1))
    yield "torch associative_scan, compiled", lambda: made(factors, y)


GROUPS: dict[str, Callable[[torch.Tensor], Iterator[tuple[str, Call]]]] = {
    "copy": copying,
    "rlviz": ours,
    "local": polynomials,
    "cumsum": sums,
    "cub": cub,
    "accelerated_scan": accelerated,
    "associative_scan": associative,
}


ON_THE_STREAM_OF_TORCH = {"copy", "rlviz", "cumsum"}
"""Only what runs there can be captured: a graph of others would be empty, and fast."""


def microseconds(
    run: Call, device: str, *, capture: bool, at_most: float = 0.3
) -> dict[str, float]:
    """Median of a call beside others in a row, and of the device alone, by replaying a graph.

    Args:
        run: what to time; called twice before.
        device: "cpu" is timed by the clock.
        capture: whether to time the device alone, too.
        at_most: about how many seconds each may take.
    """
    run(), run()
    if device == "cpu":
        began = time.perf_counter()
        run()
        return {"call": 1e6 * (time.perf_counter() - began)}
    torch.cuda.synchronize()
    taken = {"call": _by_events(run, at_most)}
    if not capture:
        return taken
    try:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run()
    except Exception:  # what waits for the device can't be captured
        torch.cuda.synchronize()
    else:
        taken["device"] = _by_events(graph.replay, at_most)
    return taken


def _by_events(run: Call, at_most: float) -> float:
    """Microseconds of a call, the median of rounds that each have many."""
    once = _round(run, 1)
    calls = int(min(max(at_most / 7 / (1e-6 * once), 1), 1000))
    return statistics.median(_round(run, calls) for _ in range(5))


def _round(run: Call, calls: int) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        run()
    end.record()
    end.synchronize()
    return 1e3 * begin.elapsed_time(end) / calls


def main() -> None:
    group, device, seconds, *shapes = sys.argv[1:]
    until = time.monotonic() + float(seconds)
    for shape in shapes:
        found: dict[str, Any] = {"shape": shape}
        try:
            if time.monotonic() > until:
                raise TimeoutError("no time was left")
            rows, length = map(int, shape.split("x"))
            torch.manual_seed(0)
            y = torch.randn(rows, length, device=device)
            for name, run in GROUPS[group](y):
                taken = microseconds(run, device, capture=group in ON_THE_STREAM_OF_TORCH)
                print(json.dumps({**found, "name": name, **taken}), flush=True)
        except Exception as error:  # a peer that is missing or refuses is a line of the report
            why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            print(json.dumps({**found, "name": group, "why": why[:200]}), flush=True)
            if "CUDA error" in why:  # the device takes nothing more of this process
                return


if __name__ == "__main__":
    main()

"""All that needs a GPU, in eight minutes: the CUDA tests, a look for races, then how fast it is.

    python benchmarks/gpu.py                  # the page goes to benchmarks/results/
    python benchmarks/gpu.py --no-tests       # the table alone
    python benchmarks/gpu.py --device cpu --small --out FOLDER   # whether the script itself runs

Every part is a process of its own with a bound, and what it found stands in the page as soon as it
ends: a part that fails, hangs or is missing is a sentence there. It needs no index and no tox, only
the packages that rlviz and its tests need. Times are shares of what copying the same points takes
on the same device, so 100 % is all of its bandwidth.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SHAPES = ("1x1000000", "1x100000000", "1000x100000", "100000x1000", "1000000x100")
SMALL = ("1x3000", "60x40")
TESTS = (
    "tests/smooth/test_scan_triton.py",
    "tests/smooth/test_kernels.py",
    "tests/record/test_cuda.py",
    "tests/flops/test_cuda.py",
)
GOALS = (
    "Goals on an H200, for the EMA: at least 85 % with many rows, at least 74 % with few long "
    "rows, at most 20 µs at 1x1000000."
)
# In this order: what matters most comes before the time is up. Seconds at most for each.
PEERS = {
    "copy": 60,
    "rlviz": 120,
    "cumsum": 40,
    "cub": 60,
    "local": 90,
    "accelerated_scan": 90,
    "associative_scan": 120,
}
_RACES = """
import torch
from rlviz.smooth import ema
y = torch.randn(2, 20_000, device="cuda")
for weight in (0.5, 0.999):
    ema(y, weight=weight)
torch.cuda.synchronize()
"""


class Page:
    """The report, written anew after each part."""

    def __init__(self, folder: Path, device: str) -> None:
        self.name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
        today = datetime.date.today().isoformat()
        short = "-".join(self.name.lower().replace("nvidia", "").split()) or "gpu"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{today}-gpu-{short}.md"
        self._parts = [f"# {today}, {self.name}: what needs a GPU\n\n{machine(device)}\n"]

    def add(self, part: str) -> None:
        print(part, flush=True)
        self._parts.append(part)
        self.path.write_text("\n".join(self._parts), encoding="utf-8")


def machine(device: str) -> str:
    versions = [f"Python {platform.python_version()}", f"torch {torch.__version__}"]
    for name in ("triton", "numpy"):
        try:
            versions.append(f"{name} {__import__(name).__version__}")
        except ImportError:
            versions.append(f"no {name}")
    if device == "cuda":
        found = torch.cuda.get_device_properties(0)
        versions.append(f"CUDA {torch.version.cuda}, {found.multi_processor_count} multiprocessors")
    return ", ".join(versions)


def bounded(command: list[str], seconds: float) -> tuple[int | None, str]:
    """Exit code and output; None if the time was up, with what was printed until then."""
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *_path()])}
    here.setdefault("TRITON_DEFAULT_FP_FUSION", "1")  # triton 3.9 warns where nobody says it
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=here,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=max(seconds, 1),
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout.decode(errors="replace")


def _path() -> list[str]:
    return [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]


def tests(seconds: float) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    code, said = bounded(command, seconds)
    tail = "\n".join(said.strip().splitlines()[-25:])
    verdict = {0: "passed", None: f"did not end within {seconds:.0f} s"}.get(code, "FAILED")
    typed = f"python -m pytest {' '.join(TESTS)}"
    return f"## The CUDA tests: {verdict}\n\n`{typed}`\n\n```\n{tail}\n```\n"


def races(seconds: float) -> str:
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not Path(tool).exists():
        return "## Races\n\nNot looked for: there is no compute-sanitizer here.\n"
    command = [tool, "--tool", "racecheck", sys.executable, "-c", _RACES]
    code, said = bounded(command, seconds)
    tail = "\n".join(said.strip().splitlines()[-8:])
    ended = "did not end in time" if code is None else f"ended with code {code}"
    return f"## Races in shared memory: compute-sanitizer {ended}\n\n```\n{tail}\n```\n"


def times(
    groups: list[str], device: str, shapes: tuple[str, ...], until: float
) -> list[dict[str, Any]]:
    """What each group printed, and a line for one that said nothing."""
    found: list[dict[str, Any]] = []
    for group in groups:
        left = min(until - time.monotonic(), PEERS[group])
        if left < 5:
            found.append({"name": group, "why": "no time was left"})
            continue
        script = [sys.executable, str(HERE / "gpu_peers.py"), group, device, str(left - 4), *shapes]
        code, said = bounded(script, left)
        lines = [line for line in said.splitlines() if line.startswith("{")]
        found += map(json.loads, lines)
        if code is None:
            found.append({"name": group, "why": f"did not end within {left:.0f} s"})
        elif code:
            found.append({"name": group, "why": (said.strip().splitlines() or ["?"])[-1][:200]})
    return found


def table(found: list[dict[str, Any]], shapes: tuple[str, ...]) -> str:
    """Microseconds and shares of copying, a row for each contender."""
    measured = [one for one in found if "call" in one]
    copies = {one["shape"]: best(one) for one in measured if one["name"] == "copy"}
    names = list(dict.fromkeys(one["name"] for one in measured))
    lines = [f"| | {' | '.join(shapes)} |", "|---" * (1 + len(shapes)) + "|"]
    for name in names:
        cells = []
        for shape in shapes:
            (one,) = [m for m in measured if (m["name"], m["shape"]) == (name, shape)] or [None]
            share = f" ({copies[shape] / best(one):.0%})" if one and shape in copies else ""
            calls = f", called {one['call']:,.1f}" if one and "device" in one else ""
            cells.append(f"{best(one):,.1f}{calls}{share}" if one else "–")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    missing = [
        f"- {one['name']}{', ' + one['shape'] if 'shape' in one else ''}: {one['why']}"
        for one in found
        if "why" in one
    ]
    return (
        "## Times\n\nFloat32, rows x points. Microseconds of the device alone, of a call in a row "
        "of calls where both are known, and in brackets the share of the copy's bandwidth.\n\n"
        + "\n".join(lines)
        + f"\n\n{GOALS}\n"
        + ("\nLeft out:\n\n" + "\n".join(missing) + "\n" if missing else "")
    )


def best(one: dict[str, Any]) -> float:
    return float(one.get("device", one["call"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all of it")
    parser.add_argument("--small", action="store_true", help="two small shapes")
    parser.add_argument("--no-tests", action="store_true", help="the table alone")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="GROUP")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the page")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("There is no CUDA device here. --device cpu --small tries the script itself.")
    until = time.monotonic() + 60 * options.minutes
    shapes = SMALL if options.small else SHAPES
    page = Page(options.out, options.device)
    if not options.no_tests:
        page.add(tests(min(180, (until - time.monotonic()) / 2)))
    page.add(table(times(options.peers, options.device, shapes, until - 10), shapes))
    if not options.no_tests:
        page.add(races(min(60, until - time.monotonic())))
    print(f"kept in {page.path}")


if __name__ == "__main__":
    main()

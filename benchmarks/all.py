"""Runs every benchmark, prints its tables and keeps them in `benchmarks/results/`.

python benchmarks/all.py [NAME ...]
"""

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
NAMES = (
    "overhead",
    "measure",
    "curves",
    "smoothers",
    "claims",
    "export",
    "reading",
    "ranks",
    "dashboard",
    "dashboard_browser",
)


def main() -> None:
    names = sys.argv[1:] or NAMES
    today = datetime.date.today().isoformat()
    parts = [
        f"# {today}, {os.cpu_count()} shared CPU cores ({platform.machine()}), "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    ]
    for name in names:
        command = [sys.executable, str(HERE / f"{name}.py")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line.rstrip() + "\n")
        if process.returncode:
            sys.exit(f"benchmarks/{name}.py failed with exit code {process.returncode}")
        parts.append(f"`python benchmarks/{name}.py`\n\n```\n{''.join(lines)}```")
    # A run of some benchmarks has a page of its own: it must not take the place of all.
    suffix = "".join(f"-{name}" for name in sys.argv[1:])
    kept = HERE / "results" / f"{today}-cpu{suffix}.md"
    kept.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"\nkept in {kept}")


if __name__ == "__main__":
    main()

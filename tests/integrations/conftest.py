"""What the tests of several frameworks share: a launcher of processes that none outlives."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import rlviz


@pytest.fixture(scope="session")
def launched() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs Python, say a launcher of several processes, with the rlviz that is under test."""

    def launch(
        *arguments: str, timeout: float = 200, path: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        rlviz_is = Path(rlviz.__file__).resolve().parent.parent
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={
                **os.environ,
                "PYTHONSAFEPATH": "1",
                "PYTHONPATH": os.pathsep.join(map(str, [rlviz_is, *([path] if path else [])])),
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # a launcher ends its workers then
            output, errors = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    return launch


@pytest.fixture(scope="session")
def documented() -> Callable[[str, str], str]:
    """The block of code on a page of the documentation that begins with a file's name."""

    def block(page: str, name: str) -> str:
        text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
        blocks = re.findall(r"^```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        (found,) = (code for code in blocks if re.match(rf"# {re.escape(name)}\b", code))
        return found

    return block

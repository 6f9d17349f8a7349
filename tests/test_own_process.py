"""A module of rlviz in a process of its own."""

import os
import subprocess
import sys
from importlib.metadata import version

from rlviz.own_process import command_of


def test_modules_of_the_working_folder_are_not_taken_for_those_of_python_or_ours(tmp_path):
    for name in ("statistics.py", "rlviz.py", "json.py"):
        (tmp_path / name).write_text("raise ImportError('a file of the training')")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command_of("rlviz.__main__", "--version"),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["rlviz", version("rlviz")], done.stderr
    assert command_of("rlviz.__main__")[0] == sys.executable

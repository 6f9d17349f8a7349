"""What is called as a process ends, and in which order."""

import multiprocessing
import subprocess
import sys

import pytest


def said_by(code):
    done = subprocess.run(
        [sys.executable, "-c", "from rlviz.record.at_exit import AtExit\n" + code],
        check=True,
        timeout=120,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


TWO = """
import atexit
first, second = AtExit(lambda: print("first")), AtExit(lambda: print("second"))
"""


def test_it_is_called_once_and_only_where_it_was_asked_for():
    assert said_by(TWO + "first.register()\nfirst.register()") == ["first"]


def test_who_registers_again_comes_before_what_was_registered_until_then():
    between = "first.register()\natexit.register(print, 'between')\nsecond.register()\n"
    assert said_by(TWO + between) == ["second", "between", "first"]
    assert said_by(TWO + between + "first.register()") == ["first", "second", "between"]
    again = "first.register_with_python()"
    assert said_by(TWO + between + again) == ["first", "second", "between"]


@pytest.mark.parametrize(
    "method",
    [each for each in ("fork", "spawn") if each in multiprocessing.get_all_start_methods()],
)
def test_the_end_of_a_child_of_multiprocessing_counts_once_and_is_its_own(tmp_path, method):
    (tmp_path / "script.py").write_text(
        f"""
import multiprocessing
import os
from rlviz.record.at_exit import AtExit

parent = AtExit(lambda: print("parent" if os.getpid() == main else "inherited", flush=True))
child = AtExit(lambda: print("child", flush=True))
main = os.getpid()

def run():
    child.register()
    child.register()

if __name__ == "__main__":
    parent.register()
    process = multiprocessing.get_context("{method}").Process(target=run)
    process.start()
    process.join()
"""
    )
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        check=True,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["child", "parent"]

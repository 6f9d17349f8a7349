"""`rlviz completion`: scripts that shells take."""

import subprocess

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_that_knows_the_commands(run_cli, shell):
    code, out, err = run_cli("completion", shell)
    assert (code, err) == (0, "")
    assert "doctor" in out
    assert "--until-idle" in out


def test_bash_takes_the_completion(run_cli, tmp_path):
    script = tmp_path / "rlviz.bash"
    script.write_text(run_cli("completion", "bash")[1])
    typed = f'source "{script}"; COMP_WORDS=(rlviz su); COMP_CWORD=1; _shtab_rlviz; echo $COMPREPLY'
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "summary"

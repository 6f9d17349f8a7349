"""The page's modules as one script: what each exports reaches the others, and nothing else does."""

import os
import shutil
import subprocess

import pytest

from rlviz.dashboard import assets
from rlviz.dashboard.bundle import bundle


def modules_of_the_page():
    return assets.modules("file")


def test_modules_keep_their_own_names_and_share_what_they_export():
    node = shutil.which("node")
    if node is None:
        if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
            pytest.fail("CI needs node, which runs the bundled modules")
        pytest.skip("needs node, which runs the bundled modules")
    modules = {
        "one": "const HERE = 1;\nexport const ONE = HERE;\nexport function add(a, b) {\n"
        "  return a + b;\n}\nexport class Box {\n  held = ONE;\n}\n",
        "two": 'import {\n  add,\n  Box,\n  ONE as FIRST,\n} from "./one.js"; // why\n'
        "const HERE = 2;\nexport const SUM = add(HERE, new Box().held) + FIRST;\n",
        "start": 'import { SUM } from "./two.js";\nimport { ONE } from "./one.js";\n'
        "console.log(SUM, ONE, typeof HERE);\n",
        "unused": "throw 1;\n",
    }
    script = bundle(modules, "start")
    ran = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "4 1 undefined\n"


def test_a_joined_module_exports_what_its_entry_does():
    modules = {"a": "export const ONE = 1;\n"}
    modules["b"] = 'import { ONE } from "./a.js";\nexport function two() {\n  return ONE;\n}\n'
    assert bundle(modules, "b", is_module=True).endswith("export const { two } = m_b;\n")
    assert "export" not in bundle(modules, "b")


def test_a_form_of_import_that_is_not_known_is_refused():
    for text in ('import "./a.js";\n', "export default 1;\n", 'import * as a from "./a.js";\n'):
        with pytest.raises(ValueError, match=r"start\.js can't be joined"):
            bundle({"start": text}, "start")


def test_a_circle_of_modules_is_refused():
    modules = {"a": 'import { B } from "./b.js";\n', "b": 'import { A } from "./a.js";\n'}
    with pytest.raises(ValueError, match="a → b → a"):
        bundle(modules, "a")


def test_all_modules_of_the_page_are_joined_but_for_those_of_tensorboards_tab():
    modules = modules_of_the_page()
    script = bundle(modules, "start")
    missing = {name for name in modules if f"const m_{name} = " not in script}
    assert missing == {"index"}
    assert "</script" not in script.lower()
    assert "<!--" not in script
    for asking in ("await fetch(", "XMLHttpRequest", "import(", "eval("):
        assert asking not in script

"""Joins the page's modules into a single script: it comes with one request, or within a file."""

import re
from collections.abc import Mapping

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";.*\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(modules: Mapping[str, str], entry: str, *, is_module: bool = False) -> str:
    """A script that does what importing `entry` does.

    Each module becomes a function of its own, so that its names stay its own, and gives what it
    exports. This knows the forms of import and export that the page's own modules have.

    Args:
        modules: name -> text of a module, which imports others as `./name.js`.
        entry: the name of the module to start with.
        is_module: whether the script is a module too, which exports what `entry` exports.

    Raises:
        ValueError: a module imports or exports in another form, or modules import each other in a
            circle.

    >>> bundle({"a": "export const ONE = 1;\\n", "b": 'import { ONE } from "./a.js";\\n'}, "b")
    '"use strict";\\nconst m_a = (() => {\\nconst ONE = 1;\\nreturn { ONE };\\n})();\\n...'
    """
    texts: dict[str, str] = {}

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"modules import each other in a circle: {' → '.join((*path, name))}.")
        if name in texts:
            return
        for _, other in _IMPORT.findall(modules[name]):
            add(other, (*path, name))
        texts[name] = _function(name, modules[name])

    add(entry, ())
    names = _EXPORT.findall(modules[entry]) if is_module else []
    handed_on = f"export const {{ {', '.join(names)} }} = m_{entry};\n" if names else ""
    return '"use strict";\n' + "".join(texts.values()) + handed_on


def _function(name: str, text: str) -> str:
    exported = _EXPORT.findall(text)
    text = _EXPORT.sub("", _IMPORT.sub(_taken, text))
    if left := _LEFT.search(text):
        raise ValueError(f"{name}.js can't be joined with others: {left.group()!r}.")
    return f"const m_{name} = (() => {{\n{text}return {{ {', '.join(exported)} }};\n}})();\n"


def _taken(found: re.Match[str]) -> str:
    names = " ".join(found.group(1).split()).rstrip(",").replace(" as ", ": ")
    return f"const {{ {names} }} = m_{found.group(2)};\n"

"""The text for a package index; all else is in setup.cfg."""

import re
from pathlib import Path

from setuptools import setup

_PICTURE = re.compile(r"!\[([^\]]*)\]\((?!https?:)[^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")


def for_an_index(readme: str) -> str:
    """README where no file stands that it links to: its name, or what is to be seen on it."""
    return _LINK.sub(r"\1", _PICTURE.sub(r"*(Picture: \1.)*", readme))


setup(
    long_description=for_an_index(
        Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    ),
    long_description_content_type="text/markdown",
)

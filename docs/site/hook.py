"""What the site holds beside the pages: the project's files that these link to.

On a disk and on a code host `../examples/plain_loop.py` is a link to the file. The site has no such
place, so each linked file becomes a page of it. Nothing of the site may come from another host, and
the build fails where something would.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)")
_FROM_ELSEWHERE = re.compile(
    r"<(?:script|img|iframe|source|video)[^>]*\ssrc=\"?(?:https?:)?//[^\s>]*"
    r"|<link[^>]*\srel=\"?(?:stylesheet|icon|preload|preconnect)\"?[^>]*(?:https?:)?//[^\s>]*"
)
_ORIGINS: dict[str, str] = {}
"""Page of the site -> the file of the project that it shows."""
_LANGUAGES = {".py": "python", ".toml": "toml", ".ini": "ini", ".cfg": "ini", ".yml": "yaml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every file outside of docs/ that a page links to, and what it links to."""
    root = Path(config.config_file_path).parent
    waiting = [
        (f"docs/{page.src_uri}", page.content_string) for page in files.documentation_pages()
    ]
    while waiting:
        name, text = waiting.pop()
        for link in _LINK.findall(text):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
            if target.startswith("docs/") or files.get_file_from_path(_page_of(target)):
                continue
            if not (root / target).is_file():
                raise PluginError(f"{name} links to {link}, and there is no file {target}")
            content = (root / target).read_text(encoding="utf-8")
            if not target.endswith(".md"):
                language = _LANGUAGES.get(Path(target).suffix, "text")
                content = f"# {target}\n\n````{language}\n{content}````\n"
            files.append(File.generated(config, _page_of(target), content=content))
            _ORIGINS[_page_of(target)] = target
            if target.endswith(".md"):
                waiting.append((target, content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links between files of the project to their pages."""
    origin = _ORIGINS.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def led(match: "re.Match[str]") -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(origin), match[1]))
        place = target.removeprefix("docs/") if target.startswith("docs/") else _page_of(target)
        return posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".")

    return _LINK.sub(led, markdown)


def _page_of(target: str) -> str:
    """The page that shows a file which is not in docs/."""
    name = target.removesuffix(".md").removesuffix(".py")
    return f"project/{name}.md"


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    if found := _FROM_ELSEWHERE.search(output):
        raise PluginError(f"{page.file.src_uri} would load from another host: {found[0]}")
    return output

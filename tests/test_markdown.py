"""What stands in a name stays text, in Markdown and in the HTML made of it."""

import pytest

from rlviz.markdown import escaped, table, to_html

NAMES = ["a|b", "*bold*", "_em_", "[a](http://x)", "<script>alert(1)</script>", "`code`", "# head"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is_in_a_sentence_and_in_a_table(name):
    shown = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = f"Run {escaped(name)} leads.\n\n" + table(["run", "n"], [[escaped(name), "1"]], right=1)
    page = to_html(text)
    assert f"<p>Run {shown} leads.</p>" in page
    assert f"<td>{shown}</td>" in page
    assert '<td style="text-align:right">1</td>' in page


def test_a_name_never_breaks_its_line():
    assert escaped("two\nlines\tand  more") == "two lines and more"


def test_html_in_a_text_is_shown_and_not_read():
    assert "<script>" not in to_html("a <script>alert(1)</script>")


def test_a_table_without_rows_is_nothing():
    assert table(["a"], []) == ""

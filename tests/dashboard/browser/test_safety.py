"""Names that are scripts: in runs, metrics, groups and addresses they are text, and run nowhere."""

from urllib.parse import quote

import numpy as np
import pytest

HIT = "top.__hit=(top.__hit||0)+1"
TAGS = (
    "<script>{}</script>",
    "<script>{}//",
    "<ScRiPt >{}</sCrIpT>",
    "<img src=x onerror={}>",
    "<img src=x onerror='{}'>",
    '<img src=x onerror="{}">',
    "<svg onload={}>",
    "<svg><script>{}</script></svg>",
    "<svg><animate onbegin={} attributeName=x dur=1s>",
    "<body onload={}>",
    "<iframe srcdoc='<script>{}</script>'>",
    "<iframe src=javascript:{}>",
    "<a href=javascript:{}>click</a>",
    "<details open ontoggle={}>",
    "<input autofocus onfocus={}>",
    "<select autofocus onfocus={}>",
    "<textarea autofocus onfocus={}>",
    "<video><source onerror={}>",
    "<audio src=x onerror={}>",
    "<object data=javascript:{}>",
    "<embed src=javascript:{}>",
    "<math><mtext><script>{}</script>",
    "<marquee onstart={}>",
    "<style onload={}>",
    "<link rel=stylesheet href=x onerror={}>",
    "<form><button formaction=javascript:{}>",
    "<template><script>{}</script></template>",
    "<noscript><img src=x onerror={}></noscript>",
    "<title><img src=x onerror={}></title>",
    "<base href=javascript:{}//>",
)
BREAKS = ("", '">', "'>", "-->", "</title>", "]]>", "`", "\\'")
WHOLE = (
    "javascript:{}",
    "data:text/html,<script>{}</script>",
    "';{};//",
    '";{};//',
    "\\u003cscript\\u003e{}\\u003c/script\\u003e",
    "%3Cscript%3E{}%3C%2Fscript%3E",
    "&lt;script&gt;{}&lt;/script&gt;",
    "${{{}}}",
    "{{{{{}}}}}",
    "constructor.constructor('{}')()",
    "__proto__",
    "constructor",
    "[img](javascript:{})",
    "![x](x onerror={})",
)
PAYLOADS = list(
    dict.fromkeys(
        [b + tag.format(HIT) for i, tag in enumerate(TAGS) for b in ("", BREAKS[1 + i % 7], '">')]
        + [BREAKS[j] + TAGS[j].format(HIT) for j in range(1, 8)]
        + [b + "<img src=x onerror=" + HIT + ">" for b in BREAKS[2:]]
        + [text.format(HIT) for text in WHOLE]
        + [f"{q} onmouseover={HIT} x=" for q in ("'", '"', "`", "")]
        + [f"{q}style=animation-name:x onanimationstart={HIT}" for q in ("'", '"')]
    )
)


def as_folder(payload: str) -> str:
    """A folder can't have a slash in its name; a browser takes a backslash or a space for one."""
    return payload.replace("/", " ")[:120]


@pytest.fixture(scope="module")
def hostile(serve, tmp_path_factory, write_rows, learning):
    """A run named by each payload, and one whose metrics and groups are named by them all."""
    folder = tmp_path_factory.mktemp("hostile")
    columns, table = learning(12)
    for name in dict.fromkeys(map(as_folder, PAYLOADS)):
        write_rows(folder / name, columns, [(table, {"dropped": 3})])
    metrics = [f"metrics/{payload}" for payload in PAYLOADS]
    groups = [f"{kind}/{payload}" for payload in PAYLOADS for kind in ("correct", "graded")]
    more = np.tile(np.arange(1.0, 13.0)[:, None], (1, len(metrics) + len(groups)))
    write_rows(
        folder / "all names", [*columns, *metrics, *groups], [(np.hstack([table, more]), {})]
    )
    return serve(folder)


def hits(page):
    """How many payloads ran, and frames that should not be there."""
    return page.page.evaluate("window.__hit ?? 0"), len(page.page.frames) - len(page.frames)


def outside(page, server):
    return [url for url in page.requests if not url.startswith((server.url, "blob:", "data:"))]


def test_no_name_of_a_run_is_executed(hostile, open_page, ran):
    assert len(PAYLOADS) >= 100
    page = open_page(hostile.tab_url + "&p.rlviz.panels=accuracy").is_drawn(1)
    page.frame.get_by_label("Forecast").check()
    page.press("All")
    page.page.wait_for_timeout(1500)
    names = page.frame.locator(".run-label").evaluate_all("rows => rows.map(row => row.title)")
    assert set(names) == {*map(as_folder, PAYLOADS), "all names"}
    for across in (0.1, 0.5, 0.9):
        page.point_at(across, 0.5)
        assert page.tip()
    page.values()
    page.frame.locator(".run-notes summary").first.click()
    page.frame.get_by_text("Download", exact=True).click()
    page.page.wait_for_timeout(300)
    assert hits(page) == (0, 0)
    assert outside(page, hostile) == []
    elements = page.frame.locator("body").evaluate(
        "body => body.querySelectorAll('script, img, iframe, object, embed, base, form').length"
    )
    assert elements == 1  # the script of TensorBoard that imports the page
    ran(payloads_as_runs=len(names) - 1)


def test_no_name_of_a_metric_or_a_group_is_executed(hostile, open_page, ran):
    chosen = [name for p in PAYLOADS[::12] for name in (p, f"accuracy/{p}")]
    escaped = ",".join(n.replace("\\", "\\\\").replace(",", "\\,") for n in chosen)
    state = f"#p.rlviz.show=all%20names&p.rlviz.panels={quote(escaped, safe='')}"
    page = open_page(hostile.frame_url + state).is_drawn(len(chosen))
    titles = page.frame.locator(".panels h2").all_inner_texts()
    assert len(titles) == len(chosen)
    page.point_at(0.5, 0.5)
    page.values()
    page.frame.get_by_text("Panels", exact=True).click()
    page.frame.locator(".menu-items .check").first.wait_for()
    listed = page.frame.locator(".menu-items .check").evaluate_all("rows => rows.map(r => r.title)")
    assert set(listed) >= {*PAYLOADS, *(f"accuracy/{p}" for p in PAYLOADS)}
    assert hits(page) == (0, 0)
    assert outside(page, hostile) == []
    ran(payloads_as_metrics=len(PAYLOADS), payloads_as_groups=len(PAYLOADS))


def test_no_part_of_an_address_is_executed(lone_server, open_page, ran):
    page = open_page(lone_server.frame_url).is_drawn()
    for payload in PAYLOADS:
        text = quote(payload, safe="")
        keys = ("x", "show", "panels", "search", "y", "colors", "closed", "smooth", "at", payload)
        fragment = "&".join(f"p.rlviz.{quote(key, safe='')}={text}" for key in keys)
        page.page.evaluate("hash => { location.hash = hash; }", fragment)
        page.page.wait_for_timeout(15)
    page.page.wait_for_timeout(500)
    assert hits(page) == (0, 0)
    assert outside(page, lone_server) == []
    ran(payloads_in_addresses=len(PAYLOADS))

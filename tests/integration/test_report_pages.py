"""The pages of `guild report` in a real browser, from files and from a web server."""

from __future__ import annotations

import functools
import http.server
import os
import random
import re
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from reported import HOSTILE, HOSTILE_ID, HOSTILE_SCALAR, hostile, several, trained
from support import Guild

from guild_sync.curves.curve import Axis
from guild_sync.curves.scale import AxisScale

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
A, B, C, D = (digit * 32 for digit in "abcd")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield found
        found.close()


@pytest.fixture
def report(guild: Guild) -> Path:
    """The folder of a report of four runs, and of one that is hostile."""
    several(guild.home)
    hostile(guild.home)
    guild.configure(gpu1={"type": "ssh", "host": "127.0.0.1", "port": 1})
    guild.ok("report", "out")
    return guild.folder / "out"


@pytest.fixture(params=["file", "http"])
def top(request: pytest.FixtureRequest, report: Path) -> Iterator[str]:
    """Where the pages are."""
    if request.param == "file":
        yield f"file://{report}"
        return
    handler = functools.partial(Quiet, directory=str(report))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Visit:
    """A page that is looked at, all that it asks for, and all that the browser complains of."""

    def __init__(self, browser: Browser, **options: object) -> None:
        self.context = browser.new_context(**options)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


def follow(page: Page, link: Locator) -> None:
    """Be on the page that a link leads to, once all of it is there and its script has run."""
    with page.expect_navigation():
        link.click()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    found = Visit(browser)
    yield found
    found.context.close()


def addresses(report: Path, top: str) -> list[str]:
    """Each kind of page, with the hostile run on it."""
    names = sorted(path.name for path in (report / "operations").iterdir())
    return [
        f"{top}/index.html",
        f"{top}/runs.html",
        f"{top}/compare.html#{A},{B},{HOSTILE_ID}",
        f"{top}/runs/{HOSTILE_ID}.html",
        f"{top}/runs/{A}.html",
        *(f"{top}/operations/{name}" for name in names),
    ]


def ids(page: Page) -> list[str]:
    """The beginnings of the ids of the runs that the table shows, from the top on."""
    return page.locator("#runs tbody tr:visible a.id").all_inner_texts()


# ---- nothing of a run's is markup, and nothing is fetched


def test_no_text_of_a_run_is_markup_and_no_page_asks_for_anything_else(
    report: Path, top: str, visit: Visit
) -> None:
    page = visit.page
    for address in addresses(report, top):
        page.goto(address)
        assert page.evaluate("window.hacked") is None, address
        assert page.locator("img").count() == 0, address
        assert "scripted" in (page.locator("html").get_attribute("class") or ""), address
        assert page.locator("script").count() == 1 + ("compare" in address), address
        assert "49" not in page.title()
    assert visit.complaints == []
    assert all(url.startswith((f"{top}/", "data:image/svg")) for url in visit.asked), visit.asked


def test_what_is_hostile_is_shown_as_it_is(report: Path, visit: Visit) -> None:
    page = visit.page
    page.goto(f"file://{report}/runs/{HOSTILE_ID}.html")
    assert page.locator("p.lead").inner_text() == HOSTILE
    assert page.locator(".tag").inner_text() == HOSTILE
    assert page.locator(".comment .text").inner_text() == f"{HOSTILE}\n{HOSTILE}"
    assert HOSTILE in page.locator("section[aria-labelledby=flags] table").inner_text()
    assert HOSTILE_SCALAR in page.locator("section[aria-labelledby=scalars] table").inner_text()
    assert HOSTILE in page.locator("pre.output").inner_text()
    assert HOSTILE.replace("/", "_") in page.locator("section[aria-labelledby=files]").inner_text()
    page.goto(f"file://{report}/compare.html#{HOSTILE_ID}")
    assert page.locator("#compared").inner_text().count(HOSTILE) >= 3


def test_colours_of_an_output_are_classes_and_links_of_it_are_gone(
    report: Path, visit: Visit
) -> None:
    visit.page.goto(f"file://{report}/runs/{HOSTILE_ID}.html")
    output = visit.page.locator("pre.output")
    assert output.locator("span.a-f1").inner_text() == f"red {HOSTILE}"
    assert output.locator("a").count() == 0
    assert "\x1b" not in output.inner_text()
    red = output.locator("span.a-f1").evaluate("e => getComputedStyle(e).color")
    assert red != output.evaluate("e => getComputedStyle(e).color")


def test_the_policy_of_a_page_holds(top: str, visit: Visit) -> None:
    """Were there a hole, a script that came in through it would not run, nor ask for anything."""
    page = visit.page
    page.goto(f"{top}/index.html")
    visit.asked.clear()
    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.hacked = 1';
          document.body.append(script);
          const image = document.createElement('img');
          image.src = 'http://127.0.0.1:9/x.png';
          document.body.append(image);
          document.body.setAttribute('onclick', 'window.hacked = 2');
          document.body.click();
        }"""
    )
    page.locator("h1").click()
    assert page.evaluate("window.hacked") is None
    assert len([text for text in visit.complaints if "Content Security Policy" in text]) >= 3


# ---- the table of runs


def test_the_table_sorts_by_any_column_and_what_is_not_known_comes_last(
    top: str, visit: Visit
) -> None:
    page = visit.page
    page.goto(f"{top}/runs.html")
    assert ids(page) == [digit * 8 for digit in "edcba"]
    heading = page.locator("#runs thead th", has_text="loss").first
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert ids(page) == [digit * 8 for digit in "becad"]  # d's is nan
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert ids(page) == [digit * 8 for digit in "acebd"]
    page.locator("#runs thead th", has_text="Started").get_by_role("button").click()
    assert ids(page) == [digit * 8 for digit in "abcde"]
    page.locator("#runs thead th", has_text="Started").get_by_role("button").press("Enter")
    assert ids(page) == [digit * 8 for digit in "edcba"]


def test_the_table_shows_the_runs_that_are_meant(top: str, visit: Visit) -> None:
    page = visit.page
    page.goto(f"{top}/runs.html")
    page.get_by_label("Status").select_option("error")
    assert ids(page) == ["c" * 8]
    assert page.locator("#shown").inner_text() == "1 of 5"
    assert page.url.endswith("#status=error")
    page.get_by_label("Status").select_option("")
    page.get_by_label("Operation").select_option("train")
    assert ids(page) == [digit * 8 for digit in "dcba"]
    page.get_by_label("Find").fill("ADAM run")
    assert ids(page) == [digit * 8 for digit in "db"]
    page.get_by_label("Find").fill("nothing at all")
    assert ids(page) == []
    assert page.locator("#none").is_visible()


def test_an_address_says_which_runs_are_meant(top: str, visit: Visit) -> None:
    page = visit.page
    page.goto(f"{top}/index.html")
    follow(page, page.locator(".tile.s-error"))
    assert ids(page) == ["c" * 8]
    page.goto(f"{top}/runs.html#q=0.001&op=train")
    page.reload()
    assert ids(page) == ["a" * 8]


def test_columns_are_chosen(report: Path, visit: Visit) -> None:
    page = visit.page
    page.goto(f"file://{report}/runs.html")
    layers = page.locator("#runs thead th", has_text=re.compile("^layers"))
    assert not layers.is_visible()  # all runs have the same, or none
    page.get_by_text("Columns").click()
    page.get_by_label("layers").check()
    assert layers.is_visible()
    page.get_by_label("layers").uncheck()
    assert not layers.is_visible()


# ---- comparing


def test_ticked_runs_are_compared(top: str, visit: Visit) -> None:
    page = visit.page
    page.goto(f"{top}/runs.html")
    compare = page.locator("#compare")
    assert compare.get_attribute("aria-disabled") == "true"
    page.get_by_label("Compare run aaaaaaaa").check()
    page.get_by_label("Find").fill("run")  # a filter unticks nothing
    page.get_by_label("Compare run bbbbbbbb").check()
    assert compare.inner_text() == "Compare 2"
    follow(page, compare)
    table = page.locator("table.compared")
    assert table.locator("thead a").all_inner_texts() == ["a" * 8, "b" * 8]
    rows = {row[0]: row[1:] for row in table.evaluate(CELLS)}
    assert rows["lr"] == ["0.001", "0.01"]
    assert rows["layers"] == ["2", "2"]
    names = list(rows)
    assert (
        names.index("lr") < names.index("optimizer") < names.index("layers")
    )  # what differs first
    assert rows["loss"] == ["0.9", "0.1"]
    assert page.locator("figure", has_text="loss").locator("path.curve").count() == 2
    follow(page, table.locator("thead a").first)
    assert page.url.endswith(f"/runs/{A}.html")


def test_ticks_go_along_from_page_to_page(top: str, visit: Visit) -> None:
    page = visit.page
    pages = page.get_by_role("navigation", name="Pages")
    page.goto(f"{top}/runs.html")
    assert not page.get_by_role("button", name="Untick all").is_visible()
    for run in "ab":
        page.get_by_label(f"Compare run {run * 8}").check()
    page.reload()
    assert page.locator("#compare").inner_text() == "Compare 2"
    follow(page, pages.get_by_role("link", name="Compare"))  # as by the button
    assert page.locator("table.compared thead a").all_inner_texts() == ["a" * 8, "b" * 8]
    follow(page, page.locator("table.compared thead a").first)
    follow(page, pages.get_by_role("link", name="Compare"))
    assert page.locator("table.compared thead a").all_inner_texts() == ["a" * 8, "b" * 8]
    follow(page, pages.get_by_role("link", name="Overview"))
    follow(page, page.locator(".tile.s-error"))
    assert ids(page) == ["c" * 8]  # ticks filter nothing
    page.get_by_label(f"Compare run {'c' * 8}").check()
    assert page.locator("#compare").inner_text() == "Compare 3"
    page.get_by_role("button", name="Untick all").click()
    assert page.locator("tbody input:checked").count() == 0
    assert page.locator("#compare").get_attribute("aria-disabled") == "true"
    assert page.url.endswith("#status=error")
    follow(page, pages.get_by_role("link", name="Compare"))
    assert "Tick runs" in page.locator("#compared").inner_text()
    assert visit.complaints == []


def test_every_page_that_ticks_go_along_to_can_untick_them(top: str, visit: Visit) -> None:
    page = visit.page
    untick = page.get_by_role("button", name="Untick all")
    pages = page.get_by_role("navigation", name="Pages")
    for there in (f"runs/{A}.html", "index.html", "compare.html"):
        page.goto(f"{top}/{there}")
        assert not untick.is_visible(), "nothing is ticked"
        page.goto(f"{top}/runs.html")
        for run in "ab":
            page.get_by_label(f"Compare run {run * 8}").check()
        if there == "compare.html":
            follow(page, pages.get_by_role("link", name="Compare"))
            assert page.locator("table.compared").is_visible()
        else:
            page.goto(f"{top}/{there}")
        assert untick.get_attribute("title") == "2 ticked in the table of runs"
        untick.click()
        assert not untick.is_visible()
        if there == "compare.html":
            assert "Tick runs" in page.locator("#compared").inner_text()
        follow(page, pages.get_by_role("link", name="Runs"))
        assert page.locator("tbody input:checked").count() == 0, there
    assert visit.complaints == []


def test_all_columns_are_unticked_at_once(report: Path, visit: Visit) -> None:
    page = visit.page
    page.goto(f"file://{report}/runs.html")
    page.get_by_text("Columns").click()
    page.get_by_label("layers").check()
    page.get_by_role("button", name="Untick all columns").click()
    assert page.locator("#columns input:checked").count() == 0
    assert page.locator("#runs thead th[data-column]:visible").count() == 0
    page.get_by_label("layers").check()
    assert page.locator("#runs thead th[data-column]:visible").all_inner_texts() == ["layers"]
    assert visit.complaints == []


def test_ticks_go_along_by_links_where_a_tab_remembers_nothing(
    report: Path, browser: Browser
) -> None:
    visit = Visit(browser)
    page = visit.page
    forgets = "Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('no'); }})"
    page.add_init_script(forgets)
    pages = page.get_by_role("navigation", name="Pages")
    page.goto(f"file://{report}/runs.html")
    page.get_by_label(f"Compare run {A[:8]}").check()
    follow(page, pages.get_by_role("link", name="Compare"))
    assert page.locator("table.compared thead a").all_inner_texts() == [A[:8]]
    follow(page, pages.get_by_role("link", name="Runs"))
    assert page.get_by_label(f"Compare run {A[:8]}").is_checked()
    visit.context.close()


def test_axes_that_the_browser_draws_have_the_numbers_of_all_others(
    report: Path, visit: Visit
) -> None:
    draw = random.Random(1)
    spans = [(0.0, 1.0), (0.0, 5000.0), (1e-320, 2e-320), (-1.7e308, 1.7e308), (0.0, 2e12)]
    for _ in range(500):
        size = 10.0 ** draw.randint(-30, 30)
        low = draw.uniform(-1, 1) * size
        spans.append((low, low + draw.random() * size * 10.0 ** draw.randint(-3, 1)))
    visit.page.goto(f"file://{report}/compare.html")
    asked = [(low, high, 5) for low, high in spans if low < high]
    drawn = visit.page.evaluate("all => all.map((one) => ticks(...one))", asked)
    for (low, high, most), found in zip(asked, drawn, strict=True):
        scale = AxisScale(Axis("loss"), low, high)
        texts = [tick.text for tick in scale.ticks(most)]
        assert [text for _, text in found] == texts, (low, high)


CELLS = "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"


def test_names_that_a_script_has_itself_are_names_like_others(guild: Guild, visit: Visit) -> None:
    names = ["__proto__", "constructor", "toString"]
    trained(guild.home, A, 1, {"loss": [1.0, 2.0]}, flags={"lr": 1})
    odd = {"loss": [1.7e308, -1.7e308], **{name: [0.0, 1e-310] for name in names}}
    trained(guild.home, B, 2, odd, flags=dict.fromkeys(names, "odd"))
    guild.ok("report", "out")
    visit.page.goto(f"file://{guild.folder}/out/compare.html#{A},{B}")
    found = visit.page.locator("table.compared").evaluate(CELLS)
    for name in names:
        assert [row[1:] for row in found if row[0] == name] == [["", "odd"], ["", "1e-310"]]
    assert visit.page.locator("figure path.curve").count() == 5
    assert visit.complaints == []


def test_an_operation_is_chosen_whatever_its_name(guild: Guild, visit: Visit) -> None:
    trained(guild.home, A, 1, {}, "train")
    trained(guild.home, B, 2, {}, '"a  b "')
    guild.ok("report", "out")
    visit.page.goto(f"file://{guild.folder}/out/runs.html")
    visit.page.get_by_label("Operation").select_option(index=1)
    assert ids(visit.page) == ["b" * 8]


def test_a_run_that_is_not_in_the_report_is_not_compared(top: str, visit: Visit) -> None:
    visit.page.goto(f"{top}/compare.html#{'0' * 32},x,__proto__")
    assert visit.page.locator("#compared").inner_text() == "Those runs are not in this report."
    visit.page.goto(f"{top}/compare.html")
    visit.page.reload()
    assert "Tick runs" in visit.page.locator("#compared").inner_text()
    assert visit.complaints == []


# ---- a run and its operation


def test_a_run_is_told_from_the_one_before(report: Path, visit: Visit) -> None:
    page = visit.page
    page.goto(f"file://{report}/runs/{B}.html")
    rows = page.locator("section[aria-labelledby=before] table").evaluate(CELLS)
    assert ["lr flag", "0.001", "0.01"] in rows
    assert ["loss scalar", "0.9", "0.1"] in rows
    assert not any(row[0].startswith("layers") for row in rows)
    follow(page, page.locator("section[aria-labelledby=before] a.id"))
    assert page.url.endswith(f"/runs/{A}.html")
    assert "first of its operation" in page.locator("section[aria-labelledby=before]").inner_text()


def test_an_operation_has_its_scalars_by_its_flags(report: Path, visit: Visit) -> None:
    page = visit.page
    page.goto(f"file://{report}/runs/{A}.html")
    follow(page, page.locator(".crumbs a", has_text="train"))
    plot = page.locator("figure", has_text="loss by lr")
    assert plot.locator("circle").count() == 3  # that of the fourth is no number
    assert "lowest 0.1 (bbbbbbbb" in plot.locator("desc").text_content()  # type: ignore[operator]
    assert page.locator("figure", has_text="loss by optimizer").locator("circle").count() == 3
    assert page.locator("figure", has_text="by layers").count() == 0  # all have the same
    follow(page, page.get_by_role("link", name="All runs of train"))
    assert ids(page) == [digit * 8 for digit in "dcba"]


# ---- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_the_light_and_in_the_dark(
    report: Path, browser: Browser, scheme: str
) -> None:
    visit = Visit(browser, color_scheme=scheme)
    for address in addresses(report, f"file://{report}"):
        visit.page.goto(address)
        faint = visit.page.evaluate(CONTRAST)
        assert faint == [], (address, faint[:5])
    body = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", body))) < 200) is (scheme == "dark")
    visit.context.close()


# Texts whose colour and the one behind them are too near to each other: WCAG 2.2 wants 4.5.
CONTRAST = """() => {
  const light = (colour) => {
    const parts = colour.match(/[\\d.]+/g).map(Number);
    const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = parts.slice(0, 3).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest('script, option, .sr, .skip, title, desc')) continue;
    const style = getComputedStyle(element);
    const one = light(element.closest('svg') ? style.fill : style.color);
    const other = light(behind(element));
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const text = walker.currentNode.textContent.trim().slice(0, 40);
    if (contrast < 4.5) found.push([text, contrast.toFixed(2)]);
  }
  return found;
}"""


def test_a_phone_shows_pages_that_scroll_down_alone(report: Path, browser: Browser) -> None:
    visit = Visit(browser, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    for address in addresses(report, f"file://{report}"):
        visit.page.goto(address)
        width = visit.page.evaluate("document.scrollingElement.scrollWidth")
        assert width <= 360, address
    visit.context.close()


def test_who_hears_a_page_finds_the_way(report: Path, visit: Visit) -> None:
    page = visit.page
    for address in addresses(report, f"file://{report}"):
        page.goto(address)
        assert page.locator("h1").count() == 1
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
        assert page.get_by_role("navigation", name="Pages").count() == 1
        assert page.locator("th:not([scope])").count() == 0
        unnamed = page.locator("svg[role=img]:not([aria-labelledby]):not([aria-label])")
        assert unnamed.count() == 0
        assert page.evaluate(UNLABELLED) == []
        assert page.evaluate(TWICE) == []
        levels = [int(level) for level in page.evaluate(HEADINGS)]
        assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels))


UNLABELLED = """() => [...document.querySelectorAll('input, select, [tabindex="0"]')]
  .filter((e) => !e.labels?.length && !e.ariaLabel && !e.getAttribute('aria-labelledby'))
  .filter((e) => !e.matches('.scroll'))
  .map((e) => e.outerHTML.slice(0, 99))"""
TWICE = """() => { const all = [...document.querySelectorAll('[id]')].map((e) => e.id);
  return all.filter((id, at) => all.indexOf(id) !== at); }"""
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3')].map((e) => e.tagName[1])"


def test_a_curve_is_told_in_words(report: Path, visit: Visit) -> None:
    page = visit.page
    page.goto(f"file://{report}/runs/{A}.html")
    curve = page.get_by_role("img", name="loss by step")
    assert curve.count() == 1
    told = curve.locator("desc").text_content()
    assert told is not None and told.startswith(
        "40 numbers, from 1.875 at step 0 to 0.9 at step 39"
    )


def test_pages_are_read_without_a_script(report: Path, browser: Browser) -> None:
    visit = Visit(browser, java_script_enabled=False)
    page = visit.page
    page.goto(f"file://{report}/runs.html")
    assert page.locator("#runs tbody tr").count() == 5
    assert not page.locator("#tools").is_visible()
    assert page.locator("#runs thead th", has_text=re.compile("^layers")).is_visible()
    page.goto(f"file://{report}/compare.html")
    assert page.get_by_text("This page needs JavaScript").is_visible()
    visit.context.close()


def test_thousands_of_runs_sort_and_filter(guild: Guild, visit: Visit) -> None:
    """As fast as can be seen: rows that are shown again cost little."""
    from reported import trained

    for at in range(60):
        trained(guild.home, f"{at:032x}", at, {"loss": [float(at % 7)]}, flags={"lr": at})
    guild.ok("report", "out")
    visit.page.goto(f"file://{guild.folder}/out/runs.html")
    visit.page.locator("#runs thead th", has_text="lr").get_by_role("button").click()
    assert ids(visit.page)[:2] == ["0" * 8, "0" * 8]
    assert len(ids(visit.page)) == 60
    assert os.path.getsize(guild.folder / "out" / "runs.html") < 60 * 1500 + 10_000

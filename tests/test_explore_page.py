"""The page of `fastconv explore` in a browser: click, type, move, and look at the numbers.

Chromium runs without a window; where none is installed, these tests are skipped.
"""

from __future__ import annotations

import json

import numpy as np
import oracle
import pytest
from browser import browser, require_browser
from exploring import LINE, serving

import fastconv as fc
from fastconv.cli.explore import pictures

SIZES = [(1280, 900), (390, 844), (360, 640)]
SETTLED = """new Promise((done) => {
  const main = document.getElementById("main");
  const look = () => main.getAttribute("aria-busy") === "false" && (done(), true);
  if (!look()) new MutationObserver((_, it) => look() && it.disconnect())
    .observe(main, {attributes: true});
})"""
SMILEY = np.array(pictures.GRIDS["a smiley"], float)


class Page:
    """The page, as somebody uses it."""

    def __init__(self, tab, url):
        self.tab, self.url = tab, url

    def open(self, width=1280, height=900, dark=False):
        """Open it anew, with a smiley."""
        self.tab.resize(width, height, dark)
        if self.tab.run("location.protocol") == "http:":
            self.tab.run("sessionStorage.clear()")
        self.reload()
        self.choose("sample", "a smiley")
        return self

    def reload(self):
        self.tab.open(self.url)
        self.settle()

    def settle(self):
        self.tab.run(SETTLED)

    def set(self, selector, value, event):
        """Give a value to the field that a selector finds."""
        self.tab.run(
            f"{{const field = document.querySelector({selector!r});"
            f"field.value = {json.dumps(value)};"
            f"field.dispatchEvent(new Event({event!r}, {{bubbles: true}}))}}"
        )
        self.settle()

    def choose(self, name, value):
        self.set(f"#{name}", value, "change")

    def type(self, name, value):
        self.set(f"#{name}", value, "input")

    def click(self, selector, at=(0.5, 0.5)):
        """Click an element, at a part of its width and height."""
        x, y, width, height = self.tab.run(
            f"(() => {{const e = document.querySelector({selector!r}); e.scrollIntoView();"
            "const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]})()"
        )
        self.tab.mouse(x + at[0] * width, y + at[1] * height)
        self.settle()

    def key(self, *names):
        for name in names:
            self.tab.key(name)
        self.settle()

    def focus(self, i):
        self.tab.run(f"document.querySelector('[data-map=\"{i}\"] > canvas').focus()")

    def text(self, selector):
        return self.tab.run(f"document.querySelector({selector!r}).innerText").replace("−", "-")

    def table(self, name):
        """The numbers of a table of the arithmetic."""
        rows = self.tab.run(
            f"[...document.querySelectorAll('table.{name} tr')].map((row) => "
            "[...row.cells].map((cell) => cell.innerText.replace('−', '-')))"
        )
        return np.array(rows, float)

    @property
    def result(self):
        return float(self.text("#result"))


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    require_browser()
    with serving() as server, browser(tmp_path_factory.mktemp("browser")) as opened:
        yield Page(opened, server.url)


@pytest.fixture
def page(tab):
    """The page with a smiley, and no complaint when the test is over."""
    tab.tab.complaints.clear()
    yield tab.open()
    assert tab.tab.complaints == []


def feature_map(kernel=LINE, **how):
    how = {"padding": "same", "activation": "relu"} | how
    return fc.conv2d(SMILEY[None], np.array(kernel, float)[None, None], **how)[0]


def shows(page, row, column, y):
    """Assert that the current cell is this one of a map, and that its arithmetic adds up."""
    assert page.text("#cell-name").endswith(f"he output at row {row}, column {column}")
    assert page.result == y[row, column]
    np.testing.assert_array_equal(
        page.table("window") * page.table("weights"), page.table("products")
    )
    assert max(page.table("products").sum(), 0) == page.result


# -- looking ------------------------------------------------------------------------------------


def test_a_click_on_the_map_shows_the_cell(page):
    y = feature_map()
    for row, column in ((0, 0), (3, 3), (6, 5)):
        page.click('[data-map="1"] > canvas', ((column + 0.5) / 7, (row + 0.5) / 7))
        shows(page, row, column, y)
    window = np.pad(SMILEY, 1)[6:9, 5:8]
    np.testing.assert_array_equal(page.table("window"), window)
    assert "rows 5 … 7 and columns 4 … 6" in page.text("#window-at")
    assert "padding" in page.text("#window-at")


def test_the_pointer_is_enough_and_the_input_points_back(page):
    box = page.tab.run(
        "(({x, y, width, height}) => [x, y, width, height])"
        "(document.querySelector('[data-map=\"0\"] > canvas').getBoundingClientRect())"
    )
    # 7 × 7 samples with one of padding around them
    page.tab.mouse(box[0] + box[2] * 4.5 / 9, box[1] + box[3] * 5.5 / 9, "mouseMoved")
    page.settle()
    shows(page, 4, 3, feature_map())


def test_arrow_keys_move_the_cell(page):
    y = feature_map()
    page.focus(1)
    page.key("PageUp", "Home")
    shows(page, 0, 0, y)
    page.key("ArrowUp", "ArrowLeft")
    shows(page, 0, 0, y)
    page.key("ArrowDown", "ArrowRight", "ArrowRight", "ArrowDown")
    shows(page, 2, 2, y)
    assert page.text("#said").endswith(f"is {y[2, 2]:g}")
    page.key("End", "PageDown")
    shows(page, 6, 6, y)
    label = page.tab.run("document.activeElement.getAttribute('aria-label')")
    assert label == f"Feature map, 7 rows and 7 columns; row 6, column 6 is {y[6, 6]:g}"


def test_playing_fills_the_map_and_ends(page):
    page.click("#play")
    assert page.text("#play") == "Stop"
    page.click('[data-map="1"] > canvas', (0.5, 0.5))
    assert page.text("#play") == "Play"
    shows(page, 3, 3, feature_map())


# -- changing -----------------------------------------------------------------------------------


def test_a_weight_is_edited(page):
    page.click('[data-map="1"] > canvas', (0.5, 0.5))
    page.set('#kernel input[data-row="1"][data-column="0"]', "5", "input")
    kernel = [[-1, 2, -1], [5, 2, -1], [-1, 2, -1]]
    np.testing.assert_array_equal(page.table("weights"), kernel)
    shows(page, 3, 3, feature_map(kernel))
    assert page.tab.run("document.getElementById('named').value") == ""


def test_a_weight_is_typed(page):
    page.click('#kernel input[data-row="0"][data-column="1"]')
    page.tab.run("document.activeElement.select()")
    page.key("7", "Tab", "3")
    assert page.table("weights")[0].tolist() == [-1, 7, -1] or page.table("weights")[0, 1] == 7
    assert page.tab.run("document.activeElement.dataset.column") == "2"


@pytest.mark.parametrize("stride", [2, 3])
def test_the_stride_is_changed(page, stride):
    page.type("stride", str(stride))
    y = feature_map(stride=stride)
    assert page.text('[data-map="1"] .shape').startswith(f"{y.shape[0]} × {y.shape[1]}")
    page.focus(1)
    page.key("PageDown", "End")
    shows(page, y.shape[0] - 1, y.shape[1] - 1, y)


def test_all_the_rest_is_changed(page):
    page.choose("named", "gaussian_blur")
    page.choose("padding", "2")
    page.choose("boundary", "mirror")
    page.type("dilation", "2")
    page.type("bias", "0.25")
    page.choose("backend", "numpy")
    page.tab.run("document.getElementById('relu').click()")
    page.focus(1)
    page.key("PageUp", "Home")
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    how = {"padding": 2, "dilation": 2, "boundary": "mirror", "bias": [0.25], "activation": None}
    assert page.result == feature_map(kernel, **how)[0, 0]
    assert "numpy" in page.text("#plans")
    page.click("#program summary")
    assert "boundary='mirror'" in page.text("#code")


def test_the_kernel_grows_and_shrinks(page):
    page.choose("kernel-rows", "5")
    page.choose("kernel-columns", "1")
    np.testing.assert_array_equal(page.table("weights"), [[0], [2], [2], [2], [0]])
    assert page.tab.run("document.querySelectorAll('#kernel input').length") == 5


def test_the_kernel_is_flipped(page):
    page.choose("sample", "a single 1")
    page.set('#kernel input[data-row="0"][data-column="0"]', "5", "input")
    page.tab.run("document.getElementById('relu').click(); document.getElementById('flip').click()")
    page.click('[data-map="1"] > canvas', (2.5 / 7, 2.5 / 7))
    assert page.result == 5  # the kernel appears as it is around the 1
    assert page.table("weights")[2, 2] == 5


def test_the_input_is_drawn_and_typed(page):
    page.click("#draw")
    page.type("ink", "9")
    page.click('[data-map="0"] > canvas', (4.5 / 9, 4.5 / 9))
    page.click("#draw")
    page.click('[data-map="1"] > canvas', (0.5, 0.5))
    assert page.table("window")[1, 1] == 9
    page.type("values", "1 2 3; 4 5 6\n7 8 9")
    page.click('[data-map="1"] > canvas', (0.5, 0.5))
    np.testing.assert_array_equal(page.table("window"), [[1, 2, 3], [4, 5, 6], [7, 8, 9]])


def test_two_layers(page):
    page.click("#tab-1")
    first = feature_map()
    y = fc.conv2d(first[None], np.array(LINE, float)[None, None], activation="relu")[0]
    page.click('[data-map="2"] > canvas', (2.5 / 5, 1.5 / 5))
    shows(page, 1, 2, y)
    np.testing.assert_array_equal(page.table("window"), first[1:4, 2:5])
    page.click("#remove")
    assert page.tab.run("document.querySelector('[data-map=\"2\"]').hidden")
    assert page.text("#cell-name").startswith("The output")


def test_the_photograph(page):
    pytest.importorskip("skimage")
    page.choose("sample", "photograph")
    page.click('[data-map="1"] > canvas', (0.3, 0.3))
    x = pictures.Pictures().get("photograph")
    row, column = (
        int(word.strip(",")) for word in page.text("#cell-name").split() if word[0].isdigit()
    )
    np.testing.assert_array_equal(
        page.table("window"), x[row - 1 : row + 2, column - 1 : column + 2]
    )


def test_an_image_is_loaded(page, tab, tmp_path):
    image = pytest.importorskip("PIL.Image")
    samples = oracle.samples((20, 30), "uint8")
    image.fromarray(samples).save(tmp_path / "mine.png")
    (tmp_path / "none.png").write_bytes(b"nothing")
    page.tab.choose_file("#file", tmp_path / "mine.png")
    while page.tab.run("document.getElementById('sample').selectedOptions[0].text") != "mine.png":
        pass
    page.settle()
    page.click('[data-map="1"] > canvas', (15.5 / 30, 10.5 / 20))
    np.testing.assert_array_equal(page.table("window"), samples[9:12, 14:17])
    page.tab.choose_file("#file", tmp_path / "none.png")
    while not page.text("#error-input"):
        pass
    assert page.text("#error-input").startswith("cannot read none.png: not an image")
    tab.tab.complaints.clear()


def test_the_newest_of_many_changes_is_shown(page):
    page.focus(1)
    page.key("PageUp", "Home", *["ArrowRight"] * 6, *["ArrowDown"] * 6, *["ArrowLeft"] * 3)
    shows(page, 6, 3, feature_map())


def test_results_can_be_guessed_first(page):
    page.click("#guess")
    page.click('[data-map="1"] > canvas', (1.5 / 7, 2.5 / 7))
    shows(page, 2, 1, feature_map())  # a click reveals
    page.key("ArrowDown")
    assert page.text("#result") == "?"
    assert "?" in page.text("table.products")
    assert "to be guessed" in page.text("#said")
    page.key("Enter")
    shows(page, 3, 1, feature_map())
    page.key("ArrowUp")
    shows(page, 2, 1, feature_map())
    page.type("stride", "2")
    assert page.text("#result") == "?"
    page.click("#reveal")
    page.click("#guess")
    shows(page, 2, 1, feature_map(stride=2))


def test_all_is_there_after_a_reload(page):
    page.click("#tab-1")
    page.choose("named", "sobel_y")
    page.type("values", "1 2 3 4\n5 6 7 8\n9 8 7 6\n3 2 1 0")
    page.focus(2)
    page.key("ArrowRight", "ArrowDown")
    before = [page.text("#cell-name"), page.table("window").tolist(), page.text("#result")]
    page.reload()
    assert [page.text("#cell-name"), page.table("window").tolist(), page.text("#result")] == before
    assert page.tab.run("document.getElementById('named').value") == "sobel_y"
    assert page.tab.run("document.getElementById('values').value").startswith("1 2 3 4")


# -- mistakes -----------------------------------------------------------------------------------


def test_messages_stand_beside_their_field(page, tab):
    page.type("stride", "0")
    assert page.text("#error-stride").startswith("conv2d: stride: got 0, allowed is")
    assert page.tab.run("document.getElementById('stride').getAttribute('aria-invalid')") == "true"
    page.type("stride", "1")
    assert page.text("#error-stride") == ""
    page.set('#kernel input[data-row="1"][data-column="2"]', "", "input")
    assert "row 1, column 2: got nothing" in page.text("#error-kernel")
    assert page.tab.run("document.querySelectorAll('#kernel [aria-invalid]').length") == 1
    page.set('#kernel input[data-row="1"][data-column="2"]', "1", "input")
    page.type("values", "1 2\n3")
    assert "row 1 has 1 numbers" in page.text("#error-input")
    page.choose("sample", "a smiley")
    shows(page, 1, 4, feature_map([[-1, 2, -1], [-1, 2, 1], [-1, 2, -1]]))
    # The browser itself logs every answer that is an error.
    assert all("status of 400" in complaint for complaint in tab.tab.complaints)
    tab.tab.complaints.clear()


# -- layout -------------------------------------------------------------------------------------


def overflowing(page):
    """The width of the page, and what reaches beyond the window."""
    return page.tab.run(
        "[document.documentElement.scrollWidth, [...document.querySelectorAll('body *')]"
        ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1 "
        "&& !e.closest('.unseen, pre, textarea')).map((e) => e.outerHTML.slice(0, 80))]"
    )


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_overflows(tab, width, height):
    page = tab.open(width, height)
    assert overflowing(page) == [width, []]
    page.choose("kernel-columns", "5")
    page.choose("sample", [*pictures.Pictures.photographs(), "a ramp"][0 if width < 390 else -1])
    page.click("#tab-1")
    assert overflowing(page) == [width, []]
    page.choose("kernel-rows", "7")
    page.choose("kernel-columns", "7")
    assert overflowing(page) == [width, []]


def test_the_checks_see_faults_and_the_page_runs_no_foreign_code(tab):
    page = tab.open()
    tab.tab.complaints.clear()
    wide = "Object.assign(document.createElement('p'), {id: 'wide', innerText: '.'})"
    page.tab.run(f"document.body.append({wide})")
    page.tab.run("document.getElementById('wide').style.width = '5000px'")
    width, beyond = overflowing(page)
    assert width >= 5000
    assert "wide" in beyond[0]
    code = "Object.assign(document.createElement('script'), {textContent: 'window.ran = true'})"
    page.tab.run(f"document.body.append({code})")
    assert page.tab.run("window.ran") is None
    page.tab.run("console.error('seen')")
    assert "Content Security Policy" in tab.tab.complaints[0]
    assert "seen" in tab.tab.complaints[-1]
    page.tab.run("document.getElementById('result').textContent = '77'")
    with pytest.raises(AssertionError):
        shows(page, 1, 4, feature_map())
    tab.tab.complaints.clear()


def test_light_and_dark(tab):
    page = tab.open()
    for dark in (False, True):
        page.tab.resize(*SIZES[0], dark)
        # The page hears of the new scheme in one of the next frames.
        for _ in range(100):
            page.tab.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
            colour = page.tab.run("getComputedStyle(document.body).backgroundColor")
            pixel = page.tab.run(
                "[...document.querySelector('[data-map=\"1\"] > canvas').getContext('2d')"
                ".getImageData(9, 9, 1, 1).data]"
            )
            brightness = [int(colour[4:].split(",")[0]), pixel[0]]
            seen = max(brightness) < 60 if dark else min(brightness) > 200
            if seen:
                break
        assert seen, (dark, brightness)


def test_the_maps_and_the_arithmetic_are_seen_at_once(tab):
    for width, height in SIZES[:2]:
        page = tab.open(width, height)
        bottom = page.tab.run("document.getElementById('result').getBoundingClientRect().bottom")
        assert bottom <= height


def test_all_controls_are_reached_by_tab_in_the_order_in_which_they_are_seen(page):
    page.tab.run("document.activeElement.blur()")
    found = []
    while not found or found[-1] != "summary":
        page.tab.key("Tab")
        found.append(
            page.tab.run(
                "(({id, tagName, parentElement: p}) => id || p.dataset.map || (p.id === 'kernel'"
                "? 'weight' : tagName.toLowerCase()))(document.activeElement)"
            )
        )
        outlined = page.tab.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outlined != "none" or found[-1] == "file"
    assert found == [
        *("sample", "file", "backend", "0", "1", "play", "draw", "ink", "guess", "colours"),
        "tab-0",
        *("named", "kernel-rows", "kernel-columns", *["weight"] * 9),
        *("divisor", "bias", "stride", "dilation", "padding", "boundary", "relu", "flip"),
        "summary",
    ]


def test_labels_and_descriptions(page):
    unnamed = page.tab.run(
        "[...document.querySelectorAll("
        "'input, select, textarea, button, figure:not([hidden]) > canvas')]"
        ".filter((e) => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent))"
        ".map((e) => e.outerHTML)"
    )
    assert unnamed == []
    dangling = page.tab.run(
        "[...document.querySelectorAll('[aria-describedby], [aria-controls], [aria-labelledby]')]"
        ".flatMap((e) => ['describedby', 'controls', 'labelledby'].flatMap((name) => "
        "(e.getAttribute('aria-' + name) ?? '').split(' ').filter(Boolean)))"
        ".filter((id) => !document.getElementById(id))"
    )
    assert dangling == []

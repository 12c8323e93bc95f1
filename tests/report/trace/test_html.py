"""The HTML of a trace, driven in a headless Chromium as its readers drive it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import autodiff_cli
from autodiff_cli.commands.examples import programs
from autodiff_cli.report.trace.html import SCRIPTS
from tests.commands.shell import adiff, validate
from tests.golden import command_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ASSETS = Path(autodiff_cli.__file__).parent / "report" / "trace" / "assets"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: install it, as with `apt-get install chromium`"
)
TWO_XTX = "x = [0, 1, 2, 3]\ny = 2 * dot(x, x)\n"
BACKWARD = "x = 3\ny = x^2\nbackward(y)\nbackward(y)\nzero_grad(x)\nz = y * x\n"
NESTED = """\
x = 2
y = x
for i in range(3) {
    for j in range(2) {
        y = y * x
    }
}
z = y + x
"""
THOUSAND = "x = 3\nz = x\nfor i in range(1000) {\n    z = z + 0.001 * x\n}\ny = z * x\n"
CALLED = "x = 3\nfn f(a) { a * a * a }\ny = f(x) + f(2 * x)\nz = grad(y, x)\nw = z * y\n"
TRACED = {
    name: path
    for name, path in programs().items()
    if not {"--jacobian", "--hessian", "--jvp", "--hvp", "--order"} & {*command_line(path)}
}
VISIBLE = 500


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM)
        running.new_context().new_page()
        yield running
        running.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, program: str, *options: str, name: str = "program.ad") -> Path:
    """The document of a program."""
    (folder / name).write_text(program, encoding="utf-8")
    done = adiff("trace", name, *options, "-q", "-o", "trace.html")
    assert done.status == 0, done.err
    return folder / "trace.html"


@contextmanager
def opened(browser: Browser, path: Path, **context: Any) -> Iterator[Page]:
    """A page, of which nothing may leave but the request for the file, and no complaint come.

    One page shows all documents in turn, without animations that clicks would wait for: that takes
    half of the time. A page whose `context` is to differ is another.
    """
    page = browser.new_context(**context).new_page() if context else browser.contexts[0].pages[0]
    page.set_default_timeout(5000)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(media="screen", reduced_motion="reduce")
    requests: list[str] = []
    complaints: list[str] = []
    listeners: dict[Any, Any] = {
        "request": lambda request: requests.append(request.url),
        "console": lambda message: complaints.append(message.text),
        "pageerror": lambda error: complaints.append(str(error)),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    try:
        page.goto(path.as_uri())
        yield page
        assert requests == [path.as_uri()]
        assert complaints == []
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        if context:
            page.context.close()


def said(page: Page) -> list[str]:
    """What the step says, paragraph by paragraph."""
    return page.locator("#step p").all_inner_texts()


SAID_AND_MORE = """() => [
    [...document.querySelectorAll("#step p")].map((one) => one.innerText),
    document.querySelector("#forward").getAttribute("aria-disabled") === "false",
]"""


def story(page: Page) -> list[list[str]]:
    """All that is said from the first step to the last, by the arrow key."""
    told = []
    is_more = True
    while is_more:
        page.keyboard.press("ArrowRight")
        paragraphs, is_more = page.evaluate(SAID_AND_MORE)
        told.append(paragraphs)
    return told


def embedded(page: Page) -> dict[str, Any]:
    return json.loads(page.locator("#data").text_content() or "")


def box(page: Page, label: str) -> Any:
    return page.locator(f".box[aria-label^='{label}']").first


def at(page: Page, label: str) -> tuple[str, str]:
    """The value and the adjoint that stand at a box."""
    found = box(page, label)
    return (
        found.locator(".value").text_content() or "",
        found.locator(".adjoint").text_content() or "",
    )


def numbers(text: str) -> list[float]:
    return [float(one) for one in re.findall(r"-?(?:\d[\d.]*(?:e[+-]?\d+)?|inf|nan)", text)]


def flat(value: Any) -> list[float]:
    if isinstance(value, list):
        return [number for item in value for number in flat(item)]
    return [float(value)]


# ── the numbers ───────────────────────────────────────────────────────────────────────


@needs_chromium
@pytest.mark.parametrize("name", TRACED)
def test_at_the_end_are_the_numbers_of_eval(
    name: str, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = TRACED[name]
    monkeypatch.chdir(program.parent)
    words = command_line(program)
    result = adiff("eval", *words, "--json").objects[0]
    if "--of" in words:
        place = words.index("--of")
        del words[place : place + 2]
    document = tmp_path / "trace.html"
    traced = adiff("trace", *words, "--of", result["output"], "-q", "-o", str(document))
    assert traced.status == 0, traced.err
    with opened(browser, document) as page:
        page.keyboard.press("End")
        for leaf, gradient in result["gradient"].items():
            if gradient is None or not page.locator(f".box[aria-label^='{leaf},']").count():
                continue
            box(page, f"{leaf},").click()
            shown = page.locator("#history .adjoint").last.inner_text()
            if len(flat(gradient)) <= 8:
                got = numbers(shown.partition("=")[2])
                assert got == pytest.approx(flat(gradient), rel=1e-12, abs=1e-300, nan_ok=True)
        assert_nothing_overlaps(page)


def assert_nothing_overlaps(page: Page) -> None:
    """No two boxes that are not one in the other lie on each other."""
    found = page.evaluate(
        """() => [...document.querySelectorAll(".box:not(.frame) rect")].map((rect) => {
            const { left, right, top, bottom } = rect.getBoundingClientRect();
            return [left, right, top, bottom];
        })"""
    )
    for place, (left, right, top, bottom) in enumerate(found):
        for other in found[:place]:
            assert left >= other[1] or other[0] >= right or top >= other[3] or other[2] >= bottom


@needs_chromium
def test_every_step_is_spelt_out(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, TWO_XTX, "--wrt", "x")) as page:
        assert said(page)[1] == "Nothing has been computed yet."
        told = story(page)
        assert at(page, "x,") == ("[0, 1, 2, 3]", "[0, 4, 8, 12]")
    assert [paragraphs[1] for paragraphs in told] == [
        "x = [0, 1, 2, 3]",
        "v2 = dot(x, x) = dot([0, 1, 2, 3], [0, 1, 2, 3]) = 14",
        "y = 2 × v2 = 2 × 14 = 28",
        "ȳ = 1",
        "v̄2 += ȳ · ∂y/∂v2 = 1 × 2 = 2",
        "x̄ += v̄2 · ∂v2/∂x = 2 × [0, 1, 2, 3] = [0, 2, 4, 6]",
        "x̄ += v̄2 · ∂v2/∂x = 2 × [0, 1, 2, 3] = [0, 2, 4, 6]",
    ]
    assert told[5][-1] == "Sum so far: x̄ = 0 + [0, 2, 4, 6] = [0, 2, 4, 6], and more to come"
    assert told[6][-1] == "Sum so far: x̄ = [0, 2, 4, 6] + [0, 2, 4, 6] = [0, 4, 8, 12]"


@needs_chromium
def test_value_and_adjoint_appear_with_their_step(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, TWO_XTX, "--wrt", "x")) as page:
        seen = []
        for _ in range(8):
            now = [one.get_attribute("aria-label") for one in page.locator(".box.now").all()]
            line = page.locator(".line.now").all_inner_texts()
            seen.append((at(page, "x,"), at(page, "y,"), len(now), "".join(line).strip()))
            page.keyboard.press("ArrowRight")
    x, y = "[0, 1, 2, 3]", "2 * dot(x, x)"
    assert [(a, b, c) for a, b, c, _ in seen] == [
        (("", ""), ("", ""), 0),
        ((x, ""), ("", ""), 1),
        ((x, ""), ("", ""), 1),
        ((x, ""), ("28", ""), 1),
        ((x, ""), ("28", "1"), 1),
        ((x, ""), ("28", "1"), 1),
        ((x, "[0, 2, 4, 6]"), ("28", "1"), 1),
        ((x, "[0, 4, 8, 12]"), ("28", "1"), 1),
    ]
    assert [line for *_, line in seen][:2] == ["", f"1\nx = {x}"]
    assert all(line.endswith(y) for *_, line in seen[2:])


@needs_chromium
def test_each_backward_is_a_pass_where_it_stands(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, BACKWARD, "--wrt", "x")) as page:
        told = story(page)
        assert at(page, "x,")[1] == "27"
    assert [paragraphs[1] for paragraphs in told] == [
        "x = 3",
        "y = x ^ 2 = 3 ^ 2 = 9",
        "ȳ = 1",
        "x̄ += ȳ · ∂y/∂x = 1 × 6 = 6",
        "x.grad += 6: 0 + 6 = 6",
        "ȳ = 1",
        "x̄ += ȳ · ∂y/∂x = 1 × 6 = 6",
        "x.grad += 6: 6 + 6 = 12",
        "cleared: x.grad",
        "z = y × x = 9 × 3 = 27",
        "z̄ = 1",
        "ȳ += z̄ · ∂z/∂y = 1 × 3 = 3",
        "x̄ += z̄ · ∂z/∂x = 1 × 9 = 9",
        "x̄ += ȳ · ∂y/∂x = 3 × 6 = 18",
    ]


@needs_chromium
def test_how_negative_numbers_are_put(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, "x = -2\ny = abs(x) * x\n", "--wrt", "x")) as page:
        told = [paragraphs[1] for paragraphs in story(page)]
    assert told[1:3] == ["v2 = abs(x) = abs(-2) = 2", "y = v2 × x = 2 × (-2) = -4"]


@needs_chromium
def test_numbers_that_are_not_finite(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, "x = 0\ny = sqrt(x^2)\n", "--wrt", "x")) as page:
        page.keyboard.press("End")
        assert at(page, "x,") == ("0", "nan")
        assert "inf" in page.locator("#step").inner_text()


@needs_chromium
def test_an_adjoint_that_every_product_leaves_at_zero(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, "x = 3\ny = (x * 0)^2\n", "--wrt", "x")) as page:
        page.keyboard.press("End")
        assert at(page, "x,")[1] == "0"


# ── loops and calls ───────────────────────────────────────────────────────────────────


def count(page: Page) -> int:
    return int(re.findall(r"of (\d+)", page.locator("#count").inner_text())[0])


@needs_chromium
def test_a_loop_and_the_loop_in_it_unfold(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, NESTED, "--wrt", "x", "--depth", "0")) as page:
        folded = count(page)
        page.keyboard.press("End")
        assert at(page, "x,") == ("2", "449")
        assert page.locator(".box").count() == 3
        page.locator(".box", has_text="for i in range(3)").click()
        assert page.locator(".box").count() == 3 + 3 + 3
        page.locator(".box", has_text="for j in range(2)").first.click()
        assert page.locator(".box").count() == 3 + 3 + 3 + 2 + 2
        assert_nothing_overlaps(page)
        assert count(page) > folded
        page.keyboard.press("End")
        assert at(page, "x,") == ("2", "449")
        page.locator(".box.frame", has_text="for i in range(3)").locator(".head").click()
        assert page.locator(".box").count() == 3
        assert count(page) == folded


@needs_chromium
def test_of_a_thousand_iterations_the_first_and_the_last(browser: Browser, folder: Path) -> None:
    document = written(folder, THOUSAND, "--wrt", "x")
    assert document.stat().st_size < 300_000
    result = adiff("eval", "program.ad", "--wrt", "x", "--json").objects[0]
    with opened(browser, document) as page:
        validate(embedded(page)["trace"], "trace")
        page.locator(".box", has_text="for i in range(1000)").click()
        titles = page.locator(".box.frame .head").all_text_contents()
        assert titles[1:] == [f"▾ iteration {i}" for i in [*range(1, 11), *range(991, 1001)]]
        assert page.locator(".box", has_text="iterations 11–990").count() == 1
        page.keyboard.press("End")
        box(page, "x,").click()
        shown = page.locator("#history .adjoint").last.inner_text()
        assert numbers(shown.partition("=")[2]) == [result["gradient"]["x"]]
        terms = page.locator("#history li").all_inner_texts()
        assert any("from iterations 11–990" in term for term in terms)
        assert_nothing_overlaps(page)


@needs_chromium
def test_what_is_too_much_to_see_opens_folded(browser: Browser, folder: Path) -> None:
    program = NESTED.replace("range(3)", "range(300)").replace("range(2)", "range(30)")
    document = written(folder, program.replace("y * x", "y + 0.001 * x"), "--wrt", "x", "--unfold")
    assert document.stat().st_size < 4_000_000
    with opened(browser, document) as page:
        assert len(embedded(page)["trace"]["rows"]) <= 5_000
        assert page.locator(".box").count() <= VISIBLE


@needs_chromium
def test_calls_and_the_sweep_of_a_grad_unfold(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, CALLED, "--wrt", "x", "--depth", "0")) as page:
        page.keyboard.press("End")
        for title in ("f(x)", "f(2*x)", "grad(y, x)"):
            for shut in page.locator(".box[aria-expanded=false]").all()[:1]:
                shut.click()
            assert at(page, "x,")[1] == "98415", title
        assert page.locator(".box[aria-expanded=false]").count() == 0
        page.keyboard.press("End")
        assert at(page, "x,")[1] == "98415"


@needs_chromium
def test_folding_keeps_the_place_in_the_story(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, NESTED, "--wrt", "x")) as page:
        folded = page.locator(".box[aria-expanded=false]")
        while folded.count():  # what would be too small to read is folded at first
            folded.first.click()
        page.keyboard.press("End")
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        words = said(page)
        loop = page.locator(".box.frame", has_text="for j in range(2)").last.locator(".head")
        loop.click()
        page.locator(".box[aria-expanded=false]").click()
        assert said(page) == words


@needs_chromium
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--lines", "3"), "v̄4 += c̄ · ∂c/∂v4 = 11 × 6 = 66"),
        (("--only", "b"), "b̄ += c̄ · ∂c/∂b = 11 × 12 = 132"),
        (("--lines", "1"), "Sum so far: ā = 144 + 270 = 414"),
    ],
)
def test_a_part_of_a_program(
    options: tuple[str, ...], told: str, browser: Browser, folder: Path
) -> None:
    program = "a = 3\nb = 2 * a\nc = b * (a + 9)\nd = c * (a + 8) + b * a\n"
    with opened(browser, written(folder, program, "--wrt", "a,b", *options)) as page:
        steps = story(page)
        assert any(told in paragraph for step in steps for paragraph in step), steps
        for shown in page.locator(".box").all():
            shown.click()
            assert "undefined" not in page.locator("main").inner_text()


@needs_chromium
def test_a_program_without_a_graph(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, "x = 2\ny = 3\n", "--wrt", "x")) as page:
        story(page)
        assert page.locator("#result").inner_text().startswith("y = 3")


@needs_chromium
def test_whole_arrays_on_request(browser: Browser, folder: Path) -> None:
    program = "x = concat(zeros(75000), ones(75000))\ny = sum(x^2)\n"
    with opened(browser, written(folder, program, "--wrt", "x", "--full")) as page:
        page.keyboard.press("End")
        assert at(page, "x,") == ("(150000) 0 … 1", "(150000) 0 … 2")
        assert said(page)[-1] == "Sum so far: x̄ = 0 + [(150000) 0 … 2] = (150000) 0 … 2"


# ── how it is driven ──────────────────────────────────────────────────────────────────


@needs_chromium
def test_by_keyboard_alone(browser: Browser, folder: Path) -> None:
    def focused(what: str) -> Any:
        return page.evaluate(f"document.activeElement.{what}")

    with opened(browser, written(folder, NESTED, "--wrt", "x", "--depth", "0")) as page:
        page.keyboard.press("End")
        last = page.locator("#count").inner_text()
        page.keyboard.press("Home")
        assert page.locator("#count").inner_text().startswith("step 0 ")
        reached = []
        while "box" not in (focused("className.baseVal") or ""):
            page.keyboard.press("Tab")
            reached.append(focused("id"))
            assert len(reached) < 20
        assert {"source", "history"} <= {*reached}
        page.keyboard.press("ArrowDown")
        assert focused("getAttribute('aria-expanded')") == "false"
        outline = page.evaluate(
            "getComputedStyle(document.activeElement.querySelector('rect')).strokeWidth"
        )
        assert float(outline.removesuffix("px")) >= 2
        page.keyboard.press("Enter")
        assert focused("getAttribute('aria-expanded')") == "true"
        page.keyboard.press("Enter")
        assert focused("getAttribute('aria-expanded')") == "false"
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        assert page.locator("#history h2").inner_text() == "x"
        reached.clear()
        while focused("id") != "slider":
            page.keyboard.press("Tab")
            reached.append(focused("id"))
            assert len(reached) < 20
        assert {"first", "back", "play", "forward", "last"} <= {*reached}
        page.keyboard.press("ArrowRight")
        assert page.locator("#count").inner_text().startswith("step 1 ")
        page.keyboard.press("End")
        assert page.locator("#count").inner_text() == last


@needs_chromium
def test_play_and_pause(browser: Browser, folder: Path) -> None:
    document = written(folder, TWO_XTX, "--wrt", "x")
    with browser.new_context() as context:
        page = context.new_page()
        page.clock.install()
        page.goto(document.as_uri())
        page.keyboard.press(" ")
        assert page.locator("#play").inner_text().endswith("Pause")
        page.clock.run_for(2500)
        assert page.locator("#count").inner_text().startswith("step 2 ")
        page.keyboard.press(" ")
        page.clock.run_for(2500)
        assert page.locator("#count").inner_text().startswith("step 2 ")
        page.locator("#play").click()
        page.clock.run_for(60_000)
        assert page.locator("#count").inner_text().startswith("step 7 of 7")
        assert page.locator("#play").inner_text().endswith("Play")


@needs_chromium
def test_buttons_and_slider(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, TWO_XTX, "--wrt", "x")) as page:
        steps = []
        for button in ("last", "back", "first", "forward"):
            page.locator(f"#{button}").click()
            steps.append(page.locator("#count").inner_text().split()[1])
        assert steps == ["7", "6", "0", "1"]
        page.locator("#slider").fill("5")
        assert said(page)[1] == "v̄2 += ȳ · ∂y/∂v2 = 1 × 2 = 2"


@needs_chromium
def test_the_slider_is_dragged(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, TWO_XTX, "--wrt", "x")) as page:
        slider = page.locator("#slider").bounding_box()
        assert slider is not None
        middle = slider["y"] + slider["height"] / 2
        page.mouse.move(slider["x"] + 8, middle)
        page.mouse.down()
        seen = []
        for share in (0.5, 0.98):
            page.mouse.move(slider["x"] + share * slider["width"], middle)
            seen.append((page.locator("#count").inner_text(), at(page, "x,")[1]))
        page.mouse.up()
    assert seen == [("step 4 of 7 · reverse", ""), ("step 7 of 7 · reverse", "[0, 4, 8, 12]")]


@needs_chromium
def test_the_line_of_a_step_is_in_sight(browser: Browser, folder: Path) -> None:
    program = "x = 2\n" + "# far away\n" * 200 + "y = x^2\n"
    with opened(browser, written(folder, program, "--wrt", "x")) as page:
        for key, line in (("End", 202), ("Home", None), ("ArrowRight", 1)):
            page.keyboard.press(key)
            if line:
                shown = page.locator(".line.now").bounding_box()
                around = page.locator("#source").bounding_box()
                assert shown is not None
                assert around is not None
                assert page.locator(".line.now b").inner_text() == str(line)
                assert around["y"] <= shown["y"]
                assert shown["y"] + shown["height"] <= around["y"] + around["height"]


SETTLED = """() => new Promise((resolve) => {
    const graph = document.querySelector("#graph");
    let [last, still] = [-1, 0];
    const look = () => {
        still = graph.scrollLeft === last ? still + 1 : 0;
        last = graph.scrollLeft;
        if (still < 30) requestAnimationFrame(look);
        else resolve();
    };
    look();
})"""


@needs_chromium
def test_the_box_of_a_step_is_in_sight(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, THOUSAND, "--wrt", "x", "--unfold")) as page:
        page.emulate_media(reduced_motion="no-preference")
        around = page.locator("#graph").bounding_box()
        assert around is not None
        for presses in (20, 41, 12):
            for _ in range(presses):
                page.keyboard.press("ArrowRight")
            page.evaluate(SETTLED)
            shown = page.locator(".box.now rect").bounding_box()
            assert shown is not None
            assert around["x"] <= shown["x"]
            assert shown["x"] + shown["width"] <= around["x"] + around["width"]


@needs_chromium
def test_what_is_folded_again_can_be_read(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, THOUSAND, "--wrt", "x")) as page:
        page.locator(".box", has_text="for i in range(1000)").click()
        page.locator("#fit").click()
        whole, graph = page.locator("#graph > svg").bounding_box(), page.locator("#graph")
        around = graph.bounding_box()
        assert whole is not None
        assert around is not None
        assert whole["width"] <= around["width"]
        page.evaluate("document.querySelector('.box.frame .head').parentNode.focus()")
        page.keyboard.press("Enter")
        shown = page.locator(".box rect").first.bounding_box()
        assert shown is not None
        assert shown["height"] > 30


@needs_chromium
def test_a_history_stays_while_it_is_read(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, TWO_XTX, "--wrt", "x")) as page:
        box(page, "x,").click()
        title = page.locator("#history h2")
        for button in page.locator("#history button").all():
            button.click()
            assert title.inner_text() == "x"
        assert page.locator("#count").inner_text() == "step 7 of 7 · reverse"
        told = []
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
            told.append(title.inner_text())
        assert told == ["x", "v2", "y"]


@needs_chromium
def test_a_node_tells_its_history(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, TWO_XTX, "--wrt", "x")) as page:
        box(page, "v2,").click()
        history = page.locator("#history").inner_text()
        for part in ("v2", "dot(x, x) · line 2", "14", "x̄ = v̄2 * x", "v̄2 = 2"):
            assert part in history
        page.locator("#history button", has_text="step 5").click()
        assert said(page)[1] == "v̄2 += ȳ · ∂y/∂v2 = 1 × 2 = 2"


@needs_chromium
def test_what_a_screen_reader_is_told(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, TWO_XTX, "--wrt", "x")) as page:
        assert page.locator("#step").get_attribute("aria-live") == "polite"
        page.keyboard.press("End")
        labels = [one.get_attribute("aria-label") for one in page.locator(".box").all()]
        assert labels == [
            "x, an input, value [0, 1, 2, 3], adjoint [0, 4, 8, 12]",
            "v2, dot(x, x), value 14, adjoint 2",
            "y, 2 * dot(x, x), value 28, adjoint 1",
        ]
        nameless = "button:not([aria-label]):empty, input:not([aria-label]), .box:not([aria-label])"
        assert page.locator(nameless).count() == 0


# ── how it looks ──────────────────────────────────────────────────────────────────────

CONTRASTS = """(selectors) => selectors.map((selector) => {
    const light = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    }).reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    let element = document.querySelector(selector);
    const style = getComputedStyle(element);
    const ink = light(element.closest("svg") ? style.fill : style.color);
    let paper;
    do {
        const color = getComputedStyle(element).backgroundColor;
        if (color !== "rgba(0, 0, 0, 0)") paper ??= light(color);
        element = element.parentElement;
    } while (element);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
})"""


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(scheme: Any, browser: Browser, folder: Path) -> None:
    document = written(folder, TWO_XTX, "--wrt", "x")
    with opened(browser, document, color_scheme=scheme) as page:
        page.keyboard.press("End")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = sum(map(int, re.findall(r"\d+", paper)[:3]))
        assert (brightness > 380) == (scheme == "light")
        selectors = (
            "h1",
            "#result .value",
            "#result .adjoint",
            ".line.now code",
            ".line b",
            "#step .about",
            "#step .adjoint",
            "#count",
            "#keys",
            "svg .value",
            "svg .adjoint",
            "svg .main",
            "svg .sub",
        )
        contrasts = page.evaluate(CONTRASTS, selectors)
        assert {s: c for s, c in zip(selectors, contrasts, strict=True) if c < 4.5} == {}


@needs_chromium
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_sticks_out_of_the_window(
    size: tuple[int, int], browser: Browser, folder: Path
) -> None:
    with opened(browser, written(folder, NESTED, "--wrt", "x")) as page:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.keyboard.press("End")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        shown = page.locator("#graph").bounding_box()
        assert shown is not None
        assert shown["height"] > 250


@needs_chromium
def test_on_paper_are_the_end_and_a_table(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, TWO_XTX, "--wrt", "x")) as page:
        page.keyboard.press("ArrowRight")
        page.emulate_media(media="print")
        page.locator("#table td").first.wait_for()
        assert at(page, "x,") == ("[0, 1, 2, 3]", "[0, 4, 8, 12]")
        assert page.locator("#table tbody tr").all_inner_texts() == [
            "x\tx\t[0, 1, 2, 3]\t[0, 4, 8, 12]\t1",
            "v2\tdot(x, x)\t14\t2\t2",
            "y\t2 * dot(x, x)\t28\t1\t2",
        ]
        assert not page.locator("footer").is_visible()
        assert page.locator("#source").is_visible()
        page.emulate_media(media="screen")
        page.locator("#table td").first.wait_for(state="detached")
        assert page.locator("#count").inner_text().startswith("step 1 ")


@needs_chromium
def test_nothing_moves_for_who_wants_it_still(browser: Browser, folder: Path) -> None:
    document = written(folder, TWO_XTX, "--wrt", "x")
    durations = []
    motions: list[Any] = ["no-preference", "reduce"]
    with opened(browser, document) as page:
        for motion in motions:
            page.emulate_media(reduced_motion=motion)
            style = "getComputedStyle(document.querySelector('.box rect')).transitionDuration"
            durations.append(max(numbers(page.evaluate(style).replace("s", ""))))
    assert durations[0] > durations[1] == 0


# ── what it is made of ────────────────────────────────────────────────────────────────


@needs_chromium
def test_no_text_of_a_user_is_markup(browser: Browser, folder: Path) -> None:
    name = "<img src=x onerror=hacked()>&amp;.ad"
    nasty = "</script><script>hacked()</script><!-- <script> @@data@@ \u2028 </style>"
    program = f"x = 2 # {nasty}\ny = x^2 # <img src=x onerror=hacked()>\n"
    with opened(browser, written(folder, program, "--wrt", "x", name=name)) as page:
        page.keyboard.press("End")
        assert page.locator("h1").inner_text() == name
        assert name in page.title()
        assert nasty.partition("\u2028")[0].strip() in page.locator(".line").first.inner_text()
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 2
        assert at(page, "x,") == ("2", "4")


def test_the_policy_lets_nothing_in_or_out(folder: Path) -> None:
    text = written(folder, TWO_XTX, "--wrt", "x").read_text(encoding="utf-8")
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'", policy
    )
    assert not re.search(r"\s(?:src|href|style|on\w+)=", text.partition('id="data"')[0])


def test_each_part_of_the_script_imports_from_those_before_it() -> None:
    assert {f"{name}.js" for name in SCRIPTS} == {path.name for path in ASSETS.glob("*.js")}
    for place, name in enumerate(SCRIPTS):
        part = (ASSETS / f"{name}.js").read_text(encoding="utf-8")
        assert {*re.findall(r'^import [^;]* from "\./(\w+)\.js";', part, re.M)} <= {
            *SCRIPTS[:place]
        }


def test_our_own_script_and_styles_are_linted_and_formatted() -> None:
    biome = shutil.which("biome", path=str(Path(sys.executable).parent))
    assert biome is not None, "biome is missing: pip install -e '.[test]'"
    done = subprocess.run(
        [
            biome,
            "ci",
            f"--config-path={Path(__file__).parent}",
            "--error-on-warnings",
            *ASSETS.glob("*.js"),
            *ASSETS.glob("*.css"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


WIDE = " + ".join(f"sin(a{i}) * b{i}" for i in range(12))
NAMES_OF_WIDE = [f"{name}{i}=1" for i in range(12) for name in "ab"]
LOOPED = "y = x; for i in range(30) { y = sin(y) * x + cos(y) }; y"


@needs_chromium
@pytest.mark.parametrize(
    "program", [("-e", WIDE, *NAMES_OF_WIDE), ("-e", LOOPED, "x=1")], ids=["flat", "a loop"]
)
def test_a_page_opens_fitted_to_its_window(
    program: tuple[str, ...], browser: Browser, folder: Path
) -> None:
    file = folder / "fitted.html"
    assert adiff("trace", *program, "-o", str(file)).status == 0
    with opened(browser, file, viewport={"width": 800, "height": 600}) as page:
        for width, height in ((800, 600), (1280, 720), (900, 700)):
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate(SETTLED)
            around = page.locator("#graph").bounding_box()
            assert around is not None
            for box in page.locator(".box").all():
                at = box.bounding_box()
                assert at is not None
                assert around["x"] <= at["x"]
                assert at["x"] + at["width"] <= around["x"] + around["width"]
                if program[1] == WIDE:
                    continue  # too much to be read at once: it goes on below
                assert around["y"] <= at["y"]
                assert at["y"] + at["height"] <= around["y"] + around["height"]


FLAT = {
    "a long chain": "x = 1\n" + "y = x\n" + "y = sin(y) + 1\n" * 40,
    "many inputs": "y = sum([" + ", ".join(f"x{i}^2" for i in range(18)) + "])",
    "a staircase": "y = " + " + ".join(f"sin(x{i}) * {i}" for i in range(18)),
}
LEAST_LETTERS = 4.0
"""Pixels, of the smaller text in a box: below that nobody reads it."""


@pytest.mark.parametrize("name", FLAT)
def test_a_graph_too_wide_for_its_window_is_in_lines_that_can_be_read(
    name: str, browser: Browser, folder: Path
) -> None:
    given = [f"x{i}=1" for i in range(18)] if "x17" in FLAT[name] else ["--wrt", "x"]
    with opened(browser, written(folder, FLAT[name], *given)) as page:
        around = page.locator("#graph").bounding_box()
        assert around is not None
        boxes = [box.bounding_box() for box in page.locator(".box rect").all()]
        for one in boxes:
            assert one is not None
            assert around["x"] <= one["x"]
            assert one["x"] + one["width"] <= around["x"] + around["width"]
        for i, one in enumerate(boxes):
            for other in boxes[:i]:
                assert one is not None
                assert other is not None
                assert (
                    one["x"] + one["width"] <= other["x"]
                    or other["x"] + other["width"] <= one["x"]
                    or one["y"] + one["height"] <= other["y"]
                    or other["y"] + other["height"] <= one["y"]
                )
        texts = page.locator(".box .sub").all()
        sizes = [box["height"] for box in (text.bounding_box() for text in texts) if box]
        assert min(size for size in sizes if size) >= LEAST_LETTERS


def test_a_wire_to_the_next_line_ends_where_it_is_used(browser: Browser, folder: Path) -> None:
    with opened(browser, written(folder, FLAT["a long chain"], "--wrt", "x")) as page:
        ways = [path.get_attribute("d") or "" for path in page.locator(".wire").all()]
        turning = [way for way in ways if "V" in way]
        assert len(ways) == 80
        tops = {
            round(box["y"])
            for box in (each.bounding_box() for each in page.locator(".box rect").all())
            if box
        }
        assert len(turning) == len(tops) - 1 > 1

"""The page of a report in a browser: ``make browser`` runs these alone; skipped without one.

Needs a Chromium on the path (Debian: ``apt install chromium``).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emergence import Records, simulate
from emergence.report.analysis import analyse
from emergence.report.page import write_report

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path")

NAMES = ("jumpy", "<b>smooth & co</b>", "$\\frac$ of 中文", "flat one", "=cmd|' /C calc'!A0")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = []
    for i, name in enumerate(NAMES):
        shape = "jump" if i % 2 == 0 else "logistic"
        frame = simulate(shape, n=60, n_runs=5, task=name, rng=i).to_frame()
        if name.startswith("flat"):
            frame["value"] = frame["value"].mean() + (frame["value"] - frame["value"].mean()) / 50
        size = frame["run"].map({r: 10 ** (7 + k / 2) for k, r in enumerate(set(frame["run"]))})
        frames.append(frame.assign(params=size, tokens=1e9 * (4 - frame["loss"]) ** 3))
    analysis = analyse(Records(pd.concat(frames, ignore_index=True)), n_boot=199)
    folder = tmp_path_factory.mktemp("page")
    return write_report(analysis, folder, source="a.csv", settings={"seed": 0})[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def page(browser: Any, page_file: Path) -> Iterator[Any]:
    """The page, opened; no error and no request to anywhere by the end."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.goto(page_file.as_uri())
    yield page
    page.close()
    assert wrong == []
    inside = ("data:", "blob:", page_file.as_uri())
    assert [url for url in asked if not url.startswith(inside)] == []


def _names(page: Any) -> list[str]:
    return page.eval_on_selector_all(
        "#verdicts tbody tr", "rows => rows.filter(r => !r.hidden).map(r => r.cells[0].innerText)"
    )


def test_sorts_by_number_and_filters(page: Any) -> None:
    head = "#verdicts th button:text-is('rho')"
    values = "rows => rows.map(r => parseFloat(r.cells[COLUMN].dataset.v)).filter(v => !isNaN(v))"
    column = page.eval_on_selector(head, "b => b.parentElement.cellIndex")
    for up in (True, False):
        page.click(head)
        rho = page.eval_on_selector_all("#verdicts tbody tr", values.replace("COLUMN", str(column)))
        assert len(rho) >= 3
        assert rho == sorted(rho, reverse=not up)
    page.fill("#filter", "JUMPY")
    assert len(_names(page)) == 1
    assert page.inner_text("#shown") == f"1 of {len(NAMES)}"


def test_opens_a_task_reads_its_points_and_switches_the_axis(page: Any) -> None:
    page.click("#verdicts a:text-is('jumpy')")
    section = page.url.partition("#")[2]
    box = page.locator(f"#{section} .plotted")
    box.locator("svg.plot").wait_for()
    svg = box.locator("svg.plot")
    assert svg.locator("circle").count() >= 60
    svg.focus()
    page.keyboard.press("ArrowRight")
    tip = box.locator(".tip").inner_text()
    assert "loss" in tip and "run" in tip and "tokens" in tip  # noqa: PT018
    dot = svg.locator("circle").nth(20).bounding_box()
    page.mouse.move(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    assert box.locator(".tip").is_visible()
    box.locator("input[value=compute]").check()
    assert "FLOP" in svg.text_content()


def test_figures_and_the_table_are_taken_along(page: Any, tmp_path: Path) -> None:
    for link, begin in (
        ("section a[download$='.svg']", b"<?xml"),
        ("section a[download$='.pdf']", b"%PDF"),
        ("a[download='verdicts.csv']", b"family,task"),
    ):
        with page.expect_download() as download:
            page.locator(link).first.click()
        download.value.save_as(tmp_path / "file")
        assert (tmp_path / "file").read_bytes().startswith(begin)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_off_the_screen_nor_out_of_reach(page: Any, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    label = page.locator("#verdicts tbody tr .label").first.bounding_box()
    assert label["x"] + label["width"] <= width
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_prints_every_column_and_the_numbers(page: Any) -> None:
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    columns = page.locator("#verdicts th")
    assert all(columns.nth(i).is_visible() for i in range(columns.count()))
    assert all(d.get_attribute("open") is not None for d in page.locator("details").all())
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_the_page_is_whole_without_scripts(browser: Any, page_file: Path) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(page_file.as_uri())
    assert page.locator("section img").count() >= len(NAMES)
    assert page.locator("section img").first.is_visible()
    assert "<b>smooth" in page.inner_text("#verdicts")

"""The site: lessons as pages from disk, alive without kernel, network or server."""

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from esbench.errors import NotFound
from esbench.lessons import course
from esbench.widgets.site import make_site

ROOT = Path(__file__).parents[2]
HOSTILE = (
    "</script><script>alert(1)</script><img src=http://example.org/x onerror=alert(2)>"
)
HOSTILE_LESSON = f"""
import esbench as es
from esbench.domains import bank
from esbench.widgets import hydration
evil = {HOSTILE!r}
log = es.EventLog.temporary(events=bank.EVENTS, clock=es.Clock("2024-01-01"))
log.append(evil, [bank.AccountOpened(owner=evil, initial_balance=1)],
           metadata={{"user_id": evil}})
hydration(log, evil)
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The lessons as pages, zipped and opened elsewhere, as for a projector."""
    folder = tmp_path_factory.mktemp("site")
    made = make_site(ROOT / "notebooks", folder / "made")
    with ZipFile(folder / "site.zip", "w") as pack:
        for page in made:
            pack.write(page, page.name)
    with ZipFile(folder / "site.zip") as pack:
        pack.extractall(folder / "projector laptop")
    return folder / "projector laptop"


@pytest.fixture
def offline(page):
    """A tab without a network."""
    page.context.set_offline(offline=True)
    return page


def is_alive(page) -> bool:
    """Step every stage once and tell whether each sentence changed."""
    stages = page.locator(".es-stage")
    changed = []
    for number in range(stages.count()):
        stage = stages.nth(number)
        before = stage.locator(".es-finding").inner_text()
        stage.focus()
        page.keyboard.press("p")  # without questions
        page.keyboard.press("ArrowRight")
        changed.append(stage.locator(".es-finding").inner_text() != before)
    return bool(changed) and all(changed)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lesson", [one.name for one in course.LESSONS])
def test_each_lesson_opens_from_disk_with_its_stages_alive(
    lesson, theme, site, offline, artefact
):
    """A page of a lesson plays without a network, in both themes."""
    offline.emulate_media(color_scheme=theme)
    offline.goto((site / f"{lesson}.html").as_uri())
    offline.screenshot(path=artefact(f"site-{lesson}-{theme}"), full_page=True)
    assert is_alive(offline)


def test_what_stands_under_a_closed_heading_is_folded(site, offline):
    """A look inside opens with one click, and nothing is folded twice."""
    offline.goto((site / "02_the_event_log.html").as_uri())
    examined = offline.get_by_text("its bytes do not match its digest").first
    assert not examined.is_visible()
    offline.locator("summary", has_text="Look inside, and try to cheat").click()
    assert examined.is_visible()
    assert offline.locator("details details").count() == 0
    assert not offline.get_by_text("return expected is None").is_visible()


def letters(page) -> str:
    """Return the answers of the first stage's question, in the order of letters."""
    return page.locator(".es-answers").first.inner_text()


def test_the_seed_in_the_address_shuffles_the_letters(site, offline):
    """``?seed=n`` takes n mod 26, and another seed asks with other letters."""
    address = (site / "00_start_here.html").as_uri()
    seen = {}
    for seed in (0, 1, 2, 26):
        offline.goto(f"{address}?seed={seed}")
        seen[seed] = letters(offline)
    assert seen[0] == seen[26]
    assert len(set(seen.values())) > 1


def test_the_seed_goes_along_from_page_to_page(site, offline):
    """A class that opens the index with its word keeps the word in every lesson."""
    offline.goto((site / "index.html").as_uri() + "?class=monday")
    offline.get_by_role("link").first.click()
    offline.locator(".es-stage").first.wait_for()
    assert offline.url.endswith("00_start_here.html?class=monday")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
def test_the_first_page_leads_on(width, theme, site, offline, artefact):
    """A picture that moves, routes with minutes, and a card with a still per lesson."""
    offline.set_viewport_size({"width": width, "height": 900})
    offline.emulate_media(color_scheme=theme)
    offline.goto((site / "index.html").as_uri())
    offline.screenshot(path=artefact(f"site-index-{width}-{theme}"), full_page=True)
    assert is_alive(offline)
    assert offline.evaluate("document.documentElement.scrollWidth") == width
    for route in course.ROUTES:
        row = offline.get_by_role("row", name=route.who)
        assert row.get_by_role("cell").last.inner_text() == str(route.minutes)
    cards = offline.locator(".cards li")
    told = [card.inner_text() for card in cards.all()]
    assert len(told) == len(course.LESSONS)
    for lesson, text in zip(course.LESSONS, told, strict=True):
        assert lesson.title in text
        assert f"{lesson.minutes} minutes" in text
    stills = cards.locator("img").all()
    assert len(stills) == len(told)
    assert all(one.evaluate("image => image.naturalWidth") > 500 for one in stills)


def test_hostile_texts_stay_texts(tmp_path, offline):
    """An owner, an id and metadata full of markup open no dialog and load nothing."""
    lessons = tmp_path / "notebooks"
    lessons.mkdir()
    write_lesson(lessons / "09_hostile.ipynb", [HOSTILE_LESSON, "log", "print(evil)"])
    pages = make_site(lessons, tmp_path / "site")
    offline.goto(pages[-1].as_uri())
    assert is_alive(offline)
    assert offline.get_by_text("onerror=alert(2)").count() > 0


def test_a_lesson_that_does_not_run_is_named(tmp_path):
    """A broken lesson stops the making with its name, and no page of it is left."""
    write_lesson(tmp_path / "09_broken.ipynb", ["1 / 0"])
    with pytest.raises(RuntimeError, match=r"09_broken\.ipynb does not run"):
        make_site(tmp_path, tmp_path / "site")
    assert list((tmp_path / "site").glob("*.html")) == []


def test_a_folder_without_lessons_is_told(tmp_path):
    """Where there is no lesson, the error says so."""
    with pytest.raises(NotFound, match="no lesson"):
        make_site(tmp_path, tmp_path / "site")
    shutil.rmtree(tmp_path)


def write_lesson(path: Path, cells: list[str]) -> None:
    """Write a notebook of code cells without outputs."""
    from nbformat import v4

    book = v4.new_notebook(
        cells=[
            v4.new_code_cell(text, id=f"cell-{number}")
            for number, text in enumerate(cells)
        ]
    )
    path.write_text(json.dumps(book), encoding="utf-8")

"""Addresses of pages that moved."""

from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

from covidcxr.book import sphinx_redirects
from tests.conftest import PAGES

MOVED = yaml.safe_load(Path("_config.yml").read_text("utf-8"))["sphinx"]["config"]["redirects"]


def test_no_page_moved_onto_itself_and_each_leads_to_a_page() -> None:
    pages = {f"book/{page}" for page in PAGES}
    assert MOVED
    assert not MOVED.keys() & pages
    assert {new.partition("#")[0] for new in MOVED.values()} <= pages


@pytest.mark.parametrize(
    ("asked", "answer"), [("old.html", "new.html#part"), ("old.html#there", "new.html#there")]
)
def test_a_browser_is_led_on_and_keeps_its_anchor(
    browser: Browser, tmp_path: Path, asked: str, answer: str
) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/old.html").write_text(sphinx_redirects.page("a/b/old", "a/c/new#part"))
    (tmp_path / "a/c").mkdir()
    (tmp_path / "a/c/new.html").write_text("<p>new</p>")
    page = browser.new_page()
    page.goto(f"{(tmp_path / 'a/b').as_uri()}/{asked}")
    page.wait_for_url(f"{(tmp_path / 'a/c').as_uri()}/{answer}")
    page.close()


def test_without_scripts_the_address_is_there() -> None:
    text = sphinx_redirects.page("book/run/old", "book/run/new")
    assert 'content="1; url=new.html"' in text
    assert '<a href="new.html">' in text

"""The documentation's site: built without a warning, its links lead somewhere, nothing is loaded from elsewhere."""

import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pytest
from bs4 import BeautifulSoup
from documents import ROOT

import ave_sklearn
from ave_sklearn._sklearn import DocLinkMixin, page_template

pytestmark = pytest.mark.slow
BUILT = shutil.ignore_patterns("_build", "gallery", "ave_sklearn.*.rst")  # what an earlier build left in the folder
LOADED = {"script": "src", "img": "src", "video": "src", "source": "src", "iframe": "src", "link": "href"}


class Page:
    """A page of the site: where its links lead, what it loads, and which places of it have a name."""

    def __init__(self, path):
        self.path = path
        self.html = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    @cached_property
    def names(self):
        return {tag["id"] for tag in self.html.find_all(id=True)}

    @property
    def loaded(self):
        return [tag[key] for name, key in LOADED.items() for tag in self.html.find_all(name) if tag.get(key)]

    @property
    def links(self):
        return [tag["href"] for tag in self.html.find_all("a", href=True)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site; the gallery's examples are shown there, not run, which `test_examples.py` does."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "docs", source / "docs", ignore=BUILT)
    shutil.copytree(ROOT / "examples", source / "examples")
    for path in ROOT.glob("*.md"):
        shutil.copy(path, source)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "plot_gallery=0", "docs", "html"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return source / "html"


@pytest.fixture(scope="module")
def pages(site):
    return read_pages(site)


def read_pages(site):
    """Return the pages of a site by their paths."""
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def find_broken(pages):
    """Return (page, link) of the links that lead to no file, or to no place in it."""
    broken = []
    for page in pages.values():
        for link in page.links + page.loaded:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (page.path.parent / unquote(url.path)).resolve() if url.path else page.path
            named = not url.fragment or target not in pages or unquote(url.fragment) in pages[target].names
            if not (target.is_file() and named):
                broken.append((page.path.name, link))
    return broken


def test_every_link_within_the_site_leads_somewhere(pages):
    assert len(pages) > 100
    assert find_broken(pages) == []


def test_a_broken_link_is_found(tmp_path):
    text = '<p id="here"><a href="#here">a</a><a href="#there">b</a><a href="gone.html">c</a><img src="a.html"></p>'
    (tmp_path / "a.html").write_text(text)
    assert find_broken(read_pages(tmp_path)) == [("a.html", "#there"), ("a.html", "gone.html")]


def test_nothing_is_loaded_from_elsewhere(pages):
    assert [(page.path.name, url) for page in pages.values() for url in page.loaded if urlsplit(url).netloc] == []


@pytest.mark.parametrize("name", ["PSPLocalizer", "WeakPSPLocalizer", "EventLocalizer", "WeakEventLocalizer"])
def test_the_page_of_an_estimator_is_where_its_html_links_to(site, name, monkeypatch):
    monkeypatch.setattr(DocLinkMixin, "_doc_link_template", page_template(site.as_uri()))
    link = getattr(ave_sklearn, name)()._get_doc_link()
    assert Path(url2pathname(urlsplit(link).path)).is_file()


def has_text(picture):
    """Whether a picture is said in words; a thumbnail of the gallery is by the title beside it."""
    thumbnail = picture.find_parent(class_="sphx-glr-thumbcontainer")
    return bool(picture.get("alt") or (thumbnail and thumbnail.a.get_text(strip=True)))


def test_a_summary_names_no_work_by_a_number_of_another_page(site):
    tables = [table for name in ("index", "nn") for table in Page(site / f"api/{name}.html").html.find_all("table")]
    texts = [row.get_text(" ", strip=True) for table in tables for row in table.find_all("tr")]
    assert len(texts) > 100
    assert [text for text in texts if re.search(r"\[\S*\d+\]", text)] == []


def test_every_page_has_one_title_and_pictures_have_a_text(pages):
    for path, page in pages.items():
        if path.name in ("search.html", "genindex.html", "py-modindex.html"):
            continue
        assert len(page.html.find_all("h1")) == 1, path
        assert [str(picture) for picture in page.html.find_all("img") if not has_text(picture)] == [], path

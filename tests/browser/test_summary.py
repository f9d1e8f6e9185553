"""What stands at the top where there is truth: scores, confusion and the worst videos."""

import pytest
from playwright.sync_api import expect
from report_contents import make_report_content

from browser.driving import read_rows, row
from browser.reports import read_videos, write_page

N_VIDEOS, N_CLASSES = 30, 5


@pytest.fixture(scope="module")
def content():
    return make_report_content(N_VIDEOS, n_classes=N_CLASSES, seed=5)


@pytest.fixture(scope="module")
def report(content, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("summary") / "report.html", content)


@pytest.fixture
def page(report, visit):
    return visit(report)


def test_the_scores_stand_above_their_reference_lines(page, content):
    rows = page.locator("#scores tbody tr")
    expect(rows).to_have_count(3)
    for line, score in zip(rows.all(), content["summary"]["scores"], strict=True):
        text = line.inner_text()
        assert score["name"] in text
        for value in (score["segment_accuracy"], score["event_f1"]):
            assert f"{value:.3f}" in text


def cell(page, true, predicted):
    return page.locator(f'#confusion button[data-row="{true}"][data-column="{predicted}"]')


def test_the_confusion_has_all_its_counts(page, content):
    counts = content["summary"]["confusion"]
    for true in range(N_CLASSES):
        for predicted in range(N_CLASSES):
            if counts[true][predicted]:
                expect(cell(page, true, predicted)).to_have_text(str(counts[true][predicted]))
            else:
                expect(cell(page, true, predicted)).to_have_count(0)


def pairs(content):
    counts = content["summary"]["confusion"]
    return [(t, p) for t in range(N_CLASSES) for p in range(N_CLASSES) if t != p and counts[t][p]]


def holding(content, true, predicted):
    return [v.index for v in read_videos(content) if ((v.true == true) & (v.predicted == predicted)).any()]


def test_a_cell_of_the_confusion_filters_the_list(page, content):
    wanted = [pair for pair in pairs(content) if 0 < len(holding(content, *pair)) < N_VIDEOS]
    assert len(wanted) > 2
    for true, predicted in wanted[:3]:
        cell(page, true, predicted).click()
        found = holding(content, true, predicted)
        expect(page.locator("#count")).to_have_text(f"{len(found)} of {N_VIDEOS} videos")
        assert read_rows(page) == found


def test_the_filter_of_a_cell_is_taken_back(page, content):
    cell(page, *pairs(content)[0]).click()
    page.locator("#pair-clear").click()
    assert read_rows(page) == list(range(N_VIDEOS))


def test_the_worst_videos_are_links_to_them(page, content):
    worst = content["summary"]["worst"]
    links = page.locator("#worst").get_by_role("link")
    expect(links).to_have_count(len(worst))
    for link, video in zip(links.all(), worst, strict=True):
        assert content["videos"][video]["name"] in link.inner_text()
    links.nth(2).click()
    expect(page.locator("#detail")).to_have_attribute("data-video", str(worst[2]))
    expect(row(page, worst[2])).to_have_attribute("aria-current", "true")


def test_without_truth_there_are_no_scores(tmp_path, visit):
    page = visit(write_page(tmp_path / "report.html", make_report_content(5, truth=False)))
    for part in ("#scores", "#confusion", "#worst", "#filter-where", "#filter-disagreement"):
        expect(page.locator(part)).to_have_count(0)
    expect(page.locator("#no-truth")).to_be_visible()


def test_notes_stand_at_the_top(tmp_path, visit):
    content = make_report_content(5) | {"notes": ["one note", "another"]}
    page = visit(write_page(tmp_path / "report.html", content))
    expect(page.locator("#notes li")).to_have_text(["one note", "another"])


def test_arrow_keys_move_among_the_cells_of_the_confusion(page, content):
    counts = content["summary"]["confusion"]
    assert counts[0][0] and counts[0][4] and counts[4][4]
    cell(page, 0, 0).focus()
    for key, steps in (("ArrowRight", 4), ("ArrowDown", 4)):
        for _ in range(steps):
            page.keyboard.press(key)
    expect(cell(page, 4, 4)).to_be_focused()
    page.keyboard.press("Enter")
    found = holding(content, 4, 4)
    expect(page.locator("#count")).to_have_text(f"{len(found)} of {N_VIDEOS} videos")


def test_more_labels_than_a_table_holds_are_a_list_of_pairs(tmp_path, visit):
    content = make_report_content(120, n_classes=60, seed=1)
    page = visit(write_page(tmp_path / "report.html", content))
    counts = content["summary"]["confusion"]
    n = max(counts[t][p] for t in range(60) for p in range(60) if t != p)
    first = page.locator("#confusion button").first
    expect(first).to_contain_text(str(n))
    first.click()
    pair = int(first.get_attribute("data-row")), int(first.get_attribute("data-column"))
    assert counts[pair[0]][pair[1]] == n
    assert read_rows(page) == holding(content, *pair)

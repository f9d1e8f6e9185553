"""What several files of browser tests do with a page: choose a video, read the list, wait for what the page shows."""

# The list draws only what is in view, so it is read while it is scrolled from its top to its end.
READ_ROWS = """async () => {
    const box = document.querySelector("#rows");
    const places = new Map();
    const frame = () => new Promise(requestAnimationFrame);
    for (let top = 0; ; top += box.clientHeight / 2) {
        box.scrollTop = top;
        await frame();
        await frame();
        for (const row of box.querySelectorAll("[data-video]"))
            places.set(Number(row.dataset.video), row.getBoundingClientRect().top + box.scrollTop);
        if (top + box.clientHeight >= box.scrollHeight) break;
    }
    box.scrollTop = 0;
    await frame();
    await frame();
    return [...places].sort((a, b) => a[1] - b[1]).map(([video]) => video);
}"""


def read_rows(page):
    """Return the numbers of the videos in the list, from its top to its end."""
    return page.evaluate(READ_ROWS)


def row(page, video):
    """Return the row of a video, which must be in view."""
    return page.locator(f'#rows [data-video="{video}"]')


def choose(page, video):
    """Choose a video by a click on its row, and wait until its details are there."""
    row(page, video).click()
    page.locator(f'#detail[data-video="{video}"]').wait_for()


def selected_hash(page):
    """Return what stands behind the # of the address."""
    return page.evaluate("location.hash")

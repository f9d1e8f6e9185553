"""One headless Chromium for this folder, and pages that fail a test by an error, a violation or a request elsewhere."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

FOLDER = Path(__file__).parent
NAMES = ("chromium", "google-chrome", "chromium-browser")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
PATIENCE = 30_000  # ms; tests wait for what they look for, so only a failure takes so long
expect.set_options(timeout=PATIENCE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Skip the tests of this folder where there is no browser, and say so; all of them are slow."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.slow)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="there is no chromium here, and CHROMIUM does not name one"))


# An event loop runs in this thread as long as Playwright does: it ends with the folder, before other tests need theirs.
@pytest.fixture(scope="package")
def browser():
    """The browser of this folder."""
    with sync_playwright() as playwright:
        options = ["--autoplay-policy=no-user-gesture-required"]
        if getattr(os, "geteuid", lambda: 1)() == 0:
            options.append("--no-sandbox")  # Chromium refuses to start its sandbox as root
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


class Watch:
    """What pages did that a report must not do."""

    def __init__(self):
        self.faults = []
        self.allowed = []

    def allow(self, text):
        """Let messages that hold this text pass, because the test brings them about."""
        self.allowed.append(text)

    def follow(self, context):
        """Note errors, dialogs, and requests that leave this machine."""
        context.on("console", self.note_message)
        context.on("weberror", lambda error: self.faults.append(f"error: {error.error}"))
        context.on("request", self.note_request)
        context.on("dialog", self.note_dialog)

    def note_message(self, message):
        if message.type in ("error", "warning", "assert"):
            self.faults.append(f"{message.type}: {message.text}")

    def note_dialog(self, dialog):
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note_request(self, request):
        if not request.url.startswith(("file:", "data:", "http://127.0.0.1:")):
            self.faults.append(f"request: {request.url}")

    def check(self):
        """Fail if anything was noted that is not allowed."""
        faults = [fault for fault in self.faults if not any(text in fault for text in self.allowed)]
        assert not faults, "\n".join(faults)


@pytest.fixture
def watch():
    """What the pages of a test did wrong; the test fails by it at its end."""
    watch = Watch()
    yield watch
    watch.check()


@pytest.fixture
def visit(browser, watch):
    """Return a function that opens a report, a path or an address, in a browser window that nothing else has used.

    A report allows no `eval`, so `wait_for_function` takes functions; an expression is read by `eval` again and again.
    """
    contexts = []

    def visit(address, width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        watch.follow(context)
        page = context.new_page()
        page.goto(address.as_uri() if isinstance(address, Path) else address)
        return page

    yield visit
    for context in contexts:
        context.close()

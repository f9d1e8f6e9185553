"""The Content-Security-Policy of a report, from a file: what somebody who got text into the page could not do."""

import re

import pytest
from report_contents import make_report_content

from browser.reports import write_page

ADD = "document.body.append(Object.assign(document.createElement"
TRIES = {
    "script-src-elem": f"{ADD}('script'), {{textContent: 'broken = 1'}}))",
    "script-src-attr": "document.body.setAttribute('onclick', 'broken = 1'); document.body.click()",
    "script-src": "setTimeout(() => { try { Function('broken = 1')() } catch {} })",
    "style-src-elem": f"{ADD}('style'), {{textContent: 'p {{top: 0}}'}}))",
    "style-src-attr": "document.body.setAttribute('style', 'display: none')",
    "img-src": "new Image().src = 'http://127.0.0.1:9/x.png'",
    "connect-src": "fetch('http://127.0.0.1:9/x').catch(() => {})",
    "media-src": "new Audio('http://127.0.0.1:9/x.mp3').load()",
    "frame-src": f"{ADD}('iframe'), {{src: 'data:text/html,x'}}))",
    "base-uri": f"{ADD}('base'), {{href: 'http://127.0.0.1:9/'}}))",
    "form-action": """const form = document.createElement('form');
        form.action = 'http://127.0.0.1:9/';
        document.body.append(form);
        form.submit()""",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("policy") / "report.html", make_report_content(3))


@pytest.mark.parametrize("directive", TRIES)
def test_what_is_not_the_reports_own_is_blocked(report, visit, watch, directive):
    page = visit(report)
    watch.allow("Content Security Policy")
    violated = page.evaluate(f"""() => new Promise((resolve, reject) => {{
        document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
        setTimeout(() => reject("nothing was blocked"), 5000);
        {TRIES[directive]};
    }})""")
    assert violated == directive
    assert page.evaluate("typeof broken") == "undefined"
    assert not any(fault.startswith("request") for fault in watch.faults)


def test_the_policy_comes_before_all_that_it_is_for(report):
    text = report.read_text(encoding="utf-8")
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', text)
    for element in ("<script", "<style", "<link", "<img", "<video"):
        assert element not in text[: policy.start()]
    assert "unsafe" not in policy.group() and "*" not in policy.group() and "http:" not in policy.group()


def test_the_report_has_no_handlers_or_styles_in_attributes(report):
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", report.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.search(r"<[^>]*\s(on\w+|style)\s*=", markup)

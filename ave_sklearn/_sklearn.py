"""scikit-learn's private names that the package uses, in one place: where a new version may break it."""

from html import escape

from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils._repr_html.fitted_attributes import AttrsDict

__all__ = ["DocLinkMixin", "FitHTMLMixin", "HasMethods", "Interval", "Options", "StrOptions"]

SITE: str | None = None
"""Address of the documentation, without a slash at its end; None, as long as there is none, and nothing links to it.

The page of a public class is ``{SITE}/api/{its full public name}.html``.
"""

# scikit-learn's own classes of style: they look like its table of fitted attributes, which follows
SUMMARY = """
<div class="estimator-table">
    <details open>
        <summary>Fit</summary>
        <table class="parameters-table"><tbody>
{rows}
        </tbody></table>
    </details>
</div>
"""
ROW = """<tr class="default"><td class="param" style="padding: .5em;">{name}</td><td>{value}</td></tr>"""


def page_template(site):
    """Return the address of a class's page, with its public name left open; none without a site."""
    return "" if site is None else f"{site}/api/{{name}}.html"


class DocLinkMixin:
    """The "?" in an estimator's HTML, which leads to the page of its class; there is none without a site."""

    _doc_link_module = "ave_sklearn"  # classes of the user's, elsewhere, have no page
    _doc_link_template = page_template(SITE)
    _public_module = "ave_sklearn"

    def _doc_link_url_param_generator(self):
        return {"name": f"{self._public_module}.{type(self).__name__}"}


class FitHTMLMixin:
    """HTML of a fitted estimator, within pipelines and searches too: a summary above scikit-learn's table."""

    def _fit_summary(self):
        """Return what is said of the fit, a dict of texts; nothing where it is empty."""
        return {}

    def _has_attributes_at_hand(self):
        """Whether reading all attributes costs nothing, as scikit-learn's table does."""
        return True

    def _get_fitted_attr_html(self, doc_link=""):
        if not self._has_attributes_at_hand():
            return AttrsDict()
        attributes, summary = super()._get_fitted_attr_html(doc_link), self._fit_summary()
        if summary:
            table = attributes._html_repr
            attributes._html_repr = lambda: summary_html(summary) + table()
        return attributes


def summary_html(summary):
    """Return a dict of texts as a table in HTML."""
    rows = (ROW.format(name=escape(name), value=escape(value)) for name, value in summary.items())
    return SUMMARY.format(rows="\n".join(rows))

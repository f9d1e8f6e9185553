"""Generated inputs: what they may end in, with the seed of each case that ends otherwise; `generated` has the rule.

``GENERATED_CASES=2000`` in the environment runs as many; ``pytest -s`` shows the counts.
"""

import os

import generated
import numpy as np
import pytest
import torch
from generated import run
from generated_fits import EstimatorCase, check_fit
from generated_forms import REFUSED, X_FORMS, Y_FORMS, World
from generated_parameters import parameter_outcome, parameter_values
from generated_rule import NAMED, OTHER, UNNAMED, WrongResultError, kind_of

from ave_sklearn import PSPLocalizer

TOGETHER = 25
COUNT = int(os.environ.get("GENERATED_CASES", 300))


@pytest.fixture(scope="module")
def outcomes():
    """The outcomes of all cases; their counts are printed at the end."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = []
    yield found
    torch.set_num_threads(threads)
    if found:
        print(f"\n{generated.table(found)}")


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, COUNT, TOGETHER))
def test_generated_inputs_work_or_are_refused_by_name(outcomes, first):
    cases = generated.run_all(range(first, min(first + TOGETHER, COUNT)))
    outcomes += cases
    failed = [str(outcome) for outcome in cases if outcome.failed]
    assert not failed, "\n".join([f"{len(failed)} of {len(cases)} cases break the rule:", *failed])


# ------------------------------------------------------- the generator itself
@pytest.mark.slow
def test_a_case_is_its_seed():
    for seed in range(3):
        first, second = run(seed), run(seed)
        assert (first.kind, first.description) == (second.kind, second.description)
        assert f"seed {seed}" in str(first)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("y has masked values"), NAMED),
        (TypeError("wanted numbers for y."), NAMED),
        (ValueError("y_val has masked values"), UNNAMED),
        (ValueError("any array"), UNNAMED),
        (IndexError("y is too short"), OTHER),
        (RuntimeError("y"), OTHER),
        (MemoryError("y is too long"), NAMED),
    ],
)
def test_an_error_names_an_argument_by_a_whole_word(error, kind):
    assert kind_of(error, {"y"}) == kind


class Liar(PSPLocalizer):
    """Estimator whose method `lie` gives what `told` makes of the truth."""

    lie, told = "predict_proba", staticmethod(lambda value: value)

    def predict_proba(self, X):
        return self._tell("predict_proba", X)

    def predict(self, X):
        return self._tell("predict", X)

    def score(self, X, y):
        return self._tell("score", X, y)

    def predict_events(self, X):
        return self._tell("predict_events", X)

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if name != "told"}

    def _tell(self, name, *args):
        value = getattr(super(), name)(*args)
        return self.told(value) if name == self.lie else value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lie", "told", "complaint"),
    [
        ("predict_proba", lambda p: p * np.nan, "not finite"),
        ("predict_proba", lambda p: p * 1.01, "do not sum to 1"),
        ("predict_proba", lambda p: p[:, :1], "shape"),
        ("predict", lambda y: y[:, ::-1], "argmax"),
        ("score", lambda score: score + 0.1 if score < 0.9 else score - 0.1, "share of right segments"),
        ("predict_events", lambda events: events.assign(offset=events["onset"]), "no events"),
        ("predict_events", lambda events: events.assign(event_label="wolf"), "not in classes_"),
        ("", None, None),
    ],
)
def test_wrong_results_are_seen(lie, told, complaint):
    world = World.drawn(np.random.default_rng(3), "", False, n=12, n_segments=4)
    X, y = world.features(), world.text()
    localizer = Liar(max_epochs=1, hidden_size=4, random_state=0, device="cpu").fit(X, y)
    localizer.lie, localizer.told = lie, told
    if complaint is None:
        return check_fit(localizer, X, y, world, {})
    with pytest.raises(WrongResultError, match=complaint):
        check_fit(localizer, X, y, world, {})


def test_other_classes_than_those_of_the_labels_are_seen():
    world = World.drawn(np.random.default_rng(3), "", False, n=12, n_segments=4)
    X, y = world.features(), world.whole()
    localizer = PSPLocalizer(max_epochs=1, hidden_size=4, random_state=0, device="cpu", background=0)
    with pytest.raises(WrongResultError, match="classes_ is"):
        check_fit(localizer.fit(X, y.astype(float)), X, y.astype(float), world, {})


@pytest.mark.parametrize("damaged", ["a weight", "an attribute"])
def test_an_earlier_fit_that_changed_is_seen(damaged):
    case = EstimatorCase(0, np.random.default_rng(0), "")
    case.estimator = case.earlier_fit()
    assert case.damage() is None
    if damaged == "a weight":
        with torch.no_grad():
            next(case.estimator.net_.module_.parameters()).add_(1)
    else:
        del case.estimator.n_iter_
    assert "a failed fit changed" in case.damage()


def test_forms_have_names_of_their_own():
    for forms in (X_FORMS, Y_FORMS):
        names = [form.name for form in forms]
        assert len(set(names)) == len(names) > 100
        assert sum(form.outcome is REFUSED for form in forms) > 20


def test_all_parameters_have_values_to_try():
    for name in PSPLocalizer().get_params():
        assert len(parameter_values(name)) > 7
        for value in parameter_values(name):
            parameter_outcome(name, value)

"""Grids of the paper's ablations, the names of their rows, and the table in its three forms."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import ParameterGrid

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.inspection import ablation_table, ablations
from ave_sklearn.metrics import paired_difference

TABLE_1 = ["w/o PSP", "ASP", "WPSP", "SAPSP", "PSP"]


def results_of(grid, means=None, n_folds=3, prefix=""):
    """What a search over `grid` would have in cv_results_."""
    params = [{prefix + name: value for name, value in row.items()} for row in ParameterGrid(grid)]
    means = np.linspace(0.7, 0.8, len(params)) if means is None else np.array(means)
    folds = {f"split{i}_test_score": means for i in range(n_folds)}
    return {"params": params, "mean_test_score": means, "std_test_score": np.full(len(params), 0.0123), **folds}


def names_of(grid, **options):
    return ablation_table(results_of(grid, **options)).to_frame().index.tolist()


# ------------------------------------------------------------------ grids
@pytest.mark.parametrize(("supervision", "estimator"), [("full", PSPLocalizer), ("weak", WeakPSPLocalizer)])
@pytest.mark.parametrize("n_segments", [1, 10, 37])
def test_grids_are_valid_parameters(supervision, estimator, n_segments):
    for grid in ablations(supervision=supervision, n_segments=n_segments).values():
        for params in ParameterGrid(grid):
            estimator(**params)._validate_params()


def test_grids_have_the_rows_of_the_tables():
    grids = ablations()
    assert [(row["tau"], row["self_attention"]) for row in ParameterGrid(grids[1])] == [
        (None, False),
        (-np.inf, False),
        (0, False),
        (0.095, True),
        (0.095, False),
    ]
    assert list(ParameterGrid(grids[2])) == [{"lam": 0}, {"lam": 10}]
    assert [row["tau"] for row in ParameterGrid(grids[3])] == [0, 0.025, 0.075, 0.095, 0.115]
    usual = PSPLocalizer().get_params()
    assert usual.items() >= {**list(ParameterGrid(grids[1]))[-1], **list(ParameterGrid(grids[2]))[-1]}.items()


def test_thresholds_go_with_the_number_of_segments():
    assert ablations(n_segments=20)[3] == [{"tau": [0, 0.0125, 0.0375, 0.0475, 0.0575]}]
    assert ablations(n_segments=20)[1][1]["tau"] == [0.0475]


def test_wrong_arguments_of_grids_are_named():
    with pytest.raises(ValueError, match="supervision must be 'full' or 'weak'; got 'semi'"):
        ablations(supervision="semi")
    with pytest.raises(ValueError, match="n_segments must be a positive integer; got 0"):
        ablations(n_segments=0)


# ------------------------------------------------------------------ names
@pytest.mark.parametrize("prefix", ["", "estimator__", "a__b__"])
@pytest.mark.parametrize(
    ("grid", "names"),
    [
        (ablations()[1], TABLE_1),
        (ablations(n_segments=20)[1], TABLE_1),
        (ablations()[2], ["lam=0", "lam=10"]),
        (ablations(supervision="weak")[2], ["w/o weighting branch", "w/ weighting branch"]),
        (ablations()[3], ["tau=0", "tau=0.025", "tau=0.075", "tau=0.095", "tau=0.115"]),
        ({"tau": [None, 0, np.float32(0.095)], "lam": [10]}, ["w/o PSP", "WPSP", "PSP"]),
        ({"tau": [-np.inf, 0.095], "lam": [0, 100.0]}, ["ASP, lam=0", "PSP, lam=0", "ASP, lam=100", "PSP, lam=100"]),
        ([{"tau": [0], "lam": [np.float64(10)]}, {"tau": [0.1], "lam": [10]}], ["WPSP", "PSP"]),
        ({"tau": [0.1, np.float32(0.2)]}, ["tau=0.1", "tau=0.2"]),
        ([{"tau": [None]}, {}, {"lam": [0]}], ["w/o PSP", "PSP", "PSP, lam=0"]),
        ({"tau": [0], "self_attention": [True]}, ["WPSP, self-attention"]),
        ({"lr": [0.001, 0.002]}, ["lr=0.001", "lr=0.002"]),
        ({}, ["PSP"]),
    ],
)
def test_rows_are_named(grid, names, prefix):
    assert sorted(names_of(grid, prefix=prefix)) == sorted(names)
    assert len(names) < 5 or names_of(grid, prefix=prefix) == names


def test_steps_stay_in_names_where_they_tell_parameters_apart():
    assert names_of({"a__lr": [1, 2], "b__lr": [3]}) == ["a__lr=1", "a__lr=2"]


# ------------------------------------------------------------------ table
def test_frame_has_the_numbers_of_the_search():
    results = results_of(ablations()[1])
    frame = ablation_table(results).to_frame()
    assert frame.columns.tolist() == ["mean", "std"]
    np.testing.assert_array_equal(frame["mean"], results["mean_test_score"])
    np.testing.assert_array_equal(frame["std"], results["std_test_score"])
    pd.testing.assert_frame_equal(ablation_table(pd.DataFrame(results)).to_frame(), frame)
    assert "w/o PSP" in ablation_table(results)._repr_html_()


def test_markdown_has_percents_and_the_best_in_bold():
    table = ablation_table(results_of({"tau": [None, 0, 0.095]}, [0.7374, np.nan, 0.778]))
    assert str(table) == table.to_markdown()
    assert table.to_markdown().splitlines() == [
        "| System | Test score (%), 3 folds |",
        "|---|---:|",
        "| w/o PSP | 73.7 ± 1.2 |",
        "| WPSP | failed |",
        "| PSP | **77.8** ± 1.2 |",
    ]
    assert "| PSP | **0.778** ± 0.012 |" in table.to_markdown(percent=False)
    assert "Test score, 3 folds" in table.to_markdown(percent=False)


def test_one_fold_has_no_deviation():
    assert "±" not in ablation_table(results_of({"tau": [None, 0]}, n_folds=1)).to_markdown()


def test_latex_is_escaped_and_has_the_best_in_bold():
    grid = {"tau": [0.05, 0.095], "my_lam": ["a&b~c", r"50 %\{"]}
    assert ablation_table(results_of(grid)).to_latex().splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"System & Test score (\%), 3 folds \\",
        r"\midrule",
        r"$\tau$=0.05, my\_lam=a\&b\textasciitilde{}c & 70.0 $\pm$ 1.2 \\",
        r"$\tau$=0.095, my\_lam=a\&b\textasciitilde{}c & 73.3 $\pm$ 1.2 \\",
        r"$\tau$=0.05, my\_lam=50 \%\textbackslash{}\{ & 76.7 $\pm$ 1.2 \\",
        r"$\tau$=0.095, my\_lam=50 \%\textbackslash{}\{ & \textbf{80.0} $\pm$ 1.2 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_markdown_is_escaped():
    table = ablation_table(results_of({"tau": [0.095], "init": ["a|b_c", "<d*"]}))
    assert [line.split(" | ")[0] for line in table.to_markdown().splitlines()[2:]] == [
        r"| PSP, init=a\|b\_c",
        r"| PSP, init=\<d\*",
    ]


# ------------------------------------------------------------ differences
@pytest.fixture(scope="module")
def predicted():
    """True labels of 60 videos and predictions that are the better the later their row."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, (60, 10))
    return y, {
        name: np.where(rng.random(y.shape) < 0.6 + i / 10, y, 0) for i, name in enumerate(["ASP", "WPSP", "PSP"])
    }


def test_differences_to_psp_are_paired_differences(predicted):
    y, predictions = predicted
    groups = np.arange(60) // 10
    table = ablation_table(results_of(ablations()[1]), predictions=predictions, y_true=y, groups=groups)
    expected = paired_difference(y, predictions["ASP"], predictions["PSP"], groups=groups)
    frame = table.to_frame()
    assert frame.loc["ASP", ["difference", "low", "high", "pvalue"]].tolist() == [
        expected.difference,
        *expected.interval,
        expected.pvalue,
    ]
    assert frame["difference"].isna().tolist() == [True, False, False, True, True]
    low, high = (f"{100 * end:+.1f}" for end in expected.interval)
    line = next(line for line in table.to_markdown().splitlines() if line.startswith("| ASP"))
    assert line.endswith(f" | {100 * expected.difference:+.1f} [{low}, {high}] |")
    assert "| Difference to PSP [95 % interval] |" in table.to_markdown()
    assert f"& ${100 * expected.difference:+.1f}$ $[{low}, {high}]$" in table.to_latex()
    assert r"\begin{tabular}{lrr}" in table.to_latex()


def test_rows_are_known_by_number_too_and_the_reference_is_free(predicted):
    y, predictions = predicted
    results = results_of(ablations()[1])
    by_name = ablation_table(results, predictions=predictions, y_true=y, random_state=0, confidence=0.9)
    by_number = {1: predictions["ASP"], np.int64(2): predictions["WPSP"], 4: predictions["PSP"]}
    numbered = ablation_table(results, predictions=by_number, y_true=y, random_state=0, confidence=0.9)
    pd.testing.assert_frame_equal(by_name.to_frame(), numbered.to_frame())
    assert "[90 % interval]" in by_name.to_markdown()
    to_asp = ablation_table(results, predictions=predictions, y_true=y, reference="ASP", random_state=0).to_frame()
    assert to_asp["difference"].isna()["ASP"]
    assert to_asp.loc["PSP", "difference"] == pytest.approx(-by_name.to_frame().loc["ASP", "difference"])


@pytest.mark.parametrize(
    ("grid", "reference"),
    [
        (ablations()[1], "PSP"),
        (ablations()[2], "lam=10"),
        (ablations(supervision="weak")[2], "w/ weighting branch"),
        (ablations()[3], "tau=0.095"),
        ({"tau": [None, 0.05], "lam": [0, 100]}, "PSP, lam=100"),
    ],
)
def test_the_reference_is_the_full_method(grid, reference, predicted):
    y, predictions = predicted
    by_name = dict.fromkeys(names_of(grid), predictions["PSP"])
    table = ablation_table(results_of(grid), predictions=by_name, y_true=y, random_state=0)
    assert table.names[table.reference] == reference


# ---------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "test_f1"}, r"score='test_f1' is not in cv_results_; it has 'test_score'"),
        ({"predictions": {}}, "predictions and y_true belong together; y_true is None"),
        ({"y_true": [[0]]}, "predictions and y_true belong together; predictions is None"),
        ({"predictions": [1], "y_true": [[0]]}, "predictions must be a dict .* got list"),
        ({"predictions": {"HAN": [[0]]}, "y_true": [[0]]}, "predictions has 'HAN', but no row is that; .*'w/o PSP'"),
        ({"predictions": {5: [[0]]}, "y_true": [[0]]}, "predictions has 5, .* from 0 to 4"),
        ({"predictions": {"ASP": [[0]]}, "y_true": [[0]]}, r"those of the reference, 'PSP'; got \['ASP'\]"),
        ({"reference": True}, "reference has True, but no row is that"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ablation_table(results_of(ablations()[1]), **options)


def test_a_reference_that_is_not_known_is_asked_for():
    grid = {"tau": [None, 0.095], "lr": [0.001, 0.002]}
    with pytest.raises(ValueError, match="reference must say which row .*'w/o PSP, lr=0.001'"):
        ablation_table(results_of(grid), predictions={}, y_true=[[0]])


@pytest.mark.parametrize("wrong", [[{"tau": 0}], {"mean_test_score": [1]}, 3])
def test_what_is_no_result_of_a_search_is_refused(wrong):
    with pytest.raises(ValueError, match="cv_results_ must be the attribute of that name of a fitted search"):
        ablation_table(wrong)

"""
The ablations of the paper's tables
===================================

Which part of PSP is it that helps? Tables 1 to 3 of the paper take its parts away, one at a time. This example runs
those tables as three grid searches on small generated data, writes them as a DataFrame, in Markdown and in LaTeX, and
then asks how far each row is from PSP on the same test videos. One learns how to make such tables of one's own data,
and what they do not say.
"""

from pprint import pprint

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import ablation_table, ablations
from ave_sklearn.model_selection import VideoStratifiedKFold

# %%
# 120 videos to search on, and 280 for the end. Network and training are small, so that the page is made in seconds.
X, y = make_av_events(n_videos=400, random_state=0)
X_train, y_train = X[:120], y[:120]
X_test, y_test = X[120:], y[120:]
settings = {
    "hidden_size": 32,
    "max_epochs": 10,
    "batch_size": 40,
    "lr": 0.01,
}
localizer = PSPLocalizer(**settings, random_state=0)

# %%
# Three tables, three searches
# ----------------------------
# :func:`~ave_sklearn.inspection.ablations` has a grid for each table, in the form that scikit-learn's searches take.
grids = ablations()
pprint(grids)

# %%
# All rows of all tables see the same three folds, each with its share of every category.
folds = VideoStratifiedKFold(3, random_state=0)
results = {}
for number, grid in grids.items():
    search = GridSearchCV(localizer, grid, cv=folds, refit=False)
    results[number] = search.fit(X_train, y_train).cv_results_

# %%
# Table 1 is about propagation: none ("w/o PSP"), along all connections ("ASP"), along the positive ones ("WPSP"), PSP
# behind self-attention ("SAPSP"), and PSP. The names are made of the parameters of each row.
ablation_table(results[1]).to_frame().round(3)

# %%
# Table 2 is about the pair similarity loss. Here it is in Markdown, as a README has it, the best row in bold.
print(ablation_table(results[2]).to_markdown())

# %%
# Table 3 is about the threshold. Here it is in LaTeX, as a paper has it.
print(ablation_table(results[3]).to_latex())

# %%
# What the deviation over folds does not say
# ------------------------------------------
# The number behind "±" is how much the score of one row varies from fold to fold. Part of it is the folds themselves:
# where one of them has easy videos, all rows gain. And it is no interval, because any two folds share training videos.
# So it does not tell whether two rows differ.
#
# The question is how large the *difference* of two rows is on the *same* videos. We fit each row of Table 1 on all
# training videos and hand the predicted labels of the test videos to the table. (PSP has no difference to itself.)
predictions = {}
for number, params in enumerate(results[1]["params"]):
    row = clone(localizer).set_params(**params).fit(X_train, y_train)
    predictions[number] = row.predict(X_test)
table = ablation_table(
    results[1],
    predictions=predictions,
    y_true=y_test,
    random_state=0,
)
table.to_frame().round(3)

# %%
# The interval is of :func:`~ave_sklearn.metrics.paired_difference`. Where it holds 0, these videos do not tell the row
# from PSP, whatever the order of the means. Here that is so of most rows: the task is small, and so are the effects.
#
# An interval speaks of other videos, and not of another training. So we train PSP itself with other seeds, too.
scores = []
for seed in range(4):
    psp = PSPLocalizer(**settings, random_state=seed)
    psp.fit(X_train, y_train)
    scores.append(psp.score(X_test, y_test))
other_seeds = 100 * np.subtract(scores[1:], scores[0])
print(other_seeds.round(1))

# %%
# Both in one picture: a line for the interval of each row, and a cross for PSP with each of the other seeds. Where
# the crosses lie as far from 0 as the rows do, a claim about rows needs several seeds of each.
frame = 100 * table.to_frame()
below = frame["difference"] - frame["low"]
above = frame["high"] - frame["difference"]
fig, ax = plt.subplots(figsize=(8.5, 3), layout="constrained")
ax.errorbar(
    frame["difference"],
    frame.index,
    xerr=[below, above],
    fmt="o",
    capsize=4,
    label="95 % interval",
)
ax.plot(other_seeds, ["PSP"] * 3, "kx", label="PSP, other seeds")
ax.axvline(0, color="black", linewidth=0.8)
ax.set_xlabel("difference to PSP in points of segment accuracy")
ax.invert_yaxis()
fig.legend(loc="outside right upper")
plt.show()

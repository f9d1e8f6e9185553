"""
Bring your own network
======================

A network of yours is a ``torch.nn.Module`` class. This example writes a small one, trains and scores it by the
same rule as PSP, lets scikit-learn search its parameters, and adds two optional things to it: a similarity, for the
pair similarity loss of the paper, and the names of its layers, for pictures of what they hold. It ends with such a
picture.
"""

from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd
import torch
from sklearn.model_selection import GridSearchCV
from torch.nn.functional import cosine_similarity

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import EmbeddingDisplay
from ave_sklearn.model_selection import VideoStratifiedKFold
from ave_sklearn.nn import Tap

X, y = make_av_events(n_videos=300, random_state=0)
X_train, y_train = X[:180], y[:180]
X_test, y_test = X[180:], y[180:]


# %%
# The contract
# ------------
# The class is called with the sizes of the data and its own parameters. Its ``forward`` takes a batch of videos, audio
# of shape (n, T, d_a) and visual features of shape (n, T, d_v), and gives a score for each class in each segment.
# (Where features are maps, ``n_regions`` says how many regions they have, and ``forward`` gets (n, T, H, W, d_v).)
#
# This one runs a GRU in both directions along each modality, and multiplies what they say: an event is both heard and
# seen.
class TwoGRUs(torch.nn.Module):
    """A GRU for each modality, and their product."""

    def __init__(
        self,
        n_audio_features,
        n_visual_features,
        n_classes,
        n_regions,
        *,
        width=32,
    ):
        super().__init__()
        both_ways = {"batch_first": True, "bidirectional": True}
        self.audio = torch.nn.GRU(n_audio_features, width, **both_ways)
        self.visual = torch.nn.GRU(n_visual_features, width, **both_ways)
        self.output = torch.nn.Linear(2 * width, n_classes)

    def forward(self, audio, visual):
        heard, _ = self.audio(audio)
        seen, _ = self.visual(visual)
        fused = heard * seen
        return {"logits": self.output(fused), "fused": fused}


# %%
# It is now an estimator like any other: standardised features, training, early stopping, seeds, ``predict_events``, and
# files come with it. PSP, trained by the same rule, to compare:
settings = {"max_epochs": 10, "lr": 0.01, "random_state": 0}
own = EventLocalizer(network=TwoGRUs, **settings).fit(X_train, y_train)
psp = PSPLocalizer(hidden_size=64, **settings).fit(X_train, y_train)
for name, localizer in {"TwoGRUs": own, "PSP": psp}.items():
    weights = localizer.net_.module_.parameters()
    n_weights = sum(weight.numel() for weight in weights)
    score = localizer.score(X_test, y_test)
    print(f"{name:10}{score:8.3f}{n_weights:10,} weights")

# %%
# What breaks the contract is an error that says how. Weak supervision, for one, needs a prediction for the whole video:
try:
    WeakEventLocalizer(network=TwoGRUs).fit(X_train, y_train)
except ValueError as error:
    print(fill(str(error)))


# %%
# What a network may have besides
# -------------------------------
# * ``similarity``, the cosine of both modalities in each segment. With it, ``lam=`` adds the paper's loss L_avps, which
#   pulls them together where they belong to an event.
# * ``video_logits``, for weak supervision.
# * ``layer_taps``, which say where in the network the audio and the visual features of a layer are. A GRU returns its
#   outputs and its state, so the features are item 0 of that; and they go into it as argument 0.
#
# A method ``extra_loss`` would add a loss of the network's own; the reference of :mod:`ave_sklearn.nn` says how.
class SimilarGRUs(TwoGRUs):
    """The same, with what is optional."""

    layer_taps = {
        "input": (Tap("audio", argument=0), Tap("visual", argument=0)),
        "encoded": (Tap("audio", item=0), Tap("visual", item=0)),
    }

    def forward(self, audio, visual):
        heard, _ = self.audio(audio)
        seen, _ = self.visual(visual)
        logits = self.output(heard * seen)
        return {
            "logits": logits,
            "video_logits": logits.mean(dim=1),
            "fused": heard * seen,
            "similarity": cosine_similarity(heard, seen, dim=-1),
        }


# %%
# A search over its parameters
# ----------------------------
# Parameters of the network are searched as dicts, beside those of the training. ``lam=0`` leaves the paper's loss out.
# With the weight that PSP has, 10, this network is far worse: a loss that suits one network need not suit another.
search = GridSearchCV(
    EventLocalizer(network=SimilarGRUs, **settings),
    {"network_params": [{"width": 16}, {"width": 32}], "lam": [0, 10]},
    cv=VideoStratifiedKFold(2, random_state=0),
).fit(X_train, y_train)
table = pd.DataFrame(search.cv_results_)
columns = ["params", "mean_test_score", "std_test_score"]
print(f"the best on test videos: {search.score(X_test, y_test):.3f}")
table[columns].round(3)

# %%
# It can be trained on proportions of whole videos now, too.
weak = WeakEventLocalizer(network=SimilarGRUs, **settings)
weak.fit(X_train, y_train)
print(f"weakly supervised: {weak.score(X_test, y_test):.3f}")

# %%
# To keep it
# ----------
# A class of the script that is running, as here, can be fitted and searched. A file of a fitted estimator names its
# class and does not hold it: to load the file elsewhere, define the class in a module that can be imported there.
#
# What its layers hold
# --------------------
# Features of 200 test segments, reduced to the plane by t-SNE, each panel by itself. Look whether classes lie apart:
# what goes into the GRUs is a single second, what comes out of them has seen the whole video, and the product of both
# is what the last layer divides.
EmbeddingDisplay.from_estimator(
    search.best_estimator_,
    X_test,
    y_test,
    layers=["input", "encoded", "fused"],
    max_points=200,
    random_state=0,
)
plt.show()

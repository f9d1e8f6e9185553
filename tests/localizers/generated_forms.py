"""Forms in which features, targets, weights and parameters may come, the right and the wrong ones, for generated cases.

Each form is made of a :class:`World`: ordinary videos with labels. A form may alter the world, so that the world says
afterwards what the form means: the features that it holds, the labels, the parameters that belong to it.
"""

import warnings
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from skorch.helper import SliceDict

from ave_sklearn import AVFeatures

WORKS, REFUSED, EITHER = "works", "is refused", "works or is refused"
NAMES = np.array(["background", "cat", "dog", "owl", "train"])


@dataclass
class World:
    """Ordinary videos, and what a form has made of them.

    Features are multiples of 1/16 that float16 holds exactly, so that forms of other dtypes hold the same numbers.
    """

    rng: np.random.Generator
    folder: str
    weak: bool
    n: int
    n_segments: int
    n_classes: int
    audio: np.ndarray
    visual: np.ndarray
    codes: np.ndarray  # (n, T); 0 is background
    params: dict = field(default_factory=dict)  # that belong to the form
    truth: np.ndarray | None = None  # segment labels of y, if it has them
    classes: list | None = None  # classes_ after a fit on y
    same_features: bool = True  # whether X holds `audio` and `visual`
    ambiguous: bool = False  # zeros and ones, which weak supervision may refuse
    may_be_named: set = field(default_factory=set)  # arguments that an error may name, besides the unusual one

    @classmethod
    def drawn(cls, rng, folder, weak, n=None, n_segments=None, n_classes=None, widths=None, size=None):
        """Draw `n` videos; each class occurs, and background in each video of several segments."""
        n = int(rng.integers(8, 17)) if n is None else n
        n_segments = int(rng.integers(2, 6)) if n_segments is None else n_segments
        n_classes = int(rng.integers(2, 5)) if n_classes is None else n_classes
        if widths is None:
            widths = tuple(int(width) for width in rng.integers(2, 7, 2))
            size = () if rng.random() < 0.75 else (2, int(rng.integers(1, 3)))
        event = 1 + np.arange(n) % (n_classes - 1)
        start = rng.integers(0, n_segments, n)
        stop = np.minimum(start + rng.integers(1, max(n_segments, 2), n), n_segments)
        times = np.arange(n_segments)
        codes = np.where((times >= start[:, None]) & (times < stop[:, None]), event[:, None], 0)
        if n_segments == 1:
            codes = np.arange(n)[:, None] % n_classes
        audio, visual = (
            np.clip(rng.normal(0, 16, shape).round(), -120, 120).astype(np.float32) / 16
            for shape in ((n, n_segments, widths[0]), (n, n_segments, *size, widths[1]))
        )
        audio[..., 0] += codes
        return cls(rng, folder, weak, n, n_segments, n_classes, audio, visual, codes)

    def like(self, n):
        """Draw `n` other videos of the same layout and classes."""
        layout = (self.audio.shape[-1], self.visual.shape[-1]), self.visual.shape[2:-1]
        other = World.drawn(self.rng, self.folder, self.weak, n, self.n_segments, self.n_classes, *layout)
        other.params = self.params
        return other

    def features(self):
        """Return the videos as AVFeatures of float32 arrays."""
        return AVFeatures(self.audio.copy(), self.visual.copy())

    def joined(self):
        """Return (n, T, F) float32 features, pooled, and set n_audio_features."""
        self.pool()
        self.params["n_audio_features"] = self.audio.shape[-1]
        return np.concatenate([self.audio, self.visual], 2)

    def pool(self):
        """Make pooled features of maps."""
        if self.visual.ndim == 5:
            self.visual = np.ascontiguousarray(self.visual[:, :, 0, 0])
        return self

    def one_segment(self):
        """Leave each video one segment; return (n, F) features, of which both streams get all columns."""
        self.pool()
        self.n_segments = 1
        self.codes = (np.arange(self.n) % self.n_classes)[:, None]
        flat = np.concatenate([self.audio[:, 0], self.visual[:, 0]], 1)
        self.audio = self.visual = flat[:, None]
        return flat.copy()

    def labels(self, values, background=True):
        """Return the labels (n, T), of the codes' `values`, the first of which is the background; (n,) if T is 1."""
        labels = np.asarray(values)[self.codes]
        if background and not isinstance(values[0], str):
            self.params.setdefault("background", values[0])
        return self.means(labels)

    def means(self, labels):
        """Say that y holds these segment labels; return them."""
        labels = labels[:, 0] if self.n_segments == 1 and self.rng.random() < 0.7 else labels
        self.truth, self.classes = labels, np.unique(labels).tolist()
        if self.weak and labels.ndim == 2 and labels.shape[1] > 1 and set(self.classes) <= {0, 1}:
            self.ambiguous = True
        return labels

    def names(self):
        """Return the classes' names in the order of their codes."""
        return NAMES[: self.n_classes].tolist()

    def text(self):
        """Return text labels."""
        return self.labels(self.names())

    def whole(self):
        """Return integer labels; the background is 0."""
        return self.labels(list(range(self.n_classes)))

    def shares(self):
        """Return proportions (n, C) in the order of the codes, and their names as `classes`."""
        self.params["classes"] = self.names()
        self.classes = sorted(self.names())
        shares = (self.codes[..., None] == np.arange(self.n_classes)).mean(1)
        return shares

    def one_hot(self):
        """Return one-hot labels (n, T, C)."""
        self.params.setdefault("background", 0)
        self.truth, self.classes = self.codes, list(range(self.n_classes))
        return np.eye(self.n_classes, dtype=int)[self.codes]

    def element(self, array):
        """Draw an index of `array`."""
        return tuple(int(self.rng.integers(length)) for length in array.shape)


@dataclass(frozen=True)
class Form:
    """A way to write an argument.

    Attributes
    ----------
    name : str
    make : callable
        Called with a World; returns the argument.
    outcome : str or callable
        WORKS, REFUSED or EITHER; a function of the World after `make`.
    """

    name: str
    make: object
    outcome: object = WORKS

    def expected(self, world):
        """Return what is expected of the form in `world`."""
        outcome = self.outcome(world) if callable(self.outcome) else self.outcome
        return EITHER if outcome is WORKS and world.ambiguous else outcome


def only_weak(world):
    """Return what is expected of targets of weak supervision."""
    return WORKS if world.weak else REFUSED


def only_one_segment(world):
    """Return what is expected of one label a video."""
    return WORKS if world.weak or world.n_segments == 1 else REFUSED


def spoiled(array, world, value):
    """Return a copy of `array` with `value` somewhere."""
    array = np.array(array, copy=True)
    array[world.element(array)] = value
    return array


# ------------------------------------------------------------------- features
def both(convert):
    """Return a form that is AVFeatures of two converted arrays."""
    return lambda w: AVFeatures(convert(w.audio), convert(w.visual))


def scaled(change, outcome=EITHER):
    """Return a maker of AVFeatures of changed float32 numbers."""

    def make(w):
        w.audio, w.visual = change(w.audio), change(w.visual)
        return w.features()

    return make


def other_numbers(make):
    """Return a maker whose X does not hold the world's features."""

    def made(w):
        w.same_features = False
        return make(w)

    return made


def one_stream(change):
    """Return a maker of AVFeatures of which one stream, drawn, is changed."""

    def make(w):
        name = ("audio", "visual")[w.rng.integers(2)]
        setattr(w, name, change(getattr(w, name), w))
        w.same_features = False
        return AVFeatures(w.audio, w.visual)

    return make


def mapped(w):
    """Features in .npy files, mapped into memory."""
    for name in ("audio", "visual"):
        np.save(f"{w.folder}/{name}.npy", getattr(w, name))
    return AVFeatures.from_npy(f"{w.folder}/audio.npy", f"{w.folder}/visual.npy")


def hdf5(w):
    """Features in a compressed HDF5 file."""
    import h5py

    with h5py.File(f"{w.folder}/features-{w.rng.integers(10**9)}.h5", "w") as file:
        for name in ("audio", "visual"):
            file.create_dataset(name, data=getattr(w, name), chunks=True, compression="gzip")
        path = file.filename
    return AVFeatures.from_hdf5(path, path, audio_key="audio", visual_key="visual")


def structured(w):
    """Structured array with the fields "audio" and "visual"."""
    kinds = [(name, "f4", getattr(w, name).shape[1:]) for name in ("audio", "visual")]
    X = np.empty(w.n, kinds)
    X["audio"], X["visual"] = w.audio, w.visual
    return X


def strided(array):
    """Return the numbers as every second column of a wider array."""
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def read_only(array):
    """Return a copy that cannot be written."""
    array = array.copy()
    array.flags.writeable = False
    return array


def whole_features(dtype):
    """Return a maker of AVFeatures of integers or bools."""

    def make(w):
        low, high = (0, 1) if dtype is bool else (0, 7) if np.dtype(dtype).kind == "u" else (-7, 7)
        arrays = [np.clip(x.round(), low, high).astype(dtype) for x in (w.audio, w.visual)]
        w.audio, w.visual = (x.astype(np.float32) for x in arrays)
        return AVFeatures(*arrays)

    return make


def joined(change=lambda x: x, n_audio_features=None):
    """Return a maker of a joined array; `n_audio_features` is a function of the right one and F, else it is right."""

    def make(w):
        X = change(w.joined())
        if n_audio_features is not None:
            w.same_features = False
            w.may_be_named.add("n_audio_features")
            w.params["n_audio_features"] = n_audio_features(w.params["n_audio_features"], w.joined().shape[-1])
        return X

    return make


def split_elsewhere(w):
    """Make a joined array whose first columns but one are audio."""
    X = w.joined()
    w.params["n_audio_features"] = X.shape[-1] - 1
    w.audio, w.visual = X[..., :-1], X[..., -1:]
    return X


def table(change=lambda x, w: x):
    """Return a maker of a 2-D X, each row a video of one segment."""
    return lambda w: change(w.one_segment(), w)


def split_table(w):
    """Make a 2-D X with `n_audio_features`: its first columns are audio, the rest visual."""
    n_audio = w.audio.shape[-1]
    flat = w.one_segment()
    w.params["n_audio_features"] = n_audio
    w.audio, w.visual = flat[:, None, :n_audio], flat[:, None, n_audio:]
    w.may_be_named.add("n_audio_features")
    return flat


def named_columns(X):
    """Return a DataFrame with names of columns."""
    return pd.DataFrame(X, columns=[f"feature {j}" for j in range(X.shape[1])])


def masked(X, w, hide):
    """Return a masked array, with one element masked or none."""
    mask = np.zeros(X.shape, bool)
    if hide:
        mask[w.element(X)] = True
    return np.ma.masked_array(X.copy(), mask)


def flattened(w):
    """Features that a tool flattened to (n, T * F)."""
    X = np.asarray(w.features())
    w.same_features = False
    w.truth = None
    return X


def rows_without_numbers(x, w):
    """Zero all features of some videos, as rows that were never written."""
    x = x.copy()
    x[w.rng.permutation(len(x))[: w.rng.integers(1, len(x) + 1)]] = 0
    return x


def missing_frame(X, w):
    """Return a DataFrame of nullable floats with a missing value."""
    frame = pd.DataFrame(X).astype("Float64")
    frame.iloc[w.element(X)] = pd.NA
    return frame


X_FORMS = [
    Form("float64", both(lambda x: x.astype(np.float64))),
    Form("float16", both(lambda x: x.astype(np.float16))),
    Form("long double", both(lambda x: x.astype(np.longdouble))),
    Form("another byte order", both(lambda x: x.astype(">f4"))),
    Form("Fortran order", both(np.asfortranarray)),
    Form("every second column", both(strided)),
    Form("reversed twice", both(lambda x: np.ascontiguousarray(x[::-1])[::-1])),
    Form("read-only", both(read_only)),
    Form("nested lists", both(lambda x: x.tolist())),
    Form("objects", both(lambda x: x.astype(object))),
    Form("Decimals", both(np.vectorize(lambda x: Decimal(float(x)), otypes=[object]))),
    Form("Fractions", both(np.vectorize(lambda x: Fraction(float(x)), otypes=[object]))),
    Form("tensors", both(lambda x: torch.tensor(x))),
    Form("tensors with gradients", both(lambda x: torch.tensor(x, requires_grad=True)), EITHER),
    Form("bfloat16 tensors", both(lambda x: torch.tensor(x).bfloat16()), EITHER),
    Form("int8", whole_features(np.int8)),
    Form("uint8", whole_features(np.uint8)),
    Form("int64", whole_features(np.int64)),
    Form("bools", whole_features(bool)),
    Form("maps of one region", lambda w: (w.pool(), setattr(w, "visual", w.visual[:, :, None, None]), w.features())[2]),
    Form(".npy files", mapped),
    Form("an HDF5 file", hdf5),
    Form("a dict", lambda w: {"audio": w.audio, "visual": w.visual}),
    Form("a dict of lists", lambda w: {"audio": w.audio.tolist(), "visual": w.visual.tolist()}),
    Form("a dict of tensors", lambda w: {"audio": torch.tensor(w.audio), "visual": torch.tensor(w.visual)}),
    Form("a SliceDict", lambda w: SliceDict(audio=w.audio, visual=w.visual)),
    Form("a structured array", structured),
    Form("a view of other videos", lambda w: AVFeatures(*(np.repeat(x, 2, 0) for x in (w.audio, w.visual)))[::2]),
    Form("arrays with nothing masked", both(lambda x: np.ma.masked_array(x, False))),
    Form("a masked value", one_stream(lambda x, w: masked(x, w, True)), REFUSED),
    Form("NaN", one_stream(lambda x, w: spoiled(x, w, np.nan)), REFUSED),
    Form("infinity", one_stream(lambda x, w: spoiled(x, w, np.inf)), REFUSED),
    Form("-infinity", one_stream(lambda x, w: spoiled(x, w, -np.inf)), REFUSED),
    Form("nothing but NaN", one_stream(lambda x, w: np.full_like(x, np.nan)), REFUSED),
    Form("float64 beyond float32", one_stream(lambda x, w: spoiled(x.astype(np.float64), w, 1e300)), EITHER),
    Form("objects with None", one_stream(lambda x, w: spoiled(x.astype(object), w, None)), REFUSED),
    Form("objects with pd.NA", one_stream(lambda x, w: spoiled(x.astype(object), w, pd.NA)), REFUSED),
    Form("objects with huge integers", one_stream(lambda x, w: spoiled(x.astype(object), w, 10**400)), REFUSED),
    Form("complex", one_stream(lambda x, w: x.astype(complex)), REFUSED),
    Form("text", one_stream(lambda x, w: x.astype(str)), REFUSED),
    Form("dates", one_stream(lambda x, w: x.astype("M8[s]")), REFUSED),
    Form("raw bytes", one_stream(lambda x, w: np.zeros(x.shape, "V4")), REFUSED),
    Form("other videos in one stream", one_stream(lambda x, w: x[:-1]), REFUSED),
    Form("other segments in one stream", one_stream(lambda x, w: x[:, :-1]), REFUSED),
    Form("no features in one stream", one_stream(lambda x, w: x[..., :0]), REFUSED),
    Form("no segments", other_numbers(lambda w: AVFeatures(w.audio[:, :0], w.visual[:, :0])), REFUSED),
    Form("no videos", other_numbers(lambda w: w.features()[:0]), REFUSED),
    Form("two axes in one stream", one_stream(lambda x, w: x[:, 0]), REFUSED),
    Form("four axes in one stream", one_stream(lambda x, w: x[..., None].reshape(*x.shape[:2], -1, 1)), REFUSED),
    Form("features of 1e30", scaled(lambda x: x * np.float32(1e30))),
    Form("features of 1e19", scaled(lambda x: x * np.float32(1e19))),
    Form("features of 1e-30", scaled(lambda x: x * np.float32(1e-30))),
    Form("subnormal features", scaled(lambda x: x * np.float32(1e-40))),
    Form("features near the largest float32", scaled(lambda x: x * np.float32(3e37)), EITHER),
    Form("an offset of 1e6", scaled(lambda x: x + np.float32(1e6))),
    Form("an offset of 1e9 in float64", other_numbers(both(lambda x: x.astype(np.float64) + 1e9)), EITHER),
    Form("constant features", scaled(np.zeros_like)),
    Form("one huge feature", one_stream(lambda x, w: np.concatenate([x[..., 1:], x[..., :1] * 1e25], -1)), EITHER),
    Form("videos that are all zero", one_stream(rows_without_numbers)),
    # joined arrays
    Form("joined", joined()),
    Form("joined, as lists", joined(lambda x: x.tolist())),
    Form("joined, Fortran order", joined(np.asfortranarray)),
    Form("joined, objects", joined(lambda x: x.astype(object))),
    Form("joined, a tensor", joined(lambda x: torch.tensor(x))),
    Form("joined, one array a video", joined(list)),
    Form("joined, a tuple", joined(tuple)),
    Form("joined, nothing masked", joined(lambda x: np.ma.masked_array(x, False))),
    Form("joined, ragged", joined(lambda x: [*x[:-1], x[-1][:, :-1]]), REFUSED),
    Form("joined, masked", lambda w: other_numbers(lambda w: masked(w.joined(), w, True))(w), REFUSED),
    Form("joined, NaN", lambda w: other_numbers(lambda w: spoiled(w.joined(), w, np.nan))(w), REFUSED),
    Form("joined, n_audio_features None", joined(n_audio_features=lambda d, F: None), REFUSED),
    Form("joined, n_audio_features 0", joined(n_audio_features=lambda d, F: 0), REFUSED),
    Form("joined, n_audio_features F", joined(n_audio_features=lambda d, F: F), REFUSED),
    Form("joined, n_audio_features F + 1", joined(n_audio_features=lambda d, F: F + 1), REFUSED),
    Form("joined, n_audio_features -1", joined(n_audio_features=lambda d, F: -1), REFUSED),
    Form("joined, n_audio_features float", joined(n_audio_features=lambda d, F: float(d)), REFUSED),
    Form("joined, n_audio_features text", joined(n_audio_features=lambda d, F: str(d)), REFUSED),
    Form("joined, n_audio_features uint8", joined(n_audio_features=lambda d, F: np.uint8(d))),
    Form("joined, split elsewhere", split_elsewhere),
    # two axes: videos of one segment
    Form("2-D", table()),
    Form("2-D float64", table(lambda x, w: x.astype(np.float64))),
    Form("2-D float16", table(lambda x, w: x.astype(np.float16))),
    Form("2-D lists", table(lambda x, w: x.tolist())),
    Form("2-D objects", table(lambda x, w: x.astype(object))),
    Form("2-D Fortran order", table(lambda x, w: np.asfortranarray(x))),
    Form("2-D tensor", table(lambda x, w: torch.tensor(x))),
    Form("2-D read-only", table(lambda x, w: read_only(x))),
    Form("2-D with n_audio_features", split_table),
    Form("2-D, nothing masked", table(lambda x, w: masked(x, w, False))),
    Form("2-D, masked", other_numbers(table(lambda x, w: masked(x, w, True))), REFUSED),
    Form("2-D, NaN", other_numbers(table(lambda x, w: spoiled(x, w, np.nan))), REFUSED),
    Form("2-D, infinity", other_numbers(table(lambda x, w: spoiled(x, w, np.inf))), REFUSED),
    Form("2-D complex", other_numbers(table(lambda x, w: x.astype(complex))), REFUSED),
    Form("2-D text", other_numbers(table(lambda x, w: np.full(x.shape, "loud"))), REFUSED),
    Form("2-D without columns", other_numbers(table(lambda x, w: x[:, :0])), REFUSED),
    Form("2-D without rows", other_numbers(table(lambda x, w: x[:0])), REFUSED),
    Form("DataFrame", table(lambda x, w: named_columns(x))),
    Form("DataFrame of nullable floats", table(lambda x, w: pd.DataFrame(x).astype("Float64"))),
    Form("DataFrame of objects", table(lambda x, w: named_columns(x).astype(object))),
    Form("DataFrame with another index", table(lambda x, w: named_columns(x).set_axis(range(5, 5 + len(x))[::-1]))),
    Form("DataFrame with equal names", table(lambda x, w: pd.DataFrame(x, columns=["f"] * x.shape[1])), EITHER),
    Form(
        "DataFrame with names and numbers",
        table(lambda x, w: named_columns(x).rename({"feature 0": 0}, axis=1)),
        EITHER,
    ),
    Form("DataFrame with pd.NA", other_numbers(table(missing_frame)), REFUSED),
    Form("DataFrame of text", other_numbers(table(lambda x, w: pd.DataFrame(x).astype(str) + "x")), REFUSED),
    Form("DataFrame of categories", table(lambda x, w: pd.DataFrame(x).astype("category")), EITHER),
    Form("sparse", other_numbers(table(lambda x, w: sparse.csr_array(x))), REFUSED),
    # not features at all
    Form("None", other_numbers(lambda w: None), REFUSED),
    Form("a number", other_numbers(lambda w: 3.0), REFUSED),
    Form("a word", other_numbers(lambda w: "features.npy"), REFUSED),
    Form("an object", other_numbers(lambda w: object()), REFUSED),
    Form("a generator", other_numbers(lambda w: (x for x in w.audio)), REFUSED),
    Form("a set", other_numbers(lambda w: {1, 2}), REFUSED),
    Form("one axis", other_numbers(lambda w: w.audio[:, 0, 0]), REFUSED),
    Form("no axis", other_numbers(lambda w: np.array(1.0)), REFUSED),
    Form("four axes", other_numbers(lambda w: w.audio[..., None]), REFUSED),
    Form("a pair of arrays", other_numbers(lambda w: (w.audio, w.visual)), EITHER),
    Form("an empty list", other_numbers(lambda w: []), REFUSED),
    Form("an empty dict", other_numbers(lambda w: {}), REFUSED),
    Form("a dict without visual", other_numbers(lambda w: {"audio": w.audio}), REFUSED),
    Form("a dict with None", other_numbers(lambda w: {"audio": w.audio, "visual": None}), REFUSED),
    Form("a dict of joined halves", other_numbers(lambda w: {"audio": w.audio[:, 0], "visual": w.visual}), REFUSED),
    Form("a dict of other lengths", other_numbers(lambda w: {"audio": w.audio, "visual": w.visual[1:]}), REFUSED),
]
FLATTENED = [Form("flattened AVFeatures", flattened, EITHER)]  # in fit they are other videos


# -------------------------------------------------------------------- targets
def in_place(value, labels=World.text):
    """Return a maker of labels as objects, one of which is `value`."""
    return lambda w: lost(w, spoiled(labels(w).astype(object), w, value))


def lost(w, y):
    """Say that the labels of y are not known."""
    w.truth = w.classes = None
    return y


def recoded(convert):
    """Return a maker of the labels that `convert` makes of whole numbers, background first."""

    def make(w):
        values = convert(np.arange(w.n_classes))
        return w.labels(list(values))

    return make


def of_dtype(dtype):
    """Return a maker of whole numbers of a NumPy dtype."""

    def make(w):
        y = w.whole().astype(dtype)
        w.classes = np.unique(y).tolist()
        return y

    return make


def framed(labels, dtype=None):
    """Return a maker of a DataFrame of labels, or a Series."""

    def make(w):
        y = labels(w)
        frame = pd.Series(y) if y.ndim == 1 else pd.DataFrame(y)
        return frame if dtype is None else frame.astype(dtype)

    return make


def only_event(w):
    """One event class in all segments."""
    w.codes = np.ones_like(w.codes)
    w.may_be_named |= {"background", "classes"}
    return w.text()


def only_background(w):
    """Nothing but background."""
    w.codes = np.zeros_like(w.codes)
    w.may_be_named |= {"background", "classes"}
    return w.text()


def no_background(w):
    """Labels none of which is the background."""
    w.codes = np.maximum(w.codes, 1)
    w.may_be_named |= {"background", "classes"}
    return w.text()


def two_classes(convert):
    """Return a maker of labels of two classes."""

    def make(w):
        w.codes = (w.codes > 0).astype(int)
        w.may_be_named.add("classes")  # of which gated networks may need more
        return convert(w)

    return make


def named_zeros_and_ones(w):
    """Zeros and ones with the parameter that says what they are."""
    y = w.whole()
    w.params["classes"] = w.classes = [0, 1]
    w.ambiguous = False
    return y


def as_many_classes(w):
    """Whole numbers with as many classes as segments."""
    w.n_classes = max(w.n_segments, 2)
    w.codes = w.codes % w.n_classes
    w.codes[: w.n_classes, 0] = np.arange(w.n_classes)[: w.n]
    return w.whole()


def named_shares(order):
    """Return a maker of a DataFrame of proportions, whose columns are the names of the classes in an `order`."""

    def make(w):
        shares = pd.DataFrame(w.shares(), columns=w.names())
        w.may_be_named.add("classes")
        return shares.iloc[:, order(np.arange(w.n_classes))]

    return make


def shares(change=lambda x, w: x):
    """Return a maker of proportions."""
    return lambda w: change(w.shares(), w)


def unnamed_shares(w):
    """Proportions whose classes are numbers."""
    y = w.shares()
    del w.params["classes"]
    w.params["background"], w.classes = 0, list(range(w.n_classes))
    return y


def one_hot(change=lambda x, w: x, names=False):
    """Return a maker of one-hot labels, whose columns have `names`."""

    def make(w):
        y = w.one_hot()
        if names:
            w.params.update(background="background", classes=w.names())
            w.truth, w.classes = np.array(w.names())[w.codes], sorted(w.names())
        return change(y, w)

    return make


def category(values):
    """Return a maker of one category a video, which weak supervision takes."""

    def make(w):
        y = np.asarray(values(w))[w.codes.max(1)]
        w.classes = np.unique(y).tolist()
        w.may_be_named |= {"background", "classes"}
        return y

    return make


def numbered(w):
    """Values for whole numbers of categories."""
    w.params["background"] = 0
    return np.arange(w.n_classes)


def filled(make, value):
    """Return a maker of a masked array of labels, with `value` masked or not."""
    return lambda w: (lambda y: masked(y, w, value) if not value else lost(w, masked(y, w, value)))(make(w))


def unlike(make):
    """Return a maker of something that holds no labels."""
    return lambda w: lost(w, make(w))


def several_segments(world):
    """Return what is expected of labels with another number of segments."""
    return EITHER if world.n_segments == 1 else REFUSED


Y_FORMS = [
    Form("text", World.text),
    Form("text as objects", lambda w: w.text().astype(object)),
    Form("text as lists", lambda w: w.text().tolist()),
    Form("text as tuples", lambda w: tuple(map(tuple, y)) if (y := w.text()).ndim == 2 else tuple(y)),
    Form("one array a video", lambda w: list(w.text())),
    Form("StringDType", lambda w: w.text().astype(np.dtypes.StringDType())),
    Form("text, Fortran order", lambda w: np.asfortranarray(w.text())),
    Form("text, read-only", lambda w: read_only(w.text())),
    Form("text, DataFrame", framed(World.text)),
    Form("text, DataFrame of strings", framed(World.text, "string")),
    Form("text, DataFrame of objects", framed(World.text, object)),
    Form("text, DataFrame of categories", framed(World.text, "category")),
    Form("text, nothing masked", filled(World.text, False)),
    Form("text with blanks", lambda w: w.labels([f" {name}\n" for name in w.names()])),
    Form("text with an empty word", lambda w: w.labels(["", *w.names()[1:]])),
    Form("text like numbers", lambda w: w.labels([str(code) for code in range(w.n_classes)])),
    Form("text beyond ASCII", lambda w: w.labels([f"{name} ♫ é" for name in w.names()])),
    Form("bytes", lambda w: lost(w, w.text().astype("S")), EITHER),
    Form("whole numbers", World.whole),
    Form("whole numbers as lists", lambda w: w.whole().tolist()),
    *[Form(dtype, of_dtype(dtype)) for dtype in ("i1", "u1", "u2", "i4", "u8", ">i8", "f2", "f4", "f8", "g")],
    Form("objects of int", lambda w: w.whole().astype(object)),
    Form("objects of float", lambda w: of_dtype(float)(w).astype(object)),
    Form("objects of np.int64", lambda w: np.vectorize(np.int64, otypes=[object])(w.whole())),
    Form("Int64 DataFrame", framed(World.whole, "Int64")),
    Form("UInt8 DataFrame", framed(World.whole, "UInt8")),
    Form("Float64 DataFrame", framed(of_dtype(float), "Float64")),
    Form("DataFrame of integers", framed(World.whole)),
    Form("DataFrame of categories of integers", framed(World.whole, "category")),
    Form("tensor of integers", lambda w: torch.tensor(w.whole())),
    Form("integers, nothing masked", filled(World.whole, False)),
    Form("negative integers", recoded(lambda codes: -codes - 1)),
    Form("large integers", recoded(lambda codes: codes + 2**40)),
    Form("uint64 beyond int64", recoded(lambda codes: codes.astype(np.uint64) + np.uint64(2**63))),
    Form("integers beyond 64 bits", lambda w: lost(w, recoded(lambda c: c.astype(object) + 10**30)(w)), EITHER),
    Form("bools", two_classes(lambda w: w.labels([False, True]))),
    Form("objects of bool", two_classes(lambda w: w.labels([False, True]).astype(object))),
    Form("boolean DataFrame", two_classes(framed(lambda w: w.labels([False, True]), "boolean"))),
    Form("zeros and ones", two_classes(World.whole)),
    Form("zeros and ones, named by classes", two_classes(named_zeros_and_ones)),
    Form("as many classes as segments", as_many_classes),
    Form("Decimals", lambda w: lost(w, np.vectorize(Decimal, otypes=[object])(w.whole())), EITHER),
    Form("fractions", lambda w: lost(w, w.whole() + 0.5), REFUSED),
    Form("NaN among floats", lambda w: lost(w, spoiled(w.whole().astype(float), w, np.nan)), REFUSED),
    Form("infinity among floats", lambda w: lost(w, spoiled(w.whole().astype(float), w, np.inf)), REFUSED),
    Form("None among text", in_place(None), REFUSED),
    Form("NaN among text", in_place(np.nan), REFUSED),
    Form("pd.NA among text", in_place(pd.NA), REFUSED),
    Form("pd.NaT among text", in_place(pd.NaT), REFUSED),
    Form("None among integers", in_place(None, World.whole), REFUSED),
    Form("pd.NA among integers", in_place(pd.NA, World.whole), REFUSED),
    Form("NaN among integers as objects", in_place(np.nan, World.whole), REFUSED),
    Form("a number among text", in_place(1), REFUSED),
    Form("text among numbers", in_place("dog", World.whole), REFUSED),
    Form("a tuple among text", lambda w: lost(w, spoiled_by_tuple(w)), REFUSED),
    Form("Int64 DataFrame with pd.NA", lambda w: missing_label(w, World.whole, "Int64"), REFUSED),
    Form("string DataFrame with pd.NA", lambda w: missing_label(w, World.text, "string"), REFUSED),
    Form("categories with a missing one", lambda w: missing_label(w, World.text, "category"), REFUSED),
    Form("masked text", filled(World.text, True), REFUSED),
    Form("masked integers", filled(World.whole, True), REFUSED),
    Form("nothing but None", unlike(lambda w: np.full(w.codes.shape, None)), REFUSED),
    Form("complex", unlike(lambda w: w.whole().astype(complex)), REFUSED),
    Form("dates", unlike(lambda w: w.codes.astype("M8[D]")), EITHER),
    Form("durations", unlike(lambda w: w.codes.astype("m8[s]")), EITHER),
    Form("DataFrame of dates", unlike(lambda w: pd.DataFrame(w.codes.astype("M8[s]"))), EITHER),
    Form("raw bytes", unlike(lambda w: np.zeros(w.codes.shape, "V3")), REFUSED),
    Form("objects", unlike(lambda w: np.full(w.codes.shape, object())), REFUSED),
    Form("one event class", only_event, EITHER),
    Form("nothing but background", only_background, EITHER),
    Form("no background", no_background, EITHER),
    Form("a video too few", unlike(lambda w: w.text()[:-1]), REFUSED),
    Form("a video too many", unlike(lambda w: np.concatenate([y := w.text(), y[:1]])), REFUSED),
    Form("no videos", unlike(lambda w: w.text()[:0]), REFUSED),
    Form("a segment too few", unlike(lambda w: np.array(w.names())[w.codes][:, :-1]), REFUSED),
    Form("a segment too many", unlike(lambda w: np.array(w.names())[np.c_[w.codes, w.codes[:, :1]]]), REFUSED),
    Form(
        "transposed",
        unlike(lambda w: np.array(w.names())[w.codes].T),
        lambda w: EITHER if w.n == w.n_segments else REFUSED,
    ),
    Form(
        "ragged",
        unlike(lambda w: [row[: len(row) - k % 2].tolist() for k, row in enumerate(np.c_[w.codes, w.codes])]),
        REFUSED,
    ),
    Form("four axes", unlike(lambda w: w.codes[..., None, None]), REFUSED),
    Form("text of three axes", unlike(lambda w: np.array(w.names())[w.codes][..., None]), REFUSED),
    Form("no axis", unlike(lambda w: np.array("dog")), REFUSED),
    Form("None", unlike(lambda w: None), REFUSED),
    Form("a word", unlike(lambda w: "background"), REFUSED),
    Form("a dict", unlike(lambda w: {"y": w.codes}), REFUSED),
    Form("a set", unlike(lambda w: set(range(w.n))), REFUSED),
    Form("a generator", unlike(lambda w: (row for row in w.codes)), REFUSED),
    Form("the features", unlike(lambda w: w.features()), REFUSED),
    Form("sparse", unlike(lambda w: sparse.csr_array(w.codes)), REFUSED),
    Form("one-hot", one_hot()),
    Form("one-hot floats", one_hot(lambda y, w: y.astype(float))),
    Form("one-hot bools", one_hot(lambda y, w: y.astype(bool))),
    Form("one-hot lists", one_hot(lambda y, w: y.tolist())),
    Form("one-hot objects", one_hot(lambda y, w: y.astype(object))),
    Form("one-hot tensor", one_hot(lambda y, w: torch.tensor(y))),
    Form("one-hot with names", one_hot(names=True)),
    Form("one-hot, nothing masked", one_hot(lambda y, w: masked(y, w, False))),
    Form("one-hot, masked", one_hot(lambda y, w: lost(w, masked(y, w, True))), REFUSED),
    Form("one-hot with a 2", one_hot(lambda y, w: lost(w, spoiled(y, w, 2))), REFUSED),
    Form("one-hot with NaN", one_hot(lambda y, w: lost(w, spoiled(y.astype(float), w, np.nan))), REFUSED),
    Form("one-hot with an empty row", one_hot(lambda y, w: lost(w, y * (np.arange(w.n) > 0)[:, None, None])), REFUSED),
    Form("one-hot of other segments", one_hot(lambda y, w: lost(w, y[:, :-1])), REFUSED),
    Form("one-hot with a column too few", one_hot(lambda y, w: lost(w, y[..., :-1]), names=True), REFUSED),
    Form("categories", category(World.names), only_one_segment),
    Form("categories as objects", category(lambda w: np.array(w.names(), object)), only_one_segment),
    Form("numbered categories", category(numbered), only_one_segment),
    Form("Series of categories", lambda w: pd.Series(category(World.names)(w), dtype="category"), only_one_segment),
    Form("pd.Categorical", lambda w: pd.Categorical(category(World.names)(w)), only_one_segment),
    Form("Series of Int64", lambda w: pd.Series(category(numbered)(w), dtype="Int64"), only_one_segment),
    Form("proportions", shares(), only_weak),
    Form("proportions in float32", shares(lambda y, w: y.astype(np.float32)), only_weak),
    Form("proportions as lists", shares(lambda y, w: y.tolist()), only_weak),
    Form("proportions as objects", shares(lambda y, w: y.astype(object)), only_weak),
    Form("proportions without names", unnamed_shares, only_weak),
    Form("proportions, nothing masked", shares(lambda y, w: masked(y, w, False)), only_weak),
    Form("proportions, masked", shares(lambda y, w: masked(y, w, True)), REFUSED),
    Form("proportions with names", named_shares(lambda order: order), only_weak),
    Form("proportions with names in another order", named_shares(lambda order: order[::-1]), only_weak),
    Form("proportions that sum to 1.0005", shares(lambda y, w: y * 1.0005), EITHER),
    Form("proportions that sum to 0.9", shares(lambda y, w: y * 0.9), REFUSED),
    Form("proportions with a negative one", shares(lambda y, w: y * 3 - 2 * np.roll(y, 1, 1)), REFUSED),
    Form("proportions with NaN", shares(lambda y, w: spoiled(y, w, np.nan)), REFUSED),
    Form("proportions with a column too few", shares(lambda y, w: y[:, :-1]), REFUSED),
    Form(
        "proportions with names of others",
        lambda w: named_shares(lambda o: o)(w).set_axis([f"x{j}" for j in range(w.n_classes)], axis=1),
        EITHER,
    ),
    Form("proportions of whole videos", shares(lambda y, w: np.eye(w.n_classes)[w.codes.max(1)]), EITHER),
]


def spoiled_by_tuple(w):
    """Return text labels as objects with a tuple among them."""
    y = w.text().astype(object)
    y[w.element(y)] = ("dog", "cat")
    return y


def missing_label(w, labels, dtype):
    """Return a DataFrame of an extension dtype with a missing label."""
    y = framed(labels, dtype)(w)
    if y.ndim == 2:
        y = y.copy()
        y.iloc[w.element(y)] = pd.NA
    else:
        y.iloc[w.element(y)[0]] = pd.NA
    return lost(w, y)


# -------------------------------------------------------------------- weights
def weights(change):
    """Return a maker of weights."""
    return lambda w: change(w.rng.uniform(0.5, 2, w.n).round(3), w)


def one_of(value):
    """Return a maker of weights, one of which is `value`."""
    return weights(lambda x, w: spoiled(x, w, value))


def zero_but_one(w):
    """Weights of which all but one are 0."""
    w.may_be_named.add("X")  # of which one video is left
    return np.eye(w.n)[int(w.rng.integers(w.n))]


WEIGHT_FORMS = [
    Form("None", lambda w: None),
    Form("ones", lambda w: np.ones(w.n)),
    Form("some", weights(lambda x, w: x)),
    Form("float32", weights(lambda x, w: x.astype(np.float32))),
    Form("integers", lambda w: w.rng.integers(1, 5, w.n)),
    Form("uint8", lambda w: w.rng.integers(200, 255, w.n).astype(np.uint8)),
    Form("bools", lambda w: np.arange(w.n) % 5 < 4),
    Form("list", weights(lambda x, w: x.tolist())),
    Form("tuple", weights(lambda x, w: tuple(x))),
    Form("Series with another index", weights(lambda x, w: pd.Series(x, index=np.arange(w.n)[::-1] + 5))),
    Form("nullable Series", weights(lambda x, w: pd.Series(x, dtype="Float64"))),
    Form("objects", weights(lambda x, w: x.astype(object))),
    Form("tensor", weights(lambda x, w: torch.tensor(x))),
    Form("read-only", weights(lambda x, w: read_only(x))),
    Form("one zero", one_of(0.0)),
    Form("one heavy", one_of(1e6)),
    Form("one of 1e300", one_of(1e300)),
    Form("all 1e300", weights(lambda x, w: x * 1e300)),
    Form("all 1e308", lambda w: np.full(w.n, 1e308)),
    Form("all 1e-300", weights(lambda x, w: x * 1e-300)),
    Form("subnormal", lambda w: np.full(w.n, 5e-324)),
    Form("one of 1e-300", one_of(1e-300)),
    Form("a scalar", lambda w: 2.0, EITHER),
    Form("all zero", lambda w: np.zeros(w.n), REFUSED),
    Form("zero but one", zero_but_one, EITHER),
    Form("negative", one_of(-1.0), REFUSED),
    Form("all negative", weights(lambda x, w: -x), REFUSED),
    Form("NaN", one_of(np.nan), REFUSED),
    Form("infinity", one_of(np.inf), REFUSED),
    Form("masked", weights(lambda x, w: masked(x, w, True)), REFUSED),
    Form("None among them", weights(lambda x, w: spoiled(x.astype(object), w, None)), REFUSED),
    Form("pd.NA among them", weights(lambda x, w: pd.Series(x, dtype="Float64").mask(np.arange(w.n) == 1)), REFUSED),
    Form("one too few", weights(lambda x, w: x[:-1]), REFUSED),
    Form("one too many", weights(lambda x, w: np.append(x, 1.0)), REFUSED),
    Form("none", lambda w: [], REFUSED),
    Form("a column", weights(lambda x, w: x[:, None]), REFUSED),
    Form("one a segment", lambda w: np.ones((w.n, w.n_segments)), REFUSED),
    Form("text", lambda w: ["heavy"] * w.n, REFUSED),
    Form("complex", weights(lambda x, w: x + 1j), REFUSED),
    Form("a word", lambda w: "balanced", REFUSED),
    Form("a dict", lambda w: {"dog": 2.0}, REFUSED),
    Form("an object", lambda w: object(), REFUSED),
]


# ------------------------------------------------------ what is given to events
def values(*these):
    """Return makers of values."""
    return [lambda w, value=value: value for value in these]


VIDEOS = [
    *values(None, "a", 3, [], object()),
    lambda w: [f"{k}.mp4" for k in range(w.n)],
    lambda w: np.array([f"{k}.mp4" for k in range(w.n)], object),
    lambda w: ["same"] * w.n,
    lambda w: list(range(w.n)),
    lambda w: [f"{k}.mp4" for k in range(w.n + 1)],
    lambda w: [[k] for k in range(w.n)],
    lambda w: [[k] * (1 + k % 2) for k in range(w.n)],
    lambda w: [None] * w.n,
    lambda w: pd.Series([f"{k}.mp4" for k in range(w.n)], index=range(7, 7 + w.n)),
    lambda w: pd.DataFrame({"video": range(w.n)}),
    lambda w: np.ma.masked_array(np.arange(w.n), np.arange(w.n) == 1),
]


def show(value):
    """Return how a description writes a value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = value.__name__ if callable(value) and hasattr(value, "__name__") else repr(value)
    return " ".join(text.split())[:80]

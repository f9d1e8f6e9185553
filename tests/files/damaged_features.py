"""Files of features to damage: pairs of .npy, HDF5 files, and the files of load_ave."""

import ast
import inspect
import struct
import warnings
from functools import cache

import h5py
import numpy as np
from damaged_rule import EITHER, REFUSED, WrongResultError

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.datasets import load_ave

AUDIO, VISUAL = (6, 3, 4), (6, 3, 2, 2, 5)
N_VIDEOS, N_SEGMENTS, *_ = VISUAL
LABELS = np.array([["quiet", "dog", "dog"], ["cat", "cat", "quiet"], ["quiet", "quiet", "dog"]] * 2)
PARAMS = {"hidden_size": 4, "max_epochs": 1, "background": "quiet", "random_state": 0, "device": "cpu"}
HOSTILE = (0, -1, 1, 2, 5, 7, 2**31, 2**40, 2**62, 2**63, 2**64, 2**70, 10**400)


def features():
    """The audio and visual features of six videos."""
    rng = np.random.default_rng(0)
    return rng.normal(size=AUDIO).astype("f4"), rng.normal(size=VISUAL).astype("f4")


@cache
def fitted():
    """An estimator fitted to those features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PSPLocalizer(**PARAMS).fit(AVFeatures(*features()), LABELS)


def read_all(X, localizer):
    """Read features as an estimator does, all videos in two parts; those that it refuses are no result."""
    audio, visual = np.array(X.audio), np.array(X.visual)
    if audio.shape[1:] == AUDIO[1:] and visual.shape[1:] == VISUAL[1:]:
        localizer.predict_proba(X)
    elif not (np.isfinite(audio).all() and np.isfinite(visual).all()):
        raise ValueError("Input X contains NaN, but no estimator takes these shapes.")
    back = X.take(np.arange(len(X))[::-1])
    if not all(map(np.array_equal, (part[::-1] for part in back), (audio, visual))):
        raise WrongResultError("rows in another order have other values")
    return {"audio": audio, "visual": visual}


class NpyPairs:
    """Pairs of .npy files, read by `AVFeatures.from_npy`."""

    name = "npy"
    variants = ("v1", "v2", "v3", "fortran", "f8", "f2", "i2", "big")

    def make(self, folder, variant):
        """Write the good files of a variant."""
        self.localizer = fitted()
        for name, array in zip(("audio", "visual"), features(), strict=True):
            version = {"v1": (1, 0), "v2": (2, 0), "v3": (3, 0)}.get(variant)
            array = np.asfortranarray(array) if variant == "fortran" else array
            dtype = {"f8": "f8", "f2": "f2", "i2": "i2", "big": ">f4"}.get(variant, "f4")
            with open(folder / f"{name}.npy", "wb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the newer versions of the format
                np.lib.format.write_array(file, array.astype(dtype, order="A"), version)

    def read(self, folder, variant, rng):
        """Read the pair."""
        return read_all(AVFeatures.from_npy(folder / "audio.npy", folder / "visual.npy"), self.localizer)

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        return (npy_shape, npy_shape, npy_field, npy_text, npy_length, npy_objects, npy_nan)


def npy_parts(file):
    """Return the header of an .npy file as a dict, and its data."""
    raw = file.read_bytes()
    wide = raw[6] > 1
    length = struct.unpack("<I" if wide else "<H", raw[8 : 12 if wide else 10])[0]
    start = 12 if wide else 10
    return ast.literal_eval(raw[start : start + length].decode()), raw[start + length :]


def write_npy(file, header, data, *, length=None, version=1):
    """Write an .npy file with any header, text or dict, of any length."""
    text = header if isinstance(header, bytes) else repr(header).encode()
    wide = version > 1 or len(text) > 2**16 - 1
    length = (len(text) if length is None else length) % 2 ** (32 if wide else 16)
    size = struct.pack("<I" if wide else "<H", length)
    file.write_bytes(b"\x93NUMPY" + bytes([2 if wide else 1, 0]) + size + text + data)


def npy_shape(rng, file):
    """A number in the shape is another."""
    header, data = npy_parts(file)
    shape, at = list(header["shape"]), int(rng.integers(len(header["shape"])))
    shape[at] = HOSTILE[rng.integers(len(HOSTILE))]
    if rng.random() < 0.2:
        shape = [shape[at], *shape]
    write_npy(file, {**header, "shape": tuple(shape)}, data)
    return f"shape {str(shape)[:60]}", EITHER


def npy_field(rng, file):
    """A field of the header is none that there is."""
    header, data = npy_parts(file)
    values = {
        "descr": ["<f4,", "O", "|O8", "f16", "<U5", "M8[ns]", [("a", "<f4")], ("<f4", (2**31, 2)), "(" * 300, "c8", 7]
        + ["V4", "<f4" * 500, ("O", (3,)), "<f2", "<f8", ">f4", "<i8", "b1", "", None, {"names": ["a"]}],
        "shape": [None, 6, (), (6.0, 3, 4), ("6",), (True, 3, 4), [6, 3, 4], (6,) * 70, ((6,), 3), {}, (1e308,)],
        "fortran_order": [2, None, "no", [], True, -1],
    }
    name = list(values)[rng.integers(3)]
    value = values[name][rng.integers(len(values[name]))]
    if rng.random() < 0.1:
        header["more"] = value
    write_npy(file, {**header, name: value}, data)
    return f"{name} is {str(value)[:40]!r}", EITHER


def npy_text(rng, file):
    """The header is other text."""
    _, data = npy_parts(file)
    texts = [b"(" * 4000, b"-" * 5000 + b"1", b"[" * 60_000, b"{'descr': '<f4', 'fortran_order': False, 'shape': (6, 3"]
    texts += [b"{'descr': '<f4'}", b"\xff" * 50, b"{" * 90, b"'" * 3, b"\x00" * 118, b"1+1j", b"x for x in", b"\\\n"]
    texts += [
        b"{**{}}",
        b"__import__('os').system('true')",
        b"0x" + b"f" * 5000,
        b"9" * 5000,
        b"\n" * 118,
        b"# coding: x",
    ]
    texts += [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (6, 3L, 4L), }",
        b"1if 1else 2",
        b"'\\x",
        b"f'{'",
        b"1_0",
    ]
    text = texts[rng.integers(len(texts))]
    write_npy(file, text + b"\n" * int(rng.integers(2)), data, version=int(rng.integers(1, 3)))
    return f"header {text[:50]!r}", REFUSED if b"3L" not in text else EITHER


def npy_length(rng, file):
    """The length of the header is another."""
    header, data = npy_parts(file)
    length = [0, 1, 10, 2**15, 2**16 - 1, 2**31, 2**32 - 1][rng.integers(7)]
    write_npy(file, header, data, length=length, version=int(rng.integers(1, 3)))
    return f"header of length {length}", REFUSED


def npy_objects(rng, file):
    """An array of Python objects."""
    np.save(file, np.array([{"a": 1}, None] * 3, dtype=object), allow_pickle=True)
    return "an array of objects", REFUSED


def npy_nan(rng, file):
    """Numbers that are none."""
    header, data = npy_parts(file)
    dtype = np.dtype(header["descr"])
    if dtype.kind != "f":
        return npy_length(rng, file)
    array = np.frombuffer(data, dtype).copy()
    array[rng.integers(len(array))] = rng.choice([np.nan, np.inf])
    write_npy(file, header, array.tobytes())
    return "a number that is not finite", REFUSED


# ------------------------------------------------------- HDF5
class HDF5Files:
    """HDF5 files of all layouts, read by `AVFeatures.from_hdf5`, and those of `load_ave`."""

    name = "hdf5"
    variants = ("contiguous", "chunked", "gzip", "earliest", "latest", "fletcher", "big", "virtual", "link", "storage")
    variants += ("ave", "ave")
    optional = ("labels.h5", "audio.bin", "visual.bin")  # the last two are numbers alone: any bytes are some

    def make(self, folder, variant):
        """Write the good files of a variant."""
        self.localizer = fitted()
        if variant == "ave":
            return make_ave(folder)
        for name, array in zip(("audio", "visual"), features(), strict=True):
            write_hdf5(folder, name, array, variant)

    def read(self, folder, variant, rng):
        """Read the pair, or the dataset."""
        external = {"external_files": folder} if variant in ("virtual", "link", "storage") else {}
        if variant == "ave":
            return read_ave(folder)
        if "external_files" not in inspect.signature(AVFeatures.from_hdf5).parameters:
            external = {}
        keys = {"audio_key": "features", "visual_key": "features"} if variant in ("link", "latest") else {}
        return read_all(
            AVFeatures.from_hdf5(folder / "audio.h5", folder / "visual.h5", **keys, **external), self.localizer
        )

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        if file.suffix != ".h5":
            return ()
        return (hdf5_other, hdf5_other, hdf5_unwritten, hdf5_dataset, hdf5_dataset, hdf5_elsewhere)


def write_hdf5(folder, name, array, variant):
    """Write features into an HDF5 file, and into those that it points to."""
    options = {
        "chunked": {"chunks": (2, *array.shape[1:])},
        "gzip": {"chunks": (1, *array.shape[1:]), "compression": "gzip", "shuffle": True},
        "fletcher": {"chunks": (4, *array.shape[1:]), "fletcher32": True},
        "big": {"dtype": ">f4"},
        "storage": {"external": [(folder.parent / "case" / f"{name}.bin", 0, array.nbytes)]},  # where it will be read
    }.get(variant, {})
    version = variant if variant in ("earliest", "latest") else None
    with h5py.File(folder / f"{name}.h5", "w", libver=version) as file:
        if variant not in ("virtual", "link"):
            dataset = file.create_dataset("features", array.shape, options.pop("dtype", array.dtype), **options)
            if variant == "storage":
                (folder / f"{name}.bin").write_bytes(array.tobytes())
            else:
                dataset[...] = array
            return
        with h5py.File(folder / f"{name}_part.h5", "w") as part:
            part["part"] = array
        if variant == "link":
            file["features"] = h5py.ExternalLink(f"{name}_part.h5", "part")
            return
        layout = h5py.VirtualLayout(array.shape, array.dtype)
        layout[:] = h5py.VirtualSource(f"{name}_part.h5", "part", array.shape)
        file.create_virtual_dataset("features", layout)


def rewrite(file, make):
    """Write an HDF5 file anew, a dataset of the name that it had."""
    with h5py.File(file) as opened:
        names = []
        opened.visit(names.append)
        names = names or ["features"]
        key = names[0]
        shape = next((opened[key].shape for _ in range(1) if key in opened), AUDIO)
    with h5py.File(file, "w") as opened:
        make(opened, key, shape)


def hdf5_other(rng, file):
    """A dataset that no features are."""
    text = h5py.string_dtype()
    choices = {
        "of text": lambda f, key, shape: f.create_dataset(key, shape, text),
        "a group": lambda f, key, shape: f.create_group(key),
        "complex": lambda f, key, shape: f.create_dataset(key, data=np.zeros(shape, "c8")),
        "of records": lambda f, key, shape: f.create_dataset(key, data=np.zeros(shape, [("a", "f4")])),
        "of references": lambda f, key, shape: f.create_dataset(key, shape, h5py.ref_dtype),
        "of lists": lambda f, key, shape: f.create_dataset(key, shape, h5py.vlen_dtype(np.float32)),
        "opaque": lambda f, key, shape: f.create_dataset(key, data=np.zeros(shape, "V4")),
        "empty": lambda f, key, shape: f.create_dataset(key, data=h5py.Empty("f4")),
        "a number": lambda f, key, shape: f.create_dataset(key, data=1.0),
        "without rows": lambda f, key, shape: f.create_dataset(key, data=np.zeros((0, *shape[1:]), "f4")),
        "two": lambda f, key, shape: [f.create_dataset(f"x{i}", data=np.zeros(shape)) for i in range(2)],
        "a loop": lambda f, key, shape: f.__setitem__(key, h5py.SoftLink(f"/{key}")),
        "a link to nothing": lambda f, key, shape: f.__setitem__(key, h5py.SoftLink("/nothing")),
        "a named type": lambda f, key, shape: f.__setitem__(key, np.dtype("f4")),
        "deep": lambda f, key, shape: f.create_group("/".join("a" * 900)),
        "of NaN": lambda f, key, shape: f.create_dataset(key, data=np.full(shape, np.nan)),
        "of 1e308": lambda f, key, shape: f.create_dataset(key, data=np.full(shape, 1e308)),
    }
    name = list(choices)[rng.integers(len(choices))]
    rewrite(file, choices[name])
    return f"dataset {name}", EITHER if name in ("of 1e308", "two", "of NaN") else REFUSED


def hdf5_unwritten(rng, file):
    """Chunks that were never written."""

    def make(opened, key, shape):
        dataset = opened.create_dataset(key, shape, "f4", chunks=(1, *shape[1:]), fillvalue=rng.choice([0, 1, np.nan]))
        dataset[: shape[0] // 2] = 1

    rewrite(file, make)
    return "half of the chunks not written", REFUSED


def hdf5_dataset(rng, file):
    """A dataset that says that it is large."""
    sizes = [2**20, 2**31, 2**40, 2**58]
    size, axis, chunked = sizes[rng.integers(4)], int(rng.integers(2)), bool(rng.integers(2))

    def make(opened, key, shape):
        shape = [*shape]
        shape[axis % len(shape)] = size
        chunks = tuple(min(n, 4) for n in shape) if chunked else None
        opened.create_dataset(key, shape, "f4", chunks=chunks, compression="gzip" if chunked else None)

    try:
        rewrite(file, make)
    except (ValueError, OSError):  # more than HDF5 itself takes
        return hdf5_unwritten(rng, file)
    return f"{size} in axis {axis}, {'chunked' if chunked else 'contiguous'}, never written", REFUSED


def hdf5_elsewhere(rng, file):
    """A dataset that lies in a file elsewhere, good or not there."""
    kind = ["virtual", "link", "storage"][rng.integers(3)]
    away = file.parent.parent / "elsewhere"
    away.mkdir(exist_ok=True)
    source = away / ("there.h5" if rng.random() < 0.7 else "nothing.h5")

    def make(opened, key, shape):
        if source.name == "there.h5":
            with h5py.File(source, "w") as part:
                part["part"] = np.ones(shape, "f4")
        if kind == "link":
            opened[key] = h5py.ExternalLink(source, "part")
        elif kind == "storage":
            opened.create_dataset(key, shape, "f4", external=[(str(source), 0, int(4 * np.prod(shape)))])
        else:
            layout = h5py.VirtualLayout(shape, "f4")
            layout[:] = h5py.VirtualSource(source, "part", shape)
            opened.create_virtual_dataset(key, layout)

    rewrite(file, make)
    return f"{kind} to {source.name} in another folder", REFUSED


# ------------------------------------------------------- the AVE dataset
ANNOTATIONS = [("Dog", "id0", "good", 0, 3), ("Cat", "id1", "good", 1, 2), ("Dog", "id2", "good", 0, 0)]
ANNOTATIONS += [("Cat", "id3", "good", 2, 3), ("Dog", "id4", "fair", 0, 1), ("Cat", "id5", "good", 0, 3)]
ORDERS = {"train": [4, 0, 2], "val": [5, 3], "test": [1]}


def make_ave(folder):
    """Write the files of the AVE dataset, in small."""
    arrays = dict(zip(("audio_feature", "visual_feature"), features(), strict=True))
    label = [["Dog", "Cat"].index(row[0]) if row[3] <= t < row[4] else 2 for row in ANNOTATIONS for t in range(3)]
    arrays["labels"] = np.eye(3)[np.reshape(label, (6, 3))]
    for name, values in arrays.items():
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["avadataset"] = values
    for name, rows in ORDERS.items():
        with h5py.File(folder / f"{name}_order.h5", "w") as file:
            file["order"] = np.array(rows)
    text = "".join("&".join(map(str, row)) + "\n" for row in ANNOTATIONS)
    (folder / "Annotations.txt").write_text("Category&VideoID&Quality&StartTime&EndTime\n" + text)


def read_ave(folder):
    """Read the dataset."""
    ave = load_ave(folder, split="all")
    result = {"audio": np.array(ave.X.audio), "visual": np.array(ave.X.visual), "y": ave.y, "frame": ave.frame}
    if not all(np.isfinite(result[name]).all() for name in ("audio", "visual")):
        raise ValueError("Input X contains NaN: these features are not read by load_ave but by an estimator.")
    return result

"""Files of weights to damage: PCA parameters, released checkpoints, weights of networks, and saved models."""

import contextlib
import os
import pickle
import sys
import types
import warnings
import zipfile
import zlib
from collections import OrderedDict
from dataclasses import replace
from functools import cache

import joblib
import numpy as np
import skops.io
import torch
from damaged_features import LABELS, PARAMS, features, npy_field, npy_shape, npy_text
from damaged_rule import EITHER, REFUSED
from damaged_texts import annotated, command, write_events, write_folder
from sklearn.pipeline import Pipeline
from torch import nn

from ave_sklearn import AVFeatures, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.extraction import VideoFeatureExtractor, _presets, _weights
from ave_sklearn.localizers._released import FULL_NAMES, WEAK_NAMES
from ave_sklearn.nn import PSPNet

BOMB = 400 << 20  # bytes that a member of an archive may be inflated to


# ------------------------------------------------------- what any file of tensors can come to
def load_good(file):
    """Load a file that was made here, whole modules too."""
    with own_classes():
        return torch.load(file, weights_only=False)


def tensors_of(content):
    """Return the dict of tensors in a file."""
    return content.state_dict() if isinstance(content, nn.Module) else content


def save(content, file, rng):
    """Write tensors in one of torch's two formats."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(content, file, _use_new_zipfile_serialization=bool(rng.integers(2)))


def tensor_value(rng, file):
    """One of the tensors is another."""
    tensors = OrderedDict(tensors_of(load_good(file)))
    name = list(tensors)[rng.integers(len(tensors))]
    value = tensors[name]
    nan, inf = value.clone().double(), value.clone().double()
    nan.view(-1)[0], inf.view(-1)[-1] = torch.nan, torch.inf
    choices = {
        "NaN": nan.to(value.dtype),
        "infinity": inf.to(value.dtype),
        "1e308": torch.full(value.shape, 1e308, dtype=torch.float64),
        "half": value.half(),
        "bfloat16": value.bfloat16(),
        "complex": value.to(torch.complex64),
        "whole numbers": value.round().long(),
        "yes and no": value > 0,
        "transposed": value.T if value.ndim == 2 else value[None],
        "one more": torch.cat([value, value[:1]]) if value.ndim else value,
        "empty": value[..., :0],
        "a number": torch.tensor(1.0),
        "sparse": value.to_sparse() if value.ndim else value,
        "stride 0": torch.zeros(1).as_strided((60_000, 100_000), (0, 0)),
        "stride 0 of its shape": torch.zeros(1).expand(value.shape),
        "without data": value.to("meta"),
        "float": 1.0,
        "None": None,
        "text": "weights",
        "list": value.tolist(),
        "dict": {"a": value},
        "parameter": nn.Parameter(value) if value.is_floating_point() else value,
        "many axes": value.reshape(*[1] * 20, *value.shape),
    }
    what = list(choices)[rng.integers(len(choices))]
    tensors[name] = choices[what]
    save(tensors, file, rng)
    fine = ("half", "bfloat16", "parameter", "a number", "whole numbers", "stride 0 of its shape", "yes and no")
    unsure = (*fine, "1e308", "transposed", "sparse", "float", "empty", "one more")
    return f"{name} is {what}", EITHER if what in unsure or name.startswith("L3") else REFUSED


def tensor_names(rng, file):
    """The names are others, or it is no dict of tensors."""
    tensors = dict(tensors_of(load_good(file)))
    name = list(tensors)[rng.integers(len(tensors))]
    value = tensors[name]
    without = {key: other for key, other in tensors.items() if key != name}
    choices = {
        "missing": without,
        "a number": {**without, 7: value},
        "with a line break": {**without, f"{name}\n\x1b[2J": value},
        "in front of module.": {f"module.{key}": other for key, other in tensors.items()},
        "in a dict": {"state_dict": tensors},
        "in a list": [tensors],
        "values alone": list(tensors.values()),
        "tuple": (name, value),
        "the tensor alone": value,
        "nothing": {},
        "None": None,
        "text": "weights",
        "more": {**tensors, "more": torch.zeros(3)},
        "bytes keys": {key.encode(): other for key, other in tensors.items()},
        "tuple keys": {(key,): other for key, other in tensors.items()},
    }
    what = list(choices)[rng.integers(len(choices))]
    save(choices[what], file, rng)
    fine = ("in front of module.", "in a dict", "more", "values alone", "missing")
    return f"{name} {what}", EITHER if what in fine or name.startswith("L3") else REFUSED


class Call:
    """Pickled as a call of a function."""

    def __init__(self, function, *args, state=None):
        self.function, self.args, self.state = function, args, state

    def __reduce__(self):
        return self.function, self.args, self.state


def tensor_code(rng, file):
    """Code, objects and states in place of tensors."""
    kept = {"a": torch.zeros(2)}
    rebuild = torch._utils._rebuild_tensor_v2
    choices = {
        "os.system": Call(os.system, "touch pwned"),
        "builtins.exec": Call(exec, "1"),
        "bytearray(2e9)": Call(bytearray, 2 * 10**9),
        "a set of text": {"a"},
        "a module of torch": nn.Linear(2, 2),
        "getattr": Call(getattr, kept, "clear"),
        "OrderedDict of a number": Call(OrderedDict, 5),
        "_rebuild_tensor_v2 of text": Call(rebuild, "a", 0, (2,), (1,), False, OrderedDict()),
        "_rebuild_parameter of text": Call(torch._utils._rebuild_parameter, "a", True, OrderedDict()),
        "Storage of 2e9": Call(torch.FloatStorage, 2 * 10**9),
        "UntypedStorage of 2e9": Call(torch.UntypedStorage, 2 * 10**9),
        "Size of text": Call(torch.Size, "abc"),
    }
    what = list(choices)[rng.integers(len(choices))]
    save({"L1.weight": choices[what]}, file, rng)
    return what, REFUSED


def tensor_state(rng, file):
    """A pickle that sets an attribute of one of torch's functions or classes, or an entry of its dict."""
    places = [
        b"torch._utils\n_rebuild_tensor_v2",
        b"torch._utils\n_rebuild_parameter",
        b"torch._utils\n_rebuild_tensor",
    ]
    places += [b"collections\nOrderedDict", b"torch\nFloatStorage", b"torch.nn.modules.linear\nLinear"]
    place = places[0] if rng.random() < 0.5 else places[rng.integers(len(places))]
    attribute = [b"__defaults__", b"__defaults__", b"__kwdefaults__", b"dump_patches", b"other"][rng.integers(5)]
    entry = b"(X" + len(attribute).to_bytes(4, "little") + attribute + (b"}" if b"kw" in attribute else b"N") + b"d"
    what = rng.choice(["attribute", "entry"])
    write_raw(
        file, b"\x80\x02c" + place + b"\n" + (b"N" + entry + b"\x86" if what == "attribute" else entry) + b"b.", rng
    )
    return f"{what} {attribute.decode()} of {place.decode().split()[1]} is set", REFUSED


def pickle_program(rng, file):
    """A pickle of opcodes that no pickler writes: deep, endless by references, out of order, or long."""
    deep = int(rng.choice([500, 5000, 200_000]))
    dots = b"ctorch._utils\n_rebuild_tensor_v2\n"
    programs = {
        "deep tuples": b"\x80\x02" + b"N" + b"\x85" * deep + b".",
        "deep lists": b"\x80\x02" + b"]" * deep + b"a" * (deep - 1) + b".",
        "marks": b"\x80\x02" + b"(" * deep + b"t" * deep + b".",
        "doubled again and again": b"\x80\x02N" + b"2\x86" * 60 + b".",
        "a dict in itself": b"\x80\x02}q\0X\1\0\0\0ah\0s.",
        "no value": b"\x80\x02.",
        "popped too often": b"\x80\x02" + b"0" * 5,
        "a memo that is not there": b"\x80\x02h\x07.",
        "a memo far away": b"\x80\x02Nr\xff\xff\xff\x7f.",
        "text of 4e9": b"\x80\x02X\xff\xff\xff\xff.",
        "bytes of 2**62": b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b".",
        "bytearray of 2**40": b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".",
        "bytearray of 2e9": b"\x80\x05\x96" + (2 * 10**9).to_bytes(8, "little") + b".",
        "a long number": b"\x80\x02\x8b" + (50_000).to_bytes(4, "little") + b"\x7f" * 50_000 + b".",
        "a number as text": b"I" + b"9" * 100_000 + b"\n.",
        "protocol 99": b"\x80\x63N.",
        "a frame of 2**62": b"\x80\x04\x95" + (2**62).to_bytes(8, "little") + b"N.",
        "an extension": b"\x80\x02\x82\x01.",
        "a place elsewhere": b"\x80\x02X\1\0\0\0aQ.",
        "a place as a tuple": b"\x80\x02(X\7\0\0\0storageNNNNtQ.",
        "an instance by name": b"(itorch\nFloatStorage\n.",
        "a builder called with nothing": b"\x80\x02" + dots + b")R.",
        "a dotted name": b"\x80\x04\x8c\x05torch\x8c\x0dutils.os.path\x93.",
        "unhashable keys": b"\x80\x02}(]NK\1Nu.",
        "a name of a stub called": b"\x80\x02c__main__\nx\n)R}X\1\0\0\0aNsb.",
        "a stub with odd state": b"\x80\x02c__main__\nx\n)\x81K\1b.",
        "a stub with odd parts": b"\x80\x02c__main__\nx\n)\x81}X\x0b\0\0\0_parametersK\1sb.",
        "a stub in itself": b"\x80\x02c__main__\nx\n)\x81q\0}X\x08\0\0\0_modules}X\1\0\0\0ah\0ssb.",
    }
    what = list(programs)[rng.integers(len(programs))]
    write_raw(file, programs[what], rng)
    return f"pickle: {what} ({len(programs[what])} bytes)", REFUSED


def write_raw(file, body, rng):
    """Write a pickle as torch would: in an archive, or in the older form."""
    if rng.integers(2):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", body)
            archive.writestr("archive/byteorder", "little")
            archive.writestr("archive/data/0", bytes(64))
            archive.writestr("archive/version", "3\n")
        return
    with open(file, "wb") as opened:
        sizes = {"short": 2, "int": 4, "long": 4}
        about = {"protocol_version": 1001, "little_endian": True, "type_sizes": sizes}
        for part in (0x1950A86A20F9469CFC6C, 1001, about):
            pickle.dump(part, opened, protocol=2)
        opened.write(body)
        pickle.dump([], opened, protocol=2)


def inflated(rng, file):
    """A member of an archive becomes very large."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = list(members)[rng.integers(len(members))]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for other, content in members.items():
            if other != name:
                archive.writestr(other, content)
    append_bomb(file, name)
    return f"member {name} is {BOMB} zeros, deflated", EITHER


@cache
def bomb():
    """Return zeros, deflated, and their check sum; the deflated form is put together of equal pieces."""
    piece = 1 << 20
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = deflate.compress(bytes(piece)) + deflate.flush(zlib.Z_FULL_FLUSH)
    middle = deflate.compress(bytes(piece)) + deflate.flush(zlib.Z_FULL_FLUSH)
    last = deflate.compress(bytes(piece)) + deflate.flush()
    crc = 0
    for _ in range(BOMB // piece):
        crc = zlib.crc32(bytes(piece), crc)
    return first + middle * (BOMB // piece - 2) + last, crc


def append_bomb(file, name):
    """Add a member of zeros to an archive."""
    raw, crc = bomb()
    with zipfile.ZipFile(file, "a") as archive:
        info = zipfile.ZipInfo(name)
        archive.writestr(info, raw)  # stored; the directory is told below what it is
    data = bytearray(file.read_bytes())
    at = data.rindex(b"PK\1\2")
    local = int.from_bytes(data[at + 42 : at + 46], "little")
    for place, entry in ((at + 10, at + 16), (local + 8, local + 14)):
        data[place : place + 2] = (8).to_bytes(2, "little")
        data[entry : entry + 4] = crc.to_bytes(4, "little")
        data[entry + 8 : entry + 12] = BOMB.to_bytes(4, "little")
    file.write_bytes(data)


def tensor_damages(file):
    """Return the damage that a file of tensors can come to."""
    archive = (inflated,) if zipfile.is_zipfile(file) else ()
    return (tensor_value, tensor_value, tensor_names, tensor_code, tensor_state, pickle_program, *archive)


# ------------------------------------------------------- PCA
class PCAParameters:
    """PCA parameters of VGGish, .npz and .pth."""

    name = "pca"
    variants = ("npz", "deflated", "pth", "legacy")

    def make(self, folder, variant):
        """Write the good file of a variant."""
        rng = np.random.default_rng(0)
        values = {"pca_eigen_vectors": rng.normal(size=(128, 128)).astype("f4"), "pca_means": rng.normal(size=(128, 1))}
        if variant in ("npz", "deflated"):
            (np.savez if variant == "npz" else np.savez_compressed)(folder / "pca.npz", **values)
        else:
            tensors = {name: torch.from_numpy(value) for name, value in values.items()}
            torch.save(tensors, folder / "pca.pth", _use_new_zipfile_serialization=variant == "pth")

    def read(self, folder, variant, rng):
        """Read the parameters."""
        file = folder / ("pca.npz" if variant in ("npz", "deflated") else "pca.pth")
        return dict(zip(("vectors", "means"), _weights.load_pca_params(file), strict=True))

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        if file.suffix == ".pth":
            return tensor_damages(file)
        return (npz_values, npz_values, npz_header, inflated)


def npz_values(rng, file):
    """The arrays are others."""
    with np.load(file) as opened:
        values = dict(opened)
    name = list(values)[rng.integers(2)]
    value = values[name]
    nan = value.copy()
    nan.flat[0] = np.nan
    choices = {
        "NaN": nan,
        "infinity": np.full_like(value, np.inf),
        "complex": value.astype(complex),
        "text": value.astype(str),
        "objects": value.astype(object),
        "records": np.zeros(value.shape, [("a", "f4")]),
        "times": value.astype("i8").astype("M8[s]"),
        "yes and no": value > 0,
        "long doubles": value.astype(np.longdouble),
        "1e308": np.full(value.shape, 1e308),
        "empty": value[:0],
        "a number": np.float64(3),
        "larger": np.zeros((4000, 4000)),
        "transposed": value.T,
        "missing": None,
    }
    what = list(choices)[rng.integers(len(choices))]
    values = {key: choices[what] if key == name else other for key, other in values.items()}
    fine = ("yes and no", "long doubles", "transposed", "1e308", "text", "records")
    np.savez(file, **{key: other for key, other in values.items() if other is not None})
    return f"{name} {what}", EITHER if what in fine else REFUSED


def npz_header(rng, file):
    """The header of an array in the archive is damaged as that of an .npy file."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = list(members)[rng.integers(len(members))]
    alone = file.parent / "alone.npy"
    alone.write_bytes(members[name])
    note, allowed = (npy_shape, npy_field, npy_text)[rng.integers(3)](rng, alone)
    members[name] = alone.read_bytes()
    alone.unlink()
    with zipfile.ZipFile(file, "w") as archive:
        for other, content in members.items():
            archive.writestr(other, content)
    return f"{name}: {note}", allowed


# ------------------------------------------------------- released checkpoints
CLASSES = ["cat", "dog", "quiet"]
D_AUDIO, D_VISUAL, N_REGIONS = 4, 5, 4


def checkpoint(supervision, names):
    """Weights of the released network under the authors' names, for few features."""
    torch.manual_seed(0)
    net = PSPNet(D_AUDIO, D_VISUAL, 3, N_REGIONS, supervision=supervision, variant="released", hidden_size=256)
    back = {ours: theirs for theirs, ours in names.items()}
    found = {"L3.weight": torch.zeros(6, 2)}  # one that they never use
    for name, value in net.state_dict().items():
        prefix = next(prefix for prefix in back if name.startswith(prefix + "."))
        found[back[prefix] + name.removeprefix(prefix)] = value
    return found


@contextlib.contextmanager
def own_classes():
    """Let the modules be there that the authors' whole modules name, for as long as good files are written or read."""
    for name in ("fully_model", "weakly_model"):
        module = sys.modules[name] = types.ModuleType(name)
        module.psp_net = type("psp_net", (nn.Module,), {"__module__": name})
    try:
        yield
    finally:
        for name in ("fully_model", "weakly_model"):
            del sys.modules[name]


def whole_module(tensors, name):
    """Return a module of the class that the authors pickled, with parameters at their dotted names."""
    net = sys.modules[name].psp_net()
    for key, value in tensors.items():
        parent, *parts = net, *key.split(".")
        for part in parts[:-1]:
            if part not in parent._modules:
                parent.add_module(part, nn.Sequential())
            parent = parent._modules[part]
        parent.register_parameter(parts[-1], nn.Parameter(value))
    return net


class ReleasedCheckpoints:
    """The authors' checkpoints: dicts of tensors and whole modules, in both of torch's formats."""

    name = "released"
    variants = ("full zip", "full legacy", "full whole zip", "full whole legacy", "weak zip", "weak whole legacy")

    def make(self, folder, variant):
        """Write the good file of a variant."""
        is_weak = "weak" in variant
        tensors = checkpoint("weak" if is_weak else "full", WEAK_NAMES if is_weak else FULL_NAMES)
        with own_classes(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = (
                whole_module(tensors, "weakly_model" if is_weak else "fully_model") if "whole" in variant else tensors
            )
            torch.save(content, folder / "PSP.pt", _use_new_zipfile_serialization="zip" in variant)

    def read(self, folder, variant, rng):
        """Make an estimator of the file; what it predicts is the result."""
        estimator = WeakPSPLocalizer if "weak" in variant else PSPLocalizer
        options = {"classes": CLASSES, "background": "quiet", "device": "cpu"}
        localizer = estimator.from_released(folder / "PSP.pt", **options)
        maps = np.random.default_rng(0)
        X = AVFeatures(maps.random((2, 10, D_AUDIO), np.float32), maps.random((2, 10, 2, 2, D_VISUAL), np.float32))
        weights = localizer.net_.module_.state_dict()
        if all(weight.isfinite().all() for weight in weights.values()):
            with contextlib.suppress(ValueError):  # of numbers that are too large together
                return {"proba": localizer.predict_proba(X)}
            return {"proba": np.zeros(0)}
        return {"a weight": np.array([np.nan])}

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        return tensor_damages(file)


class Small(nn.Module):
    """Network that stands in for VGG-19 and VGGish, which are too large to be damaged thousands of times."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())
        self.embeddings = nn.Linear(3, 2)

    def forward(self, x):
        """Return two features of each example."""
        return self.embeddings(self.features(x).mean((2, 3)))


class NetworkWeights:
    """Weights of the networks of the extraction."""

    name = "weights"
    variants = ("zip", "legacy", "double")

    def make(self, folder, variant):
        """Write the good file of a variant."""
        torch.manual_seed(0)
        net = Small().double() if variant == "double" else Small()
        torch.save(net.state_dict(), folder / "vggish-0.pth", _use_new_zipfile_serialization=variant != "legacy")

    def read(self, folder, variant, rng):
        """Load the network; its features are the result."""
        _presets.PRESETS["vggish"] = replace(_presets.PRESETS["vggish"], build=Small)
        network = _weights.load_network("vggish", folder / "vggish-0.pth")
        with torch.no_grad():
            return {"features": network(torch.ones(2, 1, 5, 5)).numpy()}

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        return tensor_damages(file)


# ------------------------------------------------------- saved models
class SavedModels:
    """Saved models: of joblib, read by the command line, and of skops. Pickles are damaged in ways that run no code."""

    name = "model"
    variants = ("joblib", "joblib weak", "compressed", "skops", "skops weak")

    def make(self, folder, variant):
        """Fit an estimator and save it."""
        write_folder(folder)
        write_events(folder / "events.csv", ",")
        localizer = self.localizer(variant)
        if "skops" in variant:
            skops.io.dump(localizer, folder / "model.skops")
        else:
            joblib.dump(pipeline(localizer), folder / "model.joblib", compress=3 if variant == "compressed" else 0)

    def localizer(self, variant):
        """Return a fitted estimator."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return (WeakPSPLocalizer if "weak" in variant else PSPLocalizer)(**PARAMS).fit(
                AVFeatures(*features()), LABELS
            )

    def targets(self, folder):
        """Return the files that may be damaged."""
        return list(folder.glob("model.*"))

    def read(self, folder, variant, rng):
        """Load the model and let it predict."""
        if "skops" not in variant:
            text = command("score", folder / "model.joblib", "--quiet", *annotated(folder))
            return {"printed": text.replace(str(folder), "")}
        names = [f"ave_sklearn.localizers._psp.{cls.__name__}" for cls in (PSPLocalizer, WeakPSPLocalizer)]
        localizer = skops.io.load(folder / "model.skops", trusted=names)
        return {"proba": localizer.predict_proba(AVFeatures(*features()))}

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        return (state_value, state_value, state_value, state_part)


def pipeline(localizer):
    """Return what the command line saves."""
    return Pipeline([("extract", VideoFeatureExtractor(n_segments=3)), ("localize", localizer)])


class Stand:
    """Pickled as an object of a class with any state, made without its constructor."""

    def __init__(self, cls, state):
        self.cls, self.state = cls, state

    def __reduce__(self):
        return self.cls.__new__, (self.cls,), self.state

    transform = predict_events = fit = predict = None


def write_model(file, cls, state):
    """Write a model whose estimator has this state."""
    if file.suffix == ".skops":
        named = type(cls.__name__, (cls,), {"__module__": cls.__module__, "__getstate__": lambda self: state})
        skops.io.dump(named(), file)
    else:
        joblib.dump(pipeline(Stand(cls, state)), file)


def state_of(file):
    """Return the class and the state of the estimator in a good model."""
    if file.suffix == ".skops":
        names = [f"ave_sklearn.localizers._psp.{cls.__name__}" for cls in (PSPLocalizer, WeakPSPLocalizer)]
        localizer = skops.io.load(file, trusted=names)
    else:
        localizer = joblib.load(file).named_steps["localize"]
    return type(localizer), localizer.__getstate__()


def state_value(rng, file):
    """One of the weights, or of their names, is another."""
    cls, state = state_of(file)
    weights = dict(state["_weights_"])
    name = list(weights)[rng.integers(len(weights))]
    value = np.array(weights[name])
    nan = value.astype("f8")
    nan.flat[0] = rng.choice([np.nan, np.inf])
    choices = {
        "not finite": nan.astype(value.dtype) if value.dtype.kind == "f" else nan,
        "of another shape": np.concatenate([value, value]) if value.ndim else np.zeros(3, value.dtype),
        "transposed": value.T if value.ndim == 2 else value[None],
        "float16": value.astype("f2"),
        "complex": value.astype(complex),
        "text": value.astype(str),
        "whole numbers": value.astype(int),
        "None": None,
        "a list": value.tolist(),
        "large": np.full(value.shape, 1e38, value.dtype),
        "big-endian": value.astype(value.dtype.newbyteorder(">")),
        "missing": "missing",
        "renamed": "renamed",
        "one more": "one more",
    }
    what = list(choices)[rng.integers(len(choices))]
    if what == "missing":
        del weights[name]
    elif what in ("renamed", "one more"):
        weights["other"] = weights.pop(name) if what == "renamed" else value
    else:
        weights[name] = choices[what]
    write_model(file, cls, {**state, "_weights_": weights})
    fine = ("float16", "large", "big-endian", "a list", "one more", "whole numbers", "complex")
    may_fit = what in fine or not value.size or (what == "transposed" and value.T.shape == value.shape)
    return f"weight {name} {what}", EITHER if may_fit else REFUSED


def state_part(rng, file):
    """Another part of the state is missing or of another kind."""
    cls, state = state_of(file)
    state = dict(state)
    part = ["_weights_", "_forms_", "_spec_", "_recipe_", "_format_version", "classes_", "n_segments_"][rng.integers(7)]
    part = part if part in state else "_weights_"
    inner = isinstance(state[part], dict) and rng.random() < 0.6
    values = [None, -1, 0, 10**6, 2**40, "text", [], {}, np.nan, (1, 2), np.zeros(3), True]
    value = values[rng.integers(len(values))]
    if inner:
        owner = state[part] = dict(state[part])
        name = list(owner)[rng.integers(len(owner))]
        what = f"{part}[{name}]"
    else:
        owner, name, what = state, part, part
    if rng.random() < 0.3:
        del owner[name]
        value = "missing"
    else:
        owner[name] = value
    write_model(file, cls, state)
    return f"{what} is {value!r:.30}", EITHER

"""Weights that are damaged, foreign or hostile: one ValueError that names the file, and nothing else happens."""

import copyreg
import io
import pickle
import random
import struct
import sys
import tarfile
import tracemalloc
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from ave_sklearn import EventLocalizer, PSPLocalizer
from ave_sklearn.extraction._weights import load_network, load_pca_params
from ave_sklearn.localizers._released import FULL_NAMES
from ave_sklearn.nn import NETWORKS, PSPNet

CLASSES = [f"event {i:02d}" for i in range(28)] + ["zzz background"]
MAGIC = b"".join(pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
L1 = "L1.weight"


def checkpoint():
    """Weights of a released network of few features, under the authors' names."""
    torch.manual_seed(0)
    ours = PSPNet(6, 5, 29, 4, supervision="full", variant="released", hidden_size=256).state_dict()
    theirs = {}
    for name, value in ours.items():
        prefix, ours_prefix = next(pair for pair in FULL_NAMES.items() if name.startswith(pair[1] + "."))
        theirs[prefix + name.removeprefix(ours_prefix)] = value
    return theirs


WEIGHTS = checkpoint()
T = WEIGHTS[L1]


def saved(content, zipped=True):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def legacy(body):
    return MAGIC + body + pickle.dumps([], protocol=2)


def zipped(body, **records):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {"data.pkl": body, "version": b"3", **records}.items():
            archive.writestr(f"archive/{name}", data)
    return file.getvalue()


def read(file):
    return PSPLocalizer.from_released(file, classes=CLASSES, background=CLASSES[-1])


def refused(data, file, message=None):
    """Read a file that must be refused, in silence, by an error that names it; return the error's text."""
    file.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message) as caught:
            read(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


# --------------------------------------------------------------------------------- what a refused file leaves behind
def text(word):
    return b"\x8c" + bytes([len(word)]) + word.encode()


def named(module, name):
    return text(module) + text(name) + b"\x93"


NAMES = [
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_sparse_tensor"),
    ("torch._utils", "_sparse_tensors_to_validate"),
    ("collections", "OrderedDict"),
    ("builtins", "set"),
    ("torch", "FloatStorage"),
    ("torch", "UntypedStorage"),
    ("torch.storage", "TypedStorage"),
    ("torch", "float32"),
    ("torch.nn", "Module"),
    ("torch.nn.modules.linear", "Linear"),
    ("torch", "nn.Module.__init__"),
    ("copyreg", "dispatch_table"),
    ("__main__", "net"),
]


def process():
    """What a file could change: attributes of functions and classes that a file can name, tables, modules."""
    things = [torch._utils, torch.storage.UntypedStorage, torch.storage.TypedStorage, torch.FloatStorage, nn.Module]
    functions = [vars(torch._utils)[name] for module, name in NAMES[:4]]
    return (
        [dict(vars(thing)) for thing in things],
        [(f.__defaults__, f.__kwdefaults__, f.__code__, dict(vars(f))) for f in functions],
        list(torch._utils._sparse_tensors_to_validate),
        dict(copyreg.dispatch_table),
        {name for name in sys.modules if not name.startswith("encodings.")},
        set(dir(OrderedDict)),
        torch.get_default_dtype(),
    )


def hostile(rng):
    """A pickle of random opcodes around the names that a checkpoint may hold."""
    parts = [b"\x80\x04"]
    values = [b"N", b"}", b"]", b")", b"K\x05", text("__defaults__"), text("a"), b"\x88", b"\x8f"]
    for _ in range(rng.randrange(3, 25)):
        parts.append(
            rng.choice(
                [
                    named(*rng.choice(NAMES)),
                    named(*rng.choice(NAMES)) + rng.choice(values) + rng.choice([b"b", b"R", b"\x81", b"a"]),
                    named(*rng.choice(NAMES)) + b"}" + text("__defaults__") + b"Ns" + rng.choice([b"b", b"N\x86b"]),
                    named("torch._utils", "_rebuild_sparse_tensor")
                    + rng.choice(values)
                    + rng.choice(values)
                    + b"\x86R",
                    rng.choice(values),
                    rng.choice(
                        [b"s", b"u", b"e", b"a", b"(", b"0", b"2", b"\x85", b"\x86", b"t", b"Q", b"\x94", b"h\x00"]
                    ),
                    b"(" + rng.choice(values) + rng.choice([b"t", b"l", b"d", b"\x90", b"\x91"]),
                ]
            )
        )
    return b"".join([*parts, b"."])


@pytest.mark.slow
def test_a_refused_file_changes_nothing_in_the_process(tmp_path):
    file = tmp_path / "hostile.pt"
    read(WEIGHTS)  # imports what reading imports
    refused(saved(T), file)
    rng, before = random.Random(0), process()
    bodies = [b"\x80\x04" + named(*name) + b"}" + text("__defaults__") + b"Nsb." for name in NAMES]
    for i, body in enumerate(bodies + [hostile(rng) for _ in range(1000)]):
        refused((legacy, zipped)[i % 2](body), file)
    assert process() == before
    good = saved(WEIGHTS)
    assert torch.equal(torch.load(io.BytesIO(good), weights_only=True)[L1], T)


# ---------------------------------------------------------------------------------------------- foreign and damaged
def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return file.getvalue()


def script():
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 3)), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"some text\n" * 9, "begins with b'some text"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
        (b"\x93NUMPY\x01\x00", "an .npy file"),
        (struct.pack("<Q", 60) + b'{"a":{"dtype":"F32"}}', "safetensors"),
        (tar(), "tar archive"),
        (script(), "TorchScript"),
        (pickle.dumps({"L1.weight": np.zeros(2)}), "not a state dict.*numpy.* has no place"),
        (zipped(b"N.", **{"data.pkl": b""}), "cannot be read"),
    ],
)
def test_files_of_other_kinds(data, message, tmp_path):
    refused(data, tmp_path / "weights.pt", message)


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(ValueError, match=f"{tmp_path} is a folder, not the authors' weights of PSP"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="none.pt"):
        read(tmp_path / "none.pt")
    with pytest.raises(TypeError, match="checkpoint is a int; wanted a path or a dict"):
        read(5)


CONTENTS = [
    ([1, 2], "holds a list; wanted a state dict"),
    (T, "holds a Tensor; wanted a state dict"),
    ({}, "lacks the weights"),
    ({0: T}, "its keys are"),
    (
        {"state_dict": WEIGHTS, "epoch": 3},
        "lacks the weights .*save or pass one of the dicts in it, such as 'state_dict'",
    ),
    (nn.Linear(2, 3), "lacks the weights"),
    (dict.fromkeys(WEIGHTS, 1), "floating-point numbers, got int"),
    ({name: value for name, value in WEIGHTS.items() if name != "attention.affine_audio.bias"}, "audio.bias"),
    ({**WEIGHTS, "L1.bias": T}, "weights .'L1.bias'. too"),
    ({**WEIGHTS, L1: T[:3]}, r"L1.weight must be a tensor of shape \(64, 256\), got \(3, 256\)"),
    ({**WEIGHTS, L1: T[0]}, r"L1.weight must have 2 axes"),
    ({**WEIGHTS, "L2.weight": T[:0]}, r"L2.weight must have 2 axes, got shape \(0, 256\)"),
    ({**WEIGHTS, "attention.affine_g.weight": T[:5]}, r"affine_g.weight must be .*\(4, .*got \(5, 256\)"),
    ({**WEIGHTS, L1: T * np.nan}, "L1.weight has 16384 values that are NaN"),
    ({**WEIGHTS, L1: T / 0}, "L1.weight has .* values that are NaN or infinite"),
    ({**WEIGHTS, L1: T.double() * 1e300}, "L1.weight has .* infinite"),
    ({**WEIGHTS, L1: T.long()}, "L1.weight must .* got tensor of torch.int64"),
    ({**WEIGHTS, L1: T > 0}, "got tensor of torch.bool"),
    ({**WEIGHTS, L1: T.cfloat()}, "got tensor of torch.complex64"),
    ({**WEIGHTS, L1: T.to_sparse()}, "L1.weight must .*sparse"),
    ({**WEIGHTS, L1: T.to(torch.float8_e4m3fn)}, "L1.weight must"),
    ({**WEIGHTS, L1: T.to("meta")}, "L1.weight must"),
]


@pytest.mark.parametrize("zip_file", [True, False])
@pytest.mark.parametrize(("content", "message"), CONTENTS, ids=lambda value: value if isinstance(value, str) else "")
def test_weights_of_other_networks_and_of_other_kinds(content, message, zip_file, tmp_path):
    pending = len(torch._utils._sparse_tensors_to_validate)
    refused(saved(content, zip_file), tmp_path / "weights.pt", message)
    assert len(torch._utils._sparse_tensors_to_validate) == pending
    if isinstance(content, dict):
        with pytest.raises(ValueError, match="checkpoint cannot be read"):
            read(content)


def test_damaged_bytes(tmp_path):
    rng, whole = random.Random(0), {zip_file: saved(WEIGHTS, zip_file) for zip_file in (True, False)}
    for i in range(40):
        data = bytearray(whole[i % 2 == 0])
        start = data.find(b"\x80\x02") + rng.randrange(4000)
        if i % 3:
            data[start : start + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(9))
        else:
            del data[rng.randrange(len(data)) :]
        (tmp_path / "weights.pt").write_bytes(data)
        try:
            read(tmp_path / "weights.pt")
        except ValueError as error:
            assert str(tmp_path / "weights.pt") in str(error)


def test_a_number_that_has_changed_in_a_zip_is_seen_by_its_checksum(tmp_path):
    data = bytearray(saved(WEIGHTS))
    data[data.find(T.numpy().tobytes()[:64]) + 1] ^= 1
    refused(data, tmp_path / "weights.pt", "CRC")


# ------------------------------------------------------------------------------------------- sizes that are declared
@pytest.mark.parametrize("wrap", [legacy, zipped])
@pytest.mark.parametrize(
    "body",
    [
        b"\x80\x02cbuiltins\nbytearray\nJ" + struct.pack("<i", 10**9) + b"\x85R.",
        b"\x80\x02c__builtin__\nbytearray\nJ" + struct.pack("<i", 10**9) + b"\x85R.",
        b"\x80\x02ctorch\nFloatTensor\nJ" + struct.pack("<i", 10**9) + b"\x85R.",
        b"\x80\x02ctorch\nUntypedStorage\nJ" + struct.pack("<i", 10**9) + b"\x85R.",
        b"\x80\x04\x8e" + struct.pack("<Q", 10**10) + b"abc.",
        b"\x80\x04\x8d" + struct.pack("<Q", 10**10) + b"abc.",
        b"\x80\x05\x96" + struct.pack("<Q", 10**10) + b"abc.",
        b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"abc.",
        b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
        b"\x80\x02}" + b"N" + b"\x85" * 50_000 + b"Ns.",  # a key that is 50,000 tuples deep
        b"\x80\x02}N\x85" + b"q\x00h\x00\x86" * 60 + b"Ns.",  # and one of 2 ** 60 elements
        b"\x80\x02]q\x00(" + b"N" * 10_000 + b"e0cbuiltins\nset\nq\x010]" + b"h\x01h\x00\x85Ra" * 10_000 + b".",
        b"\x80\x02]" * 50_000 + b".",
        b"\x82\x01.",
        b"\x80\x02c__main__\nnet\n)\x81q\x00}X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00ah\x00ssb.",
    ],
)
def test_pickles_that_ask_for_memory_or_depth(body, wrap, tmp_path):
    tracemalloc.start()
    try:
        refused(wrap(body), tmp_path / "weights.pt")
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("zip_file", [True, False])
def test_tensors_that_are_larger_than_their_file(zip_file, tmp_path):
    large = {**WEIGHTS, "fa.0.weight": torch.zeros(1).expand(10**5, 62_500)}  # 25 GB of one number
    refused(saved(large, zip_file), tmp_path / "weights.pt", "must be a tensor of shape|more than 4 times")
    widths = {"fa.0.weight": (128, 10**7), "attention.affine_audio.weight": (512, 128)}
    shapes = {name: torch.zeros(1).expand(*widths.get(name, value.shape)) for name, value in WEIGHTS.items()}
    refused(saved(shapes, zip_file), tmp_path / "weights.pt", "must be a tensor of shape|more than 4 times")
    file = tmp_path / "vgg19-0.pth"
    file.write_bytes(saved({"features.0.weight": torch.zeros(1).expand(64, 3, 3, 3)}, zip_file))
    with pytest.raises(ValueError, match=f"{file} .* lacks 31 of the 32 keys"):
        load_network("vgg19", file)


def test_expanded_and_compressed_weights_within_the_ratio_are_read(tmp_path):
    content = {**WEIGHTS, "L2.weight": torch.zeros(1).expand(29, 64)}
    expected = read({**WEIGHTS, "L2.weight": torch.zeros(29, 64)}).net_.module_.state_dict()
    file = tmp_path / "weights.pt"
    with zipfile.ZipFile(io.BytesIO(saved(content))) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    for name, value in read(file).net_.module_.state_dict().items():
        assert torch.equal(value, expected[name])


def test_a_zip_that_inflates(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * 3_000_000 + b"N.")
    refused(file.getvalue(), tmp_path / "weights.pt", "data.pkl takes 6000004 bytes, more than 4 times")
    refused(
        zipped(b"\x80\x02" + b"N0" * 600_000),
        tmp_path / "weights.pt",
        "data.pkl has 1200002 bytes; wanted at most 1048576",
    )


def test_good_files_of_all_kinds_give_the_same_bits(tmp_path):
    expected = read(WEIGHTS).net_.module_.state_dict()
    forms = {
        "as it is": lambda x: x,
        "a parameter": nn.Parameter,
        "turned": lambda x: x.t().contiguous().t() if x.ndim == 2 else x,
        "a part": lambda x: torch.stack([x, x])[1],
        "float64": torch.Tensor.double,
    }
    for form in forms.values():
        content = OrderedDict((f"module.{name}", form(value)) for name, value in WEIGHTS.items())
        content._metadata = {"version": 1}
        content["module.unused"], content["epoch"] = torch.tensor(3), 7
        for zip_file in (True, False):
            (tmp_path / "weights.pt").write_bytes(saved(content, zip_file))
            got = read(str(tmp_path / "weights.pt")).net_.module_.state_dict()
            assert all(torch.equal(got[name], expected[name]) for name in expected)


# ------------------------------------------------------------------------------------------- networks of extraction
def test_nan_in_the_weights_of_vggish_is_named(tmp_path):
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in load_network_class().state_dict().items()}
    state = {name: torch.zeros(shape, dtype=torch.bfloat16) for name, shape in shapes.items()}
    state["features.3.bias"][5] = torch.nan
    file = tmp_path / "vggish-0.pth"
    torch.save(state, file)
    with pytest.raises(ValueError, match=f"{file} .*features.3.bias has 1 values that are NaN"):
        load_network("vggish", file)


def load_network_class():
    from ave_sklearn.extraction import VGGish

    return VGGish()


# ------------------------------------------------------------------------------------------------------------- PCA
PCA = {"pca_eigen_vectors": np.eye(128), "pca_means": np.zeros(128)}


def npz(compress=False, **values):
    file = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(file, **{**PCA, **values})
    return file.getvalue()


def with_member(data, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("pca_eigen_vectors.npy", data)
        archive.writestr("pca_means.npy", data)
    return file.getvalue()


def npy_header(text, version=1):
    data = text.encode("latin1")
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(data)) + data


def encrypted():
    data = bytearray(npz())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + place] |= 1
    return bytes(data)


def method_of(number):
    data = bytearray(npz())
    data[data.find(b"PK\x01\x02") + 10] = number
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        npz()[:900],
        npz(compress=True)[:-90],
        npz(compress=True)[:300] + b"\xff" * 40 + npz(compress=True)[340:],
        npz(pca_means=np.full(128, np.nan)),
        npz(pca_eigen_vectors=np.full((128, 128), np.inf)),
        npz(pca_means=np.zeros(128, complex)),
        npz(pca_means=np.array(["a"] * 128)),
        npz(pca_means=np.array([None] * 128)),
        npz(pca_means=np.zeros(10**6)),
        npz(compress=True, pca_means=np.zeros(10**7)),
        with_member(b"no array"),
        with_member(npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,)}")),
        with_member(npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}") + bytes(8)),
        with_member(npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': ('''")),
        with_member(npy_header("(" * 5000)),
        with_member(npy_header("{}", version=3)),
        with_member(bytes(10), zipfile.ZIP_BZIP2),
        with_member(bytes(10), zipfile.ZIP_LZMA),
        encrypted(),
        method_of(99),
    ],
)
def test_damaged_pca(data, tmp_path):
    file = tmp_path / "pca.npz"
    file.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="pca.npz cannot be read as the PCA of VGGish: "):
            load_pca_params(file)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_damaged_bytes_of_a_pca(tmp_path):
    rng, file = random.Random(0), tmp_path / "pca.npz"
    for i in range(100):
        data = bytearray(npz(compress=i % 2 == 0))
        places = [rng.randrange(len(data)) for _ in range(3)] + [len(data) - 1 - rng.randrange(300)]
        for place in places:
            data[place] = rng.randrange(256)
        file.write_bytes(data)
        try:
            load_pca_params(file)
        except ValueError as error:
            assert str(file) in str(error)


def test_nan_in_a_pth_of_the_pca_and_its_float64(tmp_path):
    file, values = tmp_path / "pca.pth", {name: torch.from_numpy(value) + 1e-12 for name, value in PCA.items()}
    torch.save(values, file)
    assert_array_equal(load_pca_params(file)[0], PCA["pca_eigen_vectors"] + 1e-12)
    torch.save({**values, "pca_means": torch.full((128,), torch.nan)}, file)
    with pytest.raises(ValueError, match=f"{file} .*pca_means has 128 values that are NaN"):
        load_pca_params(file)


# ---------------------------------------------------------------------------------------------------- saved models
@pytest.fixture(scope="module")
def states(videos):
    """States of a fit of a network of this package, and of one of the user's."""
    params = {"max_epochs": 1, "random_state": 0}
    fits = PSPLocalizer(hidden_size=8, **params).fit(*videos), EventLocalizer(network=UsersNet, **params).fit(*videos)
    return [fit.__getstate__() for fit in fits]


class UsersNet(nn.Module):
    """One layer, and a mask that is infinite by right."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__()
        self.output = nn.Linear(n_audio_features, n_classes)
        self.register_buffer("mask", torch.full((2,), -torch.inf))

    def forward(self, audio, visual):
        return {"logits": self.output(audio)}


def changed(state, part, **values):
    """A state of which one part has other values; None is left out."""
    part_values = {**state[part], **values}
    return {**state, part: {name: value for name, value in part_values.items() if value is not None}}


def first(state, ending):
    return next(name for name in state["_weights_"] if name.endswith(ending))


def damaged_states(state):
    weight = first(state, "weight")
    values = state["_weights_"][weight]
    nan = values.copy()
    nan.flat[3] = np.nan
    scale = first(state, "audio_scaling.scale")
    yield changed(state, "_weights_", **{weight: nan}), f"{weight} has values that are NaN"
    yield changed(state, "_weights_", **{weight: values[:-1]}), weight
    yield changed(state, "_weights_", **{weight: None}), "are missing|Missing key|Error"
    yield changed(state, "_weights_", **{scale: np.float32(np.nan) * np.ones((), np.float32)}), "NaN|scale"
    yield changed(state, "_weights_", **{scale: -np.ones((), np.float32)}), "scale of features .-1"
    yield {**state, "classes_": state["classes_"][:-1]}, r"classes_ have the shape \(3,\).*4 classes"
    yield {**state, "n_segments_": 7}, "n_segments_ is 7"
    yield {name: value for name, value in state.items() if name != "_weights_"}, "its weights is a NoneType"
    yield {**state, "_spec_": 3}, "its spec is a int"
    yield changed(state, "_spec_", n_classes=None), "n_classes"
    yield changed(state, "_forms_", other=1), "other"
    yield {**state, "_format_version": "5"}, "its format is '5'"


def test_a_damaged_model_is_refused_on_loading(states):
    for state in states:
        kind = PSPLocalizer if state["_spec_"]["network"] == "psp" else EventLocalizer
        for damaged, message in damaged_states(state):
            with pytest.raises(ValueError, match=f"cannot be loaded, its state is damaged: .*({message})"):
                kind.__new__(kind).__setstate__(damaged)


def test_weights_of_other_names_types_and_sizes_are_refused(states):
    state, kind = states[0], PSPLocalizer
    weight = first(state, "weight")
    values = state["_weights_"][weight]
    for damaged, message in [
        (changed(state, "_weights_", other=np.zeros(3, np.float32)), r"\['other'\] are not known"),
        (changed(state, "_weights_", **{weight: values.astype(np.float64)}), "float64"),
        (changed(state, "_weights_", **{weight: values.astype(object)}), r"dtype\(.O.\)"),
        (changed(state, "_weights_", **{weight: values.tolist()}), "list"),
        (changed(state, "_spec_", n_visual_features=10**9), "shape and type"),
        (changed(state, "_spec_", precision="float16"), "float16"),
        (changed(state, "_spec_", network="none"), "none"),
    ]:
        with pytest.raises(ValueError, match=f"its state is damaged: .*{message}"):
            kind.__new__(kind).__setstate__(damaged)


def test_whole_models_of_all_networks_load(videos, states):
    for state in states:
        kind = PSPLocalizer if state["_spec_"]["network"] == "psp" else EventLocalizer
        loaded = kind.__new__(kind)
        loaded.__setstate__(dict(state))
        assert loaded.predict(videos[0]).shape == videos[1].shape


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_fits_of_every_network_load(videos, network):
    fit = EventLocalizer(network=network, max_epochs=1, random_state=0).fit(*videos)
    assert_array_equal(pickle.loads(pickle.dumps(fit)).predict(videos[0]), fit.predict(videos[0]))


@pytest.mark.slow
def test_statistics_in_float64_load_and_are_checked(videos):
    X, y = videos
    X = {"audio": np.float64(X.audio) * 1e-200, "visual": X.visual}
    fit = PSPLocalizer(hidden_size=8, max_epochs=1, random_state=0).fit(X, y)
    state = fit.__getstate__()
    wide = first(state, "wide_scale")
    pickle.loads(pickle.dumps(fit))
    for value in (np.zeros(()), np.array(np.nan)):
        with pytest.raises(ValueError, match="its state is damaged: .*scale"):
            PSPLocalizer().__setstate__(changed(state, "_weights_", **{wide: value}))
    with pytest.raises(ValueError, match="its state is damaged"):
        PSPLocalizer().__setstate__(changed(state, "_weights_", **{wide: None}))

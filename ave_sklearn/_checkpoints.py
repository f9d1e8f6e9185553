"""Checkpoints that ``torch.save`` wrote, read without running code and without trust in what they declare.

``torch.load`` is not asked. What it calls for a file it calls before the file is known to be whole: that allocates what
the file declares, inflates what it holds, and sets attributes of torch's own functions where a file says so.
"""

import io
import os
import struct
import sys
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import NamedTuple

import torch

from ave_sklearn._checks import printable
from ave_sklearn._files import reading, require_regular
from ave_sklearn._plain_pickle import Builder, StandIn, as_dict, read_pickle

PICKLE_LIMIT = 2**20  # bytes of names and shapes, about 200 for a tensor; in memory they become 100 times as many
MEMORY_RATIO = 4  # bytes of weights to those of their file: float16 becomes float32, and some may share theirs
MAX_NAMES = 10_000  # of modules and tensors in a pickled module; one that is in itself, or in many, has no end
MAX_PREFIX = 1000  # characters of a module's name
MAX_AXES = 64  # torch's own limit
FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
MAGIC_NUMBER, PROTOCOL_VERSION = 0x1950A86A20F9469CFC6C, 1001  # of files before torch 1.6
STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "QInt8Storage": torch.qint8,
    "QUInt8Storage": torch.quint8,
    "QInt32Storage": torch.qint32,
    "UntypedStorage": torch.uint8,
}
FOREIGN = {  # how files of other kinds begin
    b"\x93NUMPY": "it is an .npy file",
    b"\x89HDF": "it is an HDF5 file",
    b"version https://git-lfs": "it is the pointer of a file that git-lfs has not fetched",
    b"<": "it is a web page",
    b"\x1f\x8b": "it is a gzip file",
}


# ------------------------------------------------------------------------------------------ what a file declares
class Storage(NamedTuple):
    """A run of numbers in a file.

    Attributes
    ----------
    source : object
        Whose ``read(storage)`` returns its bytes, a Tensor of uint8.
    key : str
    dtype : torch.dtype
    n_elements : int
    """

    source: object
    key: str
    dtype: torch.dtype
    n_elements: int

    @property
    def n_bytes(self):
        """Of all elements."""
        return self.n_elements * self.dtype.itemsize


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor that is still in its file, and lies within its storage; strides of 0 make it larger than that.

    Attributes
    ----------
    storage : Storage
    offset : int
        In elements.
    shape, stride : tuple of int
    """

    storage: Storage
    offset: int
    shape: tuple
    stride: tuple

    def __post_init__(self):
        if len(self.shape) > MAX_AXES:
            raise ValueError(f"a tensor has {len(self.shape)} axes")
        numbers = (self.offset, *self.shape, *self.stride)
        if any(type(number) is not int or number < 0 for number in numbers) or len(self.shape) != len(self.stride):
            raise ValueError("a tensor has a shape or strides that are no natural numbers")
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if prod(self.shape) and last >= self.storage.n_elements:
            raise ValueError(f"a tensor is said to lie outside its storage of {self.storage.n_elements} numbers")

    @property
    def dtype(self):
        """Of its numbers."""
        return self.storage.dtype

    def read(self):
        """Return the Tensor, on memory of its own."""
        numbers = self.storage.source.read(self.storage).view(self.dtype)
        tensor = numbers.as_strided(self.shape, self.stride, self.offset).contiguous()
        is_all = tensor.nbytes == numbers.nbytes
        return tensor if is_all else tensor.clone()  # or it would keep all of a storage that it is a part of


def _tensor(storage, offset, shape, stride, requires_grad=False, hooks=None, metadata=None):
    """Stand for torch._utils._rebuild_tensor and _rebuild_tensor_v2."""
    if not isinstance(storage, Storage):
        raise ValueError(f"a tensor lies in a {type(storage).__name__}; wanted a storage")
    if metadata:  # conjugated or negated when it is looked at
        return StandIn("torch.Tensor with metadata")
    if type(shape) is not tuple or type(stride) is not tuple:
        raise ValueError("a tensor has a shape that is no tuple")
    return StoredTensor(storage, offset, shape, stride)


def _ordered_dict(pairs=None):
    """Stand for OrderedDict; takes its pairs out of the list, as a pickle could ask for many copies of a long one."""
    if pairs is None:
        return {}
    made = as_dict(pairs)
    pairs.clear()
    return made


def _stand_in(name, *arguments):
    return StandIn(name)


BUILDERS = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("__builtin__", "set"): lambda items=(): items,
    ("builtins", "set"): lambda items=(): items,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): lambda data, requires_grad, hooks: data,
    ("torch._utils", "_rebuild_parameter_with_state"): lambda data, requires_grad, hooks, state: data,
}
OTHERS = {  # of no use as weights, but found beside them
    ("collections", "Counter"),
    ("torch", "Size"),
    ("torch", "device"),
    ("torch.serialization", "_get_layout"),
    ("torch._tensor", "_rebuild_from_type_v2"),
}
MODULES = ("torch.nn.", "fully_model.", "weakly_model.", "__main__.")  # of classes that a pickled network is made of


def find(module, name):
    """Return what stands for a name in a checkpoint; nothing that is in this process."""
    full_name = f"{module}.{name}"
    if (module, name) in BUILDERS:
        return Builder(BUILDERS[module, name])
    if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGES:
        return STORAGES[name]
    if module == "torch" and isinstance(vars(torch).get(name), torch.dtype | torch.layout | torch.qscheme):
        return StandIn(full_name)
    if (module, name) in OTHERS or (module == "torch._utils" and name.startswith("_rebuild_")):
        return Builder(partial(_stand_in, full_name))
    if full_name.startswith(MODULES) and "." not in name:
        return Builder(partial(StandIn, full_name))
    raise ValueError(f"{shown(full_name)} has no place in a checkpoint of weights")


def shown(text):
    """Return text of a file as a message shows it: short, and without codes for the terminal."""
    return printable(text[:100])


# -------------------------------------------------------------------------------------------- the two formats
class ZipSource:
    """Tensors in the format of torch 1.6 and later: a zip archive with a pickle and a record for each storage."""

    def __init__(self, file):
        self.file_size = os.fstat(file.fileno()).st_size
        self.archive = zipfile.ZipFile(file)
        names = self.archive.namelist()
        pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError(f"it is a zip archive of {len(names)} files, without the data.pkl of torch.save")
        self.root = pickles[0].removesuffix("data.pkl")
        if f"{self.root}constants.pkl" in names:
            raise ValueError("it is a TorchScript archive; wanted what torch.save(model.state_dict(), file) writes")
        order = f"{self.root}byteorder"
        self.swapped = order in names and self._record("byteorder", 16).decode("ascii") != sys.byteorder

    def content(self):
        """Return the content, with a StoredTensor for each tensor."""
        return read_pickle(io.BytesIO(self._record("data.pkl", PICKLE_LIMIT)), find, self._storage)

    def _info(self, name):
        info = self.archive.getinfo(self.root + name)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its record {shown(name)} is compressed in a way that is not known")
        if info.file_size > MEMORY_RATIO * self.file_size:
            raise ValueError(f"its record {shown(name)} takes {info.file_size} bytes, {too_many(self.file_size)}")
        return info

    def _record(self, name, limit):
        info = self._info(name)
        if info.file_size > limit:
            raise ValueError(f"its record {shown(name)} has {info.file_size} bytes; wanted at most {limit}")
        return self.archive.read(info)

    def _storage(self, saved_id):
        kind, dtype, key, _, n_elements = saved_id
        storage = _checked_storage(Storage(self, key, dtype, n_elements), kind)
        if (size := self._info(f"data/{key}").file_size) != storage.n_bytes:
            raise ValueError(f"a storage of {storage.n_bytes} bytes has {size} in the file")
        return storage

    def read(self, storage):
        """Return the bytes of a storage."""
        numbers = torch.empty(storage.n_bytes, dtype=torch.uint8)
        with self.archive.open(self._info(f"data/{storage.key}")) as record:
            _fill(numbers, record)
        if self.swapped:
            return numbers.view(storage.n_elements, storage.dtype.itemsize).flip(1).flatten()
        return numbers


class LegacySource:
    """Tensors in the format before torch 1.6: pickles, and behind them the bytes of each storage."""

    def __init__(self, file):
        self.file, self.storages, self.places = file, {}, {}
        self.file_size = os.fstat(file.fileno()).st_size
        self.head = io.BytesIO(file.read(PICKLE_LIMIT))
        try:
            is_legacy = self._next() == MAGIC_NUMBER
        except ValueError as error:
            begin = self.head.getvalue()[:16]
            what = f"a pickle in which {error}" if begin[:1] == b"\x80" else f"it begins with {begin!r}"
            raise ValueError(what) from error
        if not is_legacy:
            raise ValueError("a pickle of something else")

    def _next(self, load_persistent=None):
        return read_pickle(self.head, find, load_persistent or (lambda saved_id: None))

    def content(self):
        """Return the content, with a StoredTensor for each tensor."""
        if self._next() != PROTOCOL_VERSION:
            raise ValueError(f"its version is not {PROTOCOL_VERSION}, the only one of its format")
        self._next()  # about the machine that wrote it
        content, keys, place = self._next(self._storage), self._next(), self.head.tell()
        for key in keys:
            if type(key) is not str or key not in self.storages:
                raise ValueError("it lists storages that it does not use")
            storage = self.storages[key]
            self.places[key] = place + 8
            place += 8 + storage.n_bytes
        if len(self.places) != len(self.storages) or place > self.file_size:
            raise ValueError(f"it has {self.file_size} bytes, fewer than the {place} that its tensors take")
        return content

    def _storage(self, saved_id):
        if saved_id[0] == "module":  # with its source code
            return saved_id[1]
        kind, dtype, key, _, n_elements, *view = saved_id
        storage = _checked_storage(Storage(self, key, dtype, n_elements), kind)
        if view not in ([], [None]):
            raise ValueError("a storage is a part of another one, which torch 0.3 and later do not write")
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError("a storage is declared twice, in two ways")
        return storage

    def read(self, storage):
        """Return the bytes of a storage."""
        numbers = torch.empty(storage.n_bytes, dtype=torch.uint8)
        self.file.seek(self.places[storage.key] - 8)
        if struct.unpack("<q", self.file.read(8)) != (storage.n_elements,):
            raise ValueError("a storage is not where it should be")
        _fill(numbers, self.file)
        return numbers


def _checked_storage(storage, kind):
    """Return a storage whose fields are of the types that they should be."""
    _, key, dtype, n_elements = storage
    fits = isinstance(dtype, torch.dtype) and type(key) is str and type(n_elements) is int and n_elements >= 0
    if kind != "storage" or not fits:
        raise ValueError("a storage is declared in a way that torch.save does not declare it")
    return storage


def _fill(numbers, file, block=2**20):
    """Read a file into a Tensor of uint8, by blocks: a copy of all would double the memory."""
    view = memoryview(numbers.numpy())
    for start in range(0, len(view), block):
        part = file.read(min(block, len(view) - start))
        view[start : start + len(part)] = part
        if not part:
            raise ValueError("it ends before its last tensor")


# -------------------------------------------------------------------------------------------------- from outside
@contextmanager
def open_checkpoint(file, what):
    """Open a file of torch.save, a state dict or a whole pickled module, and yield its tensors by name.

    They are read one by one, by :func:`float_weights`, within the block.

    Parameters
    ----------
    file : path
    what : str
        What is wanted of it, for errors.

    Yields
    ------
    tensors : dict of StoredTensor
        What is no tensor is in it too, as it is.

    Raises
    ------
    OSError
        If the file is missing or may not be read.
    ValueError
        If it is none of torch.save; also what the block finds wrong. The error names the file and `what`.
    """
    require_regular(file, what)
    with reading(file, what):
        with open(file, "rb") as opened:
            yield _named(_source(opened).content())


def _source(file):
    """Return the source for an open file, by how it begins."""
    begin = file.read(512)
    file.seek(0)
    problem = "it is empty" if not begin else None
    if begin[:4] == b"PK\x03\x04":
        return ZipSource(file)
    for signature, is_what in FOREIGN.items():
        problem = is_what if begin.lstrip().startswith(signature) else problem
    if begin[257:262] == b"ustar":
        problem = "it is a tar archive, as torch 0.1 wrote them"
    if begin[8:10] == b'{"':
        problem = "it is a safetensors file; pass what safetensors.torch.load_file returns"
    try:
        if problem:
            raise ValueError(problem)
        return LegacySource(file)
    except ValueError as error:
        raise ValueError(f"it is not a state dict of torch.save: {error}") from error


def _named(content):
    """Return the tensors of a content by name."""
    if isinstance(content, StandIn):
        return collect_tensors(content)
    if not isinstance(content, dict):
        kind = "Tensor" if isinstance(content, StoredTensor) else type(content).__name__
        raise ValueError(f"it holds a {kind}; wanted a state dict, names and tensors")
    return content


def collect_tensors(module):
    """Return the parameters and buffers of a pickled module, and of the modules in it, by their dotted names."""
    found, todo = {}, [("", module)]
    for prefix, stub in todo:
        for store in ("_parameters", "_buffers", "_modules"):
            for name, value in stub.state.get(store, {}).items():
                if store == "_modules" and isinstance(value, StandIn):
                    todo.append((f"{prefix}{name}.", value))
                elif value is not None:
                    found[f"{prefix}{name}"] = value
                if len(todo) + len(found) > MAX_NAMES or len(prefix) > MAX_PREFIX:
                    raise ValueError(f"it holds a module that is in itself, or more than {MAX_NAMES} tensors")
    return found


def float_weights(tensors, dtype=torch.float32):
    """Read weights.

    Parameters
    ----------
    tensors : dict of StoredTensor or Tensor
    dtype : torch.dtype, default=torch.float32
        Of the result.

    Returns
    -------
    weights : dict of Tensor
        On the CPU.

    Raises
    ------
    ValueError
        Naming one that is no tensor of floating-point numbers, or not finite; or if the weights are too large for the
        file that they are in.
    """
    for name, tensor in tensors.items():
        check_kind(name, tensor)
    stored = [tensor for tensor in tensors.values() if isinstance(tensor, StoredTensor)]
    if stored:
        n_bytes = sum(dtype.itemsize * prod(tensor.shape) for tensor in stored)
        size = stored[0].storage.source.file_size
        if n_bytes > MEMORY_RATIO * size:
            raise ValueError(f"its weights take {n_bytes} bytes, {too_many(size)}")
    return {name: _read_finite(name, tensor, dtype) for name, tensor in tensors.items()}


def too_many(file_size):
    """Return the end of an error about bytes that are too many for the size of their file."""
    return f"more than {MEMORY_RATIO} times the {file_size} of the file"


def check_kind(name, tensor):
    """Raise ValueError for what is no tensor of floating-point numbers."""
    kind = type(tensor).__name__
    if isinstance(tensor, StandIn):
        kind = shown(tensor.name)
    elif isinstance(tensor, StoredTensor | torch.Tensor):
        is_dense = isinstance(tensor, StoredTensor) or (tensor.layout is torch.strided and not tensor.is_meta)
        if is_dense and tensor.dtype in FLOATS:
            return
        kind = f"tensor of {tensor.dtype}" if is_dense else "tensor without numbers of its own"
    raise ValueError(f"{shown(name)} must be a tensor of floating-point numbers, got {kind}")


def _read_finite(name, tensor, dtype):
    """Return a tensor as `dtype`; ValueError where it is not finite."""
    tensor = tensor.read() if isinstance(tensor, StoredTensor) else tensor.detach().cpu()
    tensor = tensor.to(dtype).contiguous()
    if not tensor.isfinite().all():
        n_wrong = int((~tensor.isfinite()).sum())
        raise ValueError(f"{shown(name)} has {n_wrong} values that are NaN or infinite; wanted finite ones")
    return tensor


def check_shape(name, tensor, shape):
    """Raise ValueError unless a StoredTensor or Tensor has floating-point numbers and a shape."""
    check_kind(name, tensor)
    if tensor.shape != shape:
        raise ValueError(f"{shown(name)} must be a tensor of shape {tuple(shape)}, got {tuple(tensor.shape)}")


def summary(names):
    """Return some of the names in a file, for errors."""
    known = sorted(shown(str(name)) for name in names)
    return f"{known}" if len(known) <= 40 else f"{known[:5]} and {len(known) - 5} more"

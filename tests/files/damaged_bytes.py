"""Damage that any file can come to: of its bytes, of its numbers, and of what lies under its name."""

import io
import os
import shutil
import struct
import zipfile

import numpy as np
from damaged_rule import EITHER, REFUSED

NUMBERS = (0, -1, 1, 7, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1)
TEXTS = ("0", "-1", "2147483648", "9223372036854775808", "18446744073709551616", "1e10", "1e308", "1e309", "nan")
TEXTS += ("-inf", "9" * 5000, "3.5", "", "true", "None", "\x00", "\x1b[2J", "\n", '"', "\u202e", "\U0001f415" * 3)


def some_place(rng, size):
    """Choose a place in a file: often in its first bytes or its last, where headers are."""
    where, near = rng.random(), min(size, 160)
    if where < 0.4:
        return int(rng.integers(0, near))
    return size - 1 - int(rng.integers(0, near)) if where < 0.6 else int(rng.integers(0, size))


def some_span(rng, size):
    """Choose the begin and end of a span."""
    start = some_place(rng, size)
    return start, min(size, start + int(2 ** rng.uniform(0, 11)))


def truncate(rng, data):
    """Cut the file off."""
    size = some_place(rng, len(data))
    return data[:size], f"cut to {size} of {len(data)} bytes"


def flip(rng, data):
    """Flip some bits."""
    places = [some_place(rng, len(data)) for _ in range(rng.choice([1, 1, 2, 8]))]
    data = bytearray(data)
    for place in places:
        data[place] ^= 1 << int(rng.integers(8))
    return bytes(data), f"bits flipped at {places}"


def zero(rng, data):
    """Overwrite a span with zeros."""
    start, stop = some_span(rng, len(data))
    return data[:start] + bytes(stop - start) + data[stop:], f"zeros at {start}:{stop}"


def scramble(rng, data):
    """Overwrite a span with random bytes."""
    start, stop = some_span(rng, len(data))
    return data[:start] + rng.bytes(stop - start) + data[stop:], f"random bytes at {start}:{stop}"


def repeat(rng, data):
    """Write a span twice or more."""
    start, stop = some_span(rng, len(data))
    times = int(rng.choice([2, 3, 50]))
    return data[:start] + times * data[start:stop] + data[stop:], f"{start}:{stop} written {times} times"


def remove(rng, data):
    """Leave a span out."""
    start, stop = some_span(rng, len(data))
    return data[:start] + data[stop:], f"{start}:{stop} left out"


def swap(rng, data):
    """Let two spans change places."""
    first, second = sorted((some_span(rng, len(data)), some_span(rng, len(data))))
    (a, b), (c, d) = first, (max(first[1], second[0]), max(first[1], second[1]))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:], f"{a}:{b} and {c}:{d} swapped"


def number(rng, data):
    """Write a number that no size, count or offset should be, as headers hold them."""
    value, width = NUMBERS[rng.integers(len(NUMBERS))], int(rng.choice([2, 4, 8]))
    order, name = [("<", "little"), (">", "big")][rng.integers(2)]
    place = number_place(rng, data, width, name)
    raw = (value % 2 ** (8 * width)).to_bytes(width, name)
    return data[:place] + raw + data[place + width :], f"{value} as {order}u{width} at {place}"


def number_place(rng, data, width, order):
    """Choose where a number of this form is: one that is small and not 0, if there is any among a few places tried."""
    place = 0
    for _ in range(40):
        place = some_place(rng, len(data))
        found = int.from_bytes(data[place : place + width], order)
        if 0 < found < 2 ** (4 * width):
            break
    return place


def real_number(rng, data):
    """Write a floating-point number of 8 bytes that nobody expects."""
    value, order = float(rng.choice([0, -1, 1e10, 1e308, np.nan, np.inf, 5e8, 2e9])), rng.choice(["<", ">"])
    place = some_place(rng, len(data))
    return data[:place] + struct.pack(f"{order}d", value) + data[place + 8 :], f"{value} as {order}f8 at {place}"


def digits(rng, data):
    """Write other text in place of a number in the text of a file, or of its header."""
    runs = digit_runs(data)
    if not runs:
        return truncate(rng, data)
    start, stop = runs[rng.integers(len(runs))]
    text = TEXTS[rng.integers(len(TEXTS))]
    return data[:start] + text.encode() + data[stop:], f"{data[start:stop]!r} at {start} is {text[:30]!r}"


def digit_runs(data, limit=5000):
    """Return where digits stand in the first bytes."""
    runs, start = [], None
    for place, byte in enumerate(data[:limit] + b" "):
        if 48 <= byte < 58:
            start = place if start is None else start
        elif start is not None:
            runs.append((start, place))
            start = None
    return runs


BYTES = (
    truncate,
    truncate,
    flip,
    flip,
    zero,
    scramble,
    repeat,
    remove,
    swap,
    number,
    number,
    number,
    real_number,
    digits,
)


# ------------------------------------------------------- what lies under the name
def nested(rng, file):
    """Brackets too deep for any parser."""
    text = [b"[", b"(", b'{"a":', b'{"n_segments":', b"-", b"[[],"][rng.integers(6)] * int(rng.choice([2000, 100_000]))
    file.write_bytes(text)
    return f"{len(text)} bytes of {text[:8]!r}", REFUSED


def empty(rng, file):
    """No byte."""
    file.write_bytes(b"")
    return "empty", REFUSED


def folder(rng, file):
    """A folder."""
    file.unlink()
    file.mkdir()
    return "a folder", REFUSED


def gone(rng, file):
    """Nothing."""
    file.unlink()
    return "not there", REFUSED


def dangling(rng, file):
    """A link to nothing."""
    file.unlink()
    file.symlink_to(file.parent / "nothing")
    return "a link to nothing", REFUSED


def text(rng, file):
    """Text."""
    words = [
        "hello\n",
        "filename,onset\n",
        "\x1b[2J\x1b]0;title\x07",
        "\x00" * 300,
        "\ufeff",
        "é\n" * 1000,
        "a" * 200_000,
        *('""', '"', '""\n""\n', ",", ";\n", "\t", "\n\n\n", "&&&&\n", "'"),
    ]
    content = words[rng.integers(len(words))]
    file.write_text(content)
    return f"text {content[:20]!r}", REFUSED


def noise(rng, file):
    """Random bytes."""
    file.write_bytes(rng.bytes(int(2 ** rng.uniform(0, 13))))
    return "random bytes", REFUSED


def foreign(rng, file):
    """A good file of another kind."""
    name, content = list(strangers().items())[rng.integers(len(strangers()))]
    if name == file.suffix:
        return empty(rng, file)
    file.write_bytes(content)
    return f"a good {name} file", REFUSED


def strangers():
    """Small good files, by their suffix."""
    npy, npz, archive = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(npy, np.zeros((2, 2)))
    np.savez(npz, other=np.zeros(3))
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("readme.txt", "hello")
    return {
        ".npy": npy.getvalue(),
        ".npz": npz.getvalue(),
        ".zip": archive.getvalue(),
        ".json": b'[{"filename": "a.mp4", "onset": 0.0, "offset": 1.0, "event_label": "dog"}]\n',
        ".xml": b"<?xml version='1.0'?><a/>",
        ".pdf": b"%PDF-1.4\n1 0 obj << >> endobj\ntrailer << >>\n%%EOF\n",
        ".pkl": b"\x80\x04K\x01.",
        ".m3u8": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    }


WHOLE = (nested, empty, folder, gone, dangling, text, noise, foreign)


def damage_bytes(rng, file):
    """Damage the bytes of a file once or twice."""
    notes = []
    for _ in range(rng.choice([1, 1, 1, 2])):
        data = file.read_bytes()
        if data:
            data, note = BYTES[rng.integers(len(BYTES))](rng, data)
            file.write_bytes(data)
            notes.append(note)
    return "; ".join(notes), EITHER


def damage_whole(rng, file):
    """Put something else under the name."""
    return WHOLE[rng.integers(len(WHOLE))](rng, file)


# ------------------------------------------------------- archives
def damage_member(rng, file):
    """Damage one member of a zip archive, and write the archive anew, so that its check sums fit."""
    names, contents = read_members(file)
    at = int(rng.integers(len(names)))
    contents[at], note = BYTES[rng.integers(len(BYTES))](rng, contents[at] or b"\0")
    write_members(file, names, contents, rng)
    return f"member {names[at]}: {note}", EITHER


def exchange_members(rng, file):
    """Leave out, double, rename, or replace members of a zip archive."""
    names, contents = read_members(file)
    at, other = (int(rng.integers(len(names))) for _ in range(2))
    what = rng.choice(["left out", "renamed", "that of another", "empty", "text", "a folder above"])
    if what == "left out":
        del names[at], contents[at]
    elif what in ("renamed", "a folder above"):
        names[at] = f"../{names[at]}" if what == "a folder above" else f"{names[at]}x"
    else:
        contents[at] = {"that of another": contents[other], "empty": b"", "text": b"hello"}[what]
    write_members(file, names, contents, rng)
    return f"member {at} of {len(contents)}: {what}", EITHER


def declare_member(rng, file):
    """Let the directory of a zip archive say another size of a member."""
    data = file.read_bytes()
    places = [at for at in range(len(data)) if data.startswith(b"PK\1\2", at)]
    at = places[rng.integers(len(places))]
    field, value = int(rng.choice([10, 16, 20, 24, 28, 30, 42])), int(rng.choice([0, 1, 2**16, 2**31, 2**32 - 1]))
    width = 2 if field in (10, 28, 30) else 4
    raw = (value % 2 ** (8 * width)).to_bytes(width, "little")
    file.write_bytes(data[: at + field] + raw + data[at + field + width :])
    return f"directory entry at {at}: field {field} is {value}", EITHER


def read_members(file):
    """Return the names and the contents of the members of a zip archive."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        return names, [archive.read(name) for name in names]


def write_members(file, names, contents, rng=None, compression=zipfile.ZIP_STORED):
    """Write a zip archive."""
    if rng is not None and rng.random() < 0.2:
        compression = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in zip(names, contents, strict=True):
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)


ARCHIVE = (damage_member, damage_member, exchange_members, declare_member)


def copy_folder(source, target):
    """Copy the files of a case."""
    shutil.copytree(source, target)
    return [target / name for name in sorted(os.listdir(target))]

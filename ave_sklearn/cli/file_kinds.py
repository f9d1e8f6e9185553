"""What a file is that is not what was wanted, in plain words, as its first bytes tell."""

import os
import re
from stat import S_ISDIR, S_ISREG

N_BYTES = 4096  # that are looked at
PICKLES = (b"\x80", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b", b"BZh", b"\x5d\x00", b"\xfd7zXZ")
PICKLES += (b"\x04\x22\x4d\x18",)  # of joblib: plain, zlib, gzip, bz2, lzma, xz, lz4
KINDS = [  # at which byte, what stands there, what the file is
    (0, b"\x93NUMPY", "an array (.npy)"),
    (0, b"PK\x03\x04", "a ZIP archive, as .npz files and checkpoints of torch are"),
    (0, b"PK\x05\x06", "a ZIP archive"),
    (0, b"\x89HDF\r\n", "an HDF5 file"),
    (4, b"ftyp", "a video (MP4 or MOV)"),
    (4, b"moov", "a video (MOV)"),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)"),
    (8, b"AVI ", "a video (AVI)"),
    (0, b"\x00\x00\x01\xba", "a video (MPEG)"),
    (0, b"\x47", "a video (MPEG transport stream)"),
    (0, b"FLV", "a video (FLV)"),
    (0, b"OggS", "a video or sound (Ogg)"),
    (8, b"WAVE", "sound (WAV)"),
    (0, b"ID3", "sound (MP3)"),
    (0, b"fLaC", "sound (FLAC)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"%PDF", "a PDF document"),
    (0, b"SQLite format 3", "an SQLite database"),
]


def other_than_pickle(file):
    """Say what a file is if it is plainly no pickle, as joblib writes them, compressed or not; else return None.

    Nothing of the file is run, and only its first bytes are read.

    Raises
    ------
    OSError
        If there is no such file, or it may not be read.
    """
    mode = os.stat(file).st_mode
    if not S_ISREG(mode):
        return "a folder" if S_ISDIR(mode) else "no regular file"
    with open(file, "rb") as stream:
        begin = stream.read(N_BYTES)
    if not begin:
        return "an empty file"
    text = _kind_of_text(begin)
    if text is None and begin.startswith(PICKLES):
        return None
    known = (kind for place, mark, kind in KINDS if text is None and begin.startswith(mark, place))
    return text or next(known, "a file of another kind")


def _kind_of_text(begin):
    """Return what kind of text bytes are, or None where they are none."""
    try:
        text = begin.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(begin) - 3:  # else a character is cut off
            return None
        text = begin[: error.start].decode("utf-8-sig")
    if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
        return None
    if text.lstrip().startswith(("{", "[")):
        return "text (JSON)"
    line = text.lstrip().partition("\n")[0]
    return "a table (CSV)" if re.search(r"[,;\t]\S", line) else "text"

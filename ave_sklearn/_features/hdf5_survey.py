"""Surveys of HDF5 datasets: what must be there before anything is read, in the file and in those that it leads to."""

import os
from contextlib import ExitStack
from typing import NamedTuple

from ave_sklearn._features.hdf5_links import KIND, MAX_LINKS, Place, allow, encoded, follow, import_h5py, open_file
from ave_sklearn._features.hdf5_selections import Selection, n_numbers, rows_of, shorten, uncovered_rows
from ave_sklearn._features.hdf5_storage import (
    Survey,
    check_chunks,
    check_external,
    check_numbers,
    check_piece,
    shape_of,
    tell_rows,
)
from ave_sklearn._files import reading


def check_whole(dataset, place, folder):
    """Check that all numbers of a dataset are there, and that its size is one that its files can hold.

    Parameters
    ----------
    dataset : h5py.Dataset
    place : Place
        Where it is.
    folder : str or None
        The folder whose files it may lead to.

    Returns
    -------
    references : tuple of Reference
        The other files that its numbers come from.

    Raises
    ------
    ValueError
        If it is larger than its files, leads to files elsewhere, or has rows that were never written.
    """
    found = survey(dataset, place, folder)
    if found.unwritten:
        raise ValueError(
            f"dataset {dataset.name!r} of {place.file} has rows that were never written, of which HDF5 reads fill "
            f"values: {tell_rows(found.unwritten)} of {found.shape[0] if found.shape else 1}."
        )
    return found.references


def survey(dataset, place, folder, trail=(), known=None):
    """Look at the storage of a dataset, and of those that it is made of.

    Parameters
    ----------
    dataset, place, folder
        As in `check_whole`.
    trail : tuple
        The virtual datasets that led here.
    known : dict or None
        Surveys of the same call.

    Returns
    -------
    found : Survey
    """
    h5py = import_h5py()
    known = {} if known is None else known
    plist = dataset.id.get_create_plist()
    layout = plist.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        return _survey_virtual(dataset, plist, place, folder, trail, known)
    shape = shape_of(dataset, place.file)
    if layout == h5py.h5d.CHUNKED:
        return Survey(shape, check_chunks(dataset, plist, shape, place.file))
    if plist.get_external_count():
        return check_external(dataset, plist, shape, place, folder)
    return Survey(shape, check_piece(dataset, layout, shape, place.file))


# Virtual datasets


def _survey_virtual(dataset, plist, place, folder, trail, known):
    """Survey the sources of a virtual dataset, and find the rows that none of them is mapped to."""
    what = f"dataset {dataset.name!r} of {place.file}"
    here = os.path.realpath(place.file), import_h5py().h5o.get_info(dataset.id).addr
    if here in trail or len(trail) == MAX_LINKS:
        raise ValueError(f"{what} is made of more than {MAX_LINKS} virtual datasets in a row, or of itself.")
    mappings = [_Mapping.of(plist, number, what) for number in range(plist.get_virtual_count())]
    _check_elsewhere(mappings, what, folder)
    found = [_survey_source(mapping, dataset, place, folder, (*trail, here), known) for mapping in mappings]
    shape = shape_of(dataset, place.file)  # asked for only now: HDF5 looks into sources of no fixed size for it
    boxes, problems = [], []
    for mapping, (source, name) in zip(mappings, found, strict=True):
        filled, problem = _filled_boxes(mapping, source, name, shape, what)
        boxes += filled
        problems += [problem] if problem else []
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ValueError(f"{what} lacks {', '.join(problems[:3])}{more}.")
    references = dict.fromkeys(reference for source, _ in found if source for reference in source.references)
    return Survey(shape, uncovered_rows(boxes, shape, what), tuple(references))


class _Mapping(NamedTuple):
    """A part of a virtual dataset, and what it is a part of."""

    file: str
    key: bytes
    target: Selection
    source: Selection

    @classmethod
    def of(cls, plist, number, what):
        file, key = plist.get_virtual_filename(number), plist.get_virtual_dsetname(number)
        target, source = plist.get_virtual_vspace(number), plist.get_virtual_srcspace(number)
        return cls(os.fsdecode(file), encoded(key), Selection.of(target, what), Selection.of(source, what))


def _check_elsewhere(mappings, what, folder):
    """Refuse sources in other files, unless their folder is named, and sources that are only numbered."""
    for mapping in mappings:
        if "%b" in mapping.file.replace("%%", "") or b"%b" in mapping.key.replace(b"%%", b""):
            raise ValueError(f"{what} has numbered sources, {mapping.file!r}; they are not followed.")
    files = list(dict.fromkeys(mapping.file for mapping in mappings if mapping.file != "."))
    if files and folder is None:
        shown = ", ".join(map(repr, files[:5])) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
        raise ValueError(
            f"{what} is virtual: its numbers lie in other files, {shown}. They are followed only where external_files= "
            "names their folder."
        )


def _survey_source(mapping, dataset, place, folder, trail, known):
    """Survey the source of a mapping: returns None instead if there is none, and what errors call it."""
    what = f"dataset {dataset.name!r}"
    file, key = mapping.file.replace("%%", "%"), mapping.key.replace(b"%%", b"%")
    name = f"{key.decode('utf-8', 'backslashreplace')!r} of {place.file if file == '.' else repr(file)}"
    reference = None if file == "." else allow(file, place.file, "HDF5_VDS_PREFIX", folder, what)
    if reference is None and file != ".":
        return None, name
    path = place.file if reference is None else reference.path
    if (path, key) not in known:
        with ExitStack() as stack:
            opened = stack.enter_context(open_file(path))
            with reading(path, KIND):
                source = follow(key, Place(opened["/"].id, path, ()), folder, stack)
                known[path, key] = source and _survey_found(source, folder, trail, known)
    source = known[path, key]
    if source is not None and reference is not None:
        source = source._replace(references=(reference, *source.references))
    return source, name


def _survey_found(place, folder, trail, known):
    """Survey the dataset at the end of the links to a source; None if it is none."""
    h5py = import_h5py()
    if not isinstance(place.item, h5py.h5d.DatasetID):
        return None
    dataset = h5py.Dataset(place.item)
    check_numbers(dataset, place.file)
    found = survey(dataset, place, folder, trail, known)
    return found._replace(references=(*place.references, *found.references))


def _filled_boxes(mapping, source, name, shape, what):
    """Return the boxes of a virtual dataset that a mapping fills, and what is wrong with its source, or None."""
    filled = mapping.target.boxes(shape, what)
    rows = f"{tell_rows(rows_of(filled))}, {name}"
    if source is None:
        return filled, f"{rows}, which is not there"
    taken = mapping.source.boxes(source.shape, what)
    if mapping.target.endless_axis is not None:
        filled = shorten(filled, mapping.target.endless_axis, n_numbers(taken))
    elif n_numbers(taken) != n_numbers(filled):
        return filled, f"{rows}, whose shape {source.shape} is not the one that was mapped"
    used = rows_of(taken)
    unwritten = [
        (max(start, first), min(stop, last))
        for start, stop in source.unwritten
        for first, last in used
        if max(start, first) < min(stop, last)
    ]
    return filled, f"{rows}, whose {tell_rows(unwritten)} were never written" if unwritten else None

"""Links in HDF5 files, followed one by one: no other file is opened unless it lies in a folder that is named."""

import os
from pathlib import Path
from typing import NamedTuple

from ave_sklearn._files import FileState, reading, require_regular

MAX_LINKS = 16  # soft and external ones on the way to one dataset, or virtual datasets of virtual datasets; as in HDF5
KIND = "an HDF5 file"


def import_h5py():
    """Return the module h5py; an ImportError tells how to install it."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError('HDF5 files need h5py. Install it with: pip install "ave_sklearn[hdf5]"') from error
    return h5py


def open_file(file):
    """Open an HDF5 file for reading; only regular files, as others may wait for ever."""
    require_regular(file, KIND)
    with reading(file, KIND):
        return import_h5py().File(file, "r")


class Reference(NamedTuple):
    """A name by which one file leads to another, and the file that it is the name of.

    Attributes
    ----------
    name : str
        As it stands in the file.
    holder : str
        Path of the file that it stands in.
    variable : str
        The environment variable by which HDF5 looks for such names.
    path : str
        What HDF5 opens.
    state : FileState
        Of that file.
    """

    name: str
    holder: str
    variable: str
    path: str
    state: FileState

    def check(self):
        """Raise a ValueError if the name leads to another file now, or to another state of the file."""
        if find_file(self.name, self.holder, self.variable) != self.path:
            raise ValueError(f"{self.name!r} in {self.holder} no longer leads to {self.path}.")
        change = self.state.change(FileState.of(self.path))
        if change is not None:
            raise ValueError(f"{self.path}, which {self.holder} leads to, {change}: open it anew.")

    def anywhere(self):
        """Return this reference with a state that can be pickled; see `FileState`."""
        return self._replace(state=self.state.anywhere())


def find_file(name, holder, variable):
    """Tell which file HDF5 opens for a name that stands in another file.

    Parameters
    ----------
    name : str
    holder : str
        Absolute path of the file that it stands in.
    variable : {"HDF5_EXT_PREFIX", "HDF5_VDS_PREFIX", "HDF5_EXTFILE_PREFIX"}
        For external links, virtual sources and external storage.

    Returns
    -------
    path : str or None
        The first that is there of those that HDF5 tries; None if there is none.
    """
    places = _storage_places if variable == "HDF5_EXTFILE_PREFIX" else _link_places
    return next((absolute(path) for path in places(name, holder, variable) if os.path.exists(path)), None)


def absolute(path):
    """Return an absolute path that leads to the same file: parents of links to folders are left to the system."""
    return os.path.join(os.getcwd(), os.fsdecode(path))


def _link_places(name, holder, variable):
    """Where HDF5 looks for the file of a link or a virtual source, in its order."""
    if os.path.isabs(name):
        yield name
        name = os.path.basename(name)
    prefixes = os.environ.get(variable, "")
    for prefix in filter(None, prefixes.split(os.pathsep)):
        yield os.path.join(prefix, name)
    if variable == "HDF5_VDS_PREFIX" and prefixes:
        yield os.path.join(_expand_origin(prefixes, holder), name)
    yield os.path.join(os.path.dirname(holder), name)
    yield name
    yield os.path.join(os.path.dirname(os.path.realpath(holder)), name)


def _storage_places(name, holder, variable):
    """Where HDF5 looks for external storage: with its prefix or in the working directory, and nowhere else."""
    path = os.path.join(_expand_origin(os.environ.get(variable, ""), holder), name)
    if os.path.exists(path) and os.path.exists(name) and not os.path.samefile(path, name):
        raise ValueError(  # HDF5 has read the variable when it was loaded, and does not tell what was in it then
            f"{name!r} in {holder} may be {path}, by {variable}, or {absolute(name)}; remove one of them."
        )
    yield path


def _expand_origin(prefix, holder):
    return prefix.replace("${ORIGIN}", os.path.dirname(holder), 1) if prefix.startswith("${ORIGIN}") else prefix


def allowed_folder(external_files):
    """Return the real path of the folder whose files may be followed, None for none."""
    if external_files is None:
        return None
    folder = os.path.realpath(os.path.expanduser(external_files))
    if not os.path.isdir(folder):
        raise ValueError(f"external_files must be the folder of the files that others lead to, got {external_files!r}.")
    return folder


def allow(name, holder, variable, folder, what):
    """Return the reference of a name that may be followed.

    Parameters
    ----------
    name, holder, variable : str
        As in `find_file`.
    folder : str or None
        From `allowed_folder`.
    what : str
        What leads there, for errors.

    Returns
    -------
    reference : Reference or None
        None if there is no such file.

    Raises
    ------
    ValueError
        If the file lies elsewhere than in the folder, or is no regular file.
    """
    if folder is None:
        raise ValueError(
            f"{what} of {holder} leads to another file, {name!r}. It is followed only where external_files= names its "
            "folder."
        )
    path = find_file(name, holder, variable)
    if path is None:
        return None
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(folder) and str(real) != os.path.realpath(holder):
        raise ValueError(f"{what} of {holder} leads to {real}, which is not in the folder external_files, {folder}.")
    require_regular(path, "a file that features can be read from")
    return Reference(name, holder, variable, path, FileState.of(path))


class Place(NamedTuple):
    """An object in an open HDF5 file.

    Attributes
    ----------
    item : h5py.h5g.GroupID, h5py.h5d.DatasetID or h5py.h5t.TypeID
    file : str
        Absolute path of the file.
    references : tuple of Reference
        The external links on the way to it.
    """

    item: object
    file: str
    references: tuple


def follow(key, place, folder, stack):
    """Walk to an object, link by link; HDF5 itself would open whatever file a link names.

    Parameters
    ----------
    key : str or bytes
        Path of the object, seen from the root of the file.
    place : Place
        The root.
    folder : str or None
        From `allowed_folder`.
    stack : ExitStack
        Closes the files that are opened on the way.

    Returns
    -------
    found : Place or None
        None if there is no such object.

    Raises
    ------
    ValueError
        If the way leads to a file that may not be followed, or is endless.
    """
    h5py = import_h5py()
    root, names, n_links = place.item, _names(encoded(key)), 0
    while names:
        name = names.pop(0)
        if b"\0" in name or not isinstance(place.item, h5py.h5g.GroupID) or not place.item.links.exists(name):
            return None
        kind = place.item.links.get_info(name).type
        if kind == h5py.h5l.TYPE_HARD:
            place = place._replace(item=h5py.h5o.open(place.item, name))
            continue
        n_links += 1
        if n_links > MAX_LINKS:
            raise ValueError(
                f"more than {MAX_LINKS} links lead to {_text(encoded(key))!r} of {place.file}, or they go in circles."
            )
        target = place.item.links.get_val(name)
        if kind == h5py.h5l.TYPE_SOFT:
            names = _names(target) + names
            place = place._replace(item=root) if target.startswith(b"/") else place
        elif kind == h5py.h5l.TYPE_EXTERNAL:
            place = _follow_external(_text(name), os.fsdecode(target[0]), place, folder, stack)
            root, names = place.item, _names(target[1]) + names
        else:
            raise ValueError(f"{_text(name)!r} of {place.file} is a link of a kind that is not known, {kind}.")
    return place


def _follow_external(name, target, place, folder, stack):
    """Open the file of an external link, and return its root."""
    what = f"the external link {name!r}"
    reference = allow(target, place.file, "HDF5_EXT_PREFIX", folder, what)
    if reference is None:
        raise ValueError(f"{what} of {place.file} leads to {target!r}, which is not there.")
    opened = stack.enter_context(open_file(reference.path))
    return Place(opened["/"].id, reference.path, (*place.references, reference))


def encoded(key):
    """Return a path in a file as HDF5 has it, in bytes."""
    return key.encode(errors="surrogateescape") if isinstance(key, str) else key


def _names(path):
    """Names on a path; HDF5 skips empty ones and the dot, and knows no parent."""
    return [name for name in path.split(b"/") if name not in (b"", b".")]


def _text(name):
    return name.decode("utf-8", "backslashreplace")

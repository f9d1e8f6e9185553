"""Pickles of strangers read as plain values and stand-ins.

What must hold here:

* Nothing that a pickle names is looked up, called or changed. A name is handed to `find`, which answers with a
  :class:`Builder` around a function of this package, or with a plain value.
* Only lists, dicts and stand-ins that this very pickle has made are changed.
* No step takes more memory than some 100 times the bytes that the pickle has for it; whoever calls bounds these bytes.
  ``pickle.Unpickler`` allocates what a length or the number of a memo declares.
* Keys are text, bytes, numbers or None. To hash a tuple of tuples can take forever, and all of the C stack.
"""

import pickletools
from dataclasses import dataclass, field
from typing import NamedTuple

LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE "
    "SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8".split()
)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list}  # a set is kept as a list: nothing is hashed
IGNORED = ("PROTO", "FRAME", "STOP")
KEY_TYPES = (str, bytes, int, float, bool, type(None))


class Builder(NamedTuple):
    """What stands for a function or class that a pickle names; `build` is called in its place."""

    build: object


@dataclass(eq=False, slots=True)
class StandIn:
    """Stands in for an object of a class that is not looked up: its name and its attributes."""

    name: str
    state: dict = field(default_factory=dict)


def read_pickle(stream, find, load_persistent):
    """Read one pickle.

    Parameters
    ----------
    stream : BytesIO
        Is left behind the end of the pickle.
    find : callable
        Called with a module and a name, two strings; returns a Builder or a plain value, or raises ValueError.
    load_persistent : callable
        Called with the id of what is stored outside the pickle; returns what stands for it.

    Raises
    ------
    ValueError
        For a damaged pickle, and whatever has no place in one of plain values.
    """
    try:
        return _Machine(find, load_persistent).run(stream)
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"its pickle is damaged ({type(error).__name__}: {error})") from error


class _Machine:
    """The stack machine that a pickle is a program of. Methods ``op_...`` are named as in ``pickletools``."""

    def __init__(self, find, load_persistent):
        self.find, self.load_persistent = find, load_persistent
        self.stack, self.below, self.memo = [], [], {}

    def run(self, stream):
        """Return the value of the pickle."""
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name in LITERALS:
                self.stack.append(argument)
            elif opcode.name in CONSTANTS:
                self.stack.append(CONSTANTS[opcode.name])
            elif opcode.name in EMPTY:
                self.stack.append(EMPTY[opcode.name]())
            elif opcode.name not in IGNORED:
                step = getattr(self, f"op_{opcode.name.lower()}", None)
                if step is None:
                    raise ValueError(f"the opcode {opcode.name} has no place in a pickle of weights")
                step(argument)
        return self.stack.pop()

    # --------------------------------------------------------------- the stack and what is remembered of it
    def op_mark(self, _):
        self.below.append(self.stack)
        self.stack = []

    def _above_mark(self):
        items, self.stack = self.stack, self.below.pop()
        return items

    def op_pop(self, _):
        self.stack.pop()

    def op_put(self, number):
        self.memo[number] = self.stack[-1]

    op_binput = op_long_binput = op_put

    def op_memoize(self, _):
        self.memo[len(self.memo)] = self.stack[-1]

    def op_get(self, number):
        self.stack.append(self.memo[number])

    op_binget = op_long_binget = op_get

    # ------------------------------------------------------------------------------------------- containers
    def op_tuple(self, _):
        items = self._above_mark()
        self.stack.append((*items,))

    def op_tuple1(self, _):
        self._take_tuple(1)

    def op_tuple2(self, _):
        self._take_tuple(2)

    def op_tuple3(self, _):
        self._take_tuple(3)

    def _take_tuple(self, length):
        if len(self.stack) < length:
            raise IndexError("pop from an empty stack")
        self.stack[-length:] = [(*self.stack[-length:],)]

    def op_list(self, _):
        items = self._above_mark()
        self.stack.append(items)

    op_frozenset = op_list

    def op_dict(self, _):
        items = self._above_mark()
        self.stack.append(as_dict(zip(items[::2], items[1::2], strict=True)))

    def op_append(self, _):
        item = self.stack.pop()
        self._target(list).append(item)

    def op_appends(self, _):
        items = self._above_mark()
        self._target(list).extend(items)

    op_additems = op_appends

    def op_setitem(self, _):
        value, key = self.stack.pop(), self.stack.pop()
        self._target(dict).update(as_dict([(key, value)]))

    def op_setitems(self, _):
        items = self._above_mark()
        self._target(dict).update(as_dict(zip(items[::2], items[1::2], strict=True)))

    def _target(self, kind):
        target = self.stack[-1]
        if type(target) is not kind:
            raise ValueError(f"items are put into a {type(target).__name__}; wanted a {kind.__name__}")
        return target

    # ---------------------------------------------------------------------------------- names and stand-ins
    def op_global(self, names):
        self.stack.append(self.find(*names.split(" ", 1)))

    def op_stack_global(self, _):
        name, module = self.stack.pop(), self.stack.pop()
        if type(module) is not str or type(name) is not str:
            raise ValueError("a name is no text")
        self.stack.append(self.find(module, name))

    def op_reduce(self, _):
        arguments, builder = self.stack.pop(), self.stack.pop()
        if type(builder) is not Builder or type(arguments) is not tuple:
            raise ValueError(f"a {type(builder).__name__} is called, which has no place in a pickle of weights")
        self.stack.append(builder.build(*arguments))

    op_newobj = op_reduce

    def op_build(self, _):
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is StandIn:
            target.state = state if type(state) is dict else {}  # not a copy: a pickle could ask for many
        elif type(target) is not dict:  # attributes of an OrderedDict are of no use
            raise ValueError(f"attributes of a {type(target).__name__} are set, which has no place among weights")

    def op_binpersid(self, _):
        self.stack.append(self.load_persistent(self.stack.pop()))


def as_dict(pairs):
    """Return a dict of pairs; ValueError for keys that are no text, bytes or number."""
    made = {}
    for key, value in pairs:
        if type(key) not in KEY_TYPES:
            raise ValueError(f"a key is a {type(key).__name__}; wanted text or a number")
        made[key] = value
    return made

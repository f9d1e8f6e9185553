"""Messages of the package in the words of the command line: options in place of Python's names.

The options are those of the parser. File names, labels and what the user gave stay as they are.
"""

import inspect
import re
import sys

from ave_sklearn.cli.arguments import own_options

OTHER_NAMES = {"memory": "cache", "X": "features", "y": "annotations", "n_splits": "folds"}  # Python's: the option's
STRING = r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?!\w)"""  # in quotes of either kind, \' within
CODE = r"\b[A-Z]\w*\([^()]*\)"  # as an estimator is printed
VALUE = rf"{STRING}|[-+]?[\w.]*\w(?![\w/\\])|"  # text, a number or a word; none where something else follows the "="
NO_NAME_BEFORE = r"(?<![\w/\\.=*-])"  # not the end of a longer name, of a path or an option, nor in **name
NO_CODE_BEHIND = r"(?![\w/\\=(\[,)]|\.\w)"  # not the begin of a longer name, of a path or a call, nor in a shape
NOT_OF_A_FILE = r"(?<!\.json )"  # "extractor.json n_segments=4" is what the file says
SENTENCE = r"(?:^|(?<=[.;:] ))"  # where one begins
QUOTED = r"[Tt]he '(?P<quoted>\w+)' parameter of \w+"  # as scikit-learn checks parameters
NOTHING = r"(?!)"  # matches nowhere


def in_options(text, args):
    """Return a message with options in place of the parameters of functions and estimators.

    Parameters
    ----------
    text : str
        Parameters in it are ``name=value``, "The 'name' parameter of CLASS", "name is ..." or "name must ..." at the
        begin of a sentence, and anywhere if a name has an underscore; those of another command need one there too.
    args : Namespace
        With ``option_names``, a dict of the commands' dicts from names to options, and ``command``.

    Returns
    -------
    text : str
    """
    text, names = _without_types(text), _names(args)
    if text.startswith("--"):  # it speaks of options already, but perhaps of a class too
        return re.sub(QUOTED, lambda match: _replace(match, names).removeprefix("--set "), text)
    given = [value for value in _strings(vars(args)) if value in text]
    return re.sub("|".join(_patterns(names, given)), lambda match: _replace(match, names), text)


def _patterns(names, given):
    """Return the patterns of what is replaced or kept, the first of which that fits counts.

    So what comes first hides the names within it: a file called ``lr=1`` is not taken for a parameter. The group of a
    pattern tells `_replace` what it found.

    Parameters
    ----------
    names : dict
        Of `_names`.
    given : list of str
        What the user gave, as it stands in the message.
    """
    name = _any_of(names)
    subject = _any_of(name for name, (_, where) in names.items() if not where or "_" in name)
    # "short" and "device" are everyday words too: where such a name stands bare, it is left as it is.
    sure = _any_of(name for name, (_, where) in names.items() if not where and ("_" in name or len(name) == 1))
    return [
        rf"(?P<given>(?<!\w){_any_of(given)}(?![\w=]))",
        QUOTED,
        rf"{NO_NAME_BEFORE}{NOT_OF_A_FILE}(?P<pair>{name})=(?P<value>{VALUE})",
        rf"{NO_NAME_BEFORE}(?P<none>{name}) is None",
        rf"{SENTENCE}(?P<subject>{subject})(?= (?:is|must|needs|returned)\b)",
        rf"(?<=\ba smaller )(?P<wanted>{subject})(?!\w)",
        rf"(?P<string>{STRING}|{CODE})",
        rf"{NO_NAME_BEFORE}(?P<bare>{sure}){NO_CODE_BEHIND}",
    ]


def _any_of(texts):
    """Return a pattern of any of several texts, of the longest that fits."""
    return f"(?:{'|'.join(sorted(map(re.escape, texts), key=len, reverse=True)) or NOTHING})"


def _without_types(text):
    """Return what scikit-learn says of a wrong value without the types that no option can have."""
    head, got, value = text.rpartition(". Got ")
    head = head.replace("an instance of 'bool' or an instance of 'numpy.bool'", "True or False")
    return re.sub(r", an instance of 'numpy[\w.]*'", "", head) + got + value


def _replace(match, names):
    """Return what takes the place of one match."""
    kind = match.lastgroup if match.lastgroup != "value" else "pair"
    if kind == "given":
        from ave_sklearn._checks import printable

        return printable(match[0])
    option, where = names.get(match[kind], (None, ""))
    if kind == "string" or option is None:
        return match[0]
    if kind == "none":
        return f"{option} is None" if option.startswith("--grid ") else f"{option} is not given{where}"
    return _pair(option, match["value"]) + where if kind == "pair" else option + where


def _pair(option, value):
    """Write an option with its value, as it is given to the command line."""
    if option.startswith(("--set ", "--grid ")):
        return f"{option}={value}"
    if value in ("None", "False"):
        return f"no {option}"
    if value in ("True", ""):
        return option
    bare = value[1:-1] if re.fullmatch(r"(['\"])[\w./:-]+\1", value) else value
    return f"{option} {bare}"


def _names(args):
    """Return the options by the names that messages have: pairs of an option and of what is said of it."""
    own = own_options(args)
    names = {}
    if "extract" in args.option_names:  # of the extractor that a model, or a folder of features, has
        names |= {name: (option, " of 'ave-sklearn extract'") for name, option in args.option_names["extract"].items()}
    if "set" in own:
        names |= {name: (f"--set {name}", "") for name in _parameters()}
    names |= {name: (option, "") for name, option in own.items()}
    names |= {name: (f"--grid {name}", "") for name, _ in getattr(args, "grid", ())}
    names |= {name: names[other] for name, other in OTHER_NAMES.items() if other in names}
    return {name: pair for name, pair in names.items() if pair[0].startswith("--")}


def _parameters():
    """Return the parameters of the estimators; none if they are not imported, since no message is theirs then."""
    module = sys.modules.get("ave_sklearn.localizers")
    classes = [vars(module).get(name) for name in module.__all__] if module else []
    return {name for thing in classes if thing for name in inspect.signature(thing).parameters}


def _strings(values):
    """Yield the texts among the values of arguments."""
    for value in values.values():
        yield from (text for text in (value if isinstance(value, list) else [value]) if text and isinstance(text, str))

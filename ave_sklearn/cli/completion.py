"""Completion of commands, options and names in a shell, by argcomplete."""

import argparse

from ave_sklearn._systems import SYSTEMS


def complete(parser):
    """Answer a shell that asks how the line may go on, and end; without argcomplete do nothing."""
    try:
        import argcomplete
    except ImportError:
        return
    folders = argcomplete.completers.DirectoriesCompleter()
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for command in commands.choices.values():
        for action in command._actions:
            if action.metavar == "DIR":
                action.completer = folders
            elif action.dest == "network":
                action.completer = argcomplete.completers.ChoicesCompleter(sorted({*SYSTEMS} - {"psp"}))
    argcomplete.autocomplete(parser)

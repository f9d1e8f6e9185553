"""The command ``merge``: from several folders of features to one."""

from ave_sklearn.cli.terminal import show

HELP = "make one folder of features of several"
EXAMPLE = "ave-sklearn merge part1 part2 -o features"


def add_arguments(command):
    """Add the arguments of the command."""
    command.epilog = "OUT is as if all videos had been extracted in one run."
    command.add_argument("folders", nargs="+", metavar="DIR", help="folder of 'ave-sklearn extract'; all of one recipe")
    command.add_argument("-o", "--output", metavar="OUT", required=True, help="folder for all features")
    command.add_argument("--force", action="store_true", help="replace the features that OUT holds")


def run(args):
    """Merge folders of features."""
    from ave_sklearn.extraction import merge_features

    features = merge_features(args.folders, args.output, force=args.force)
    if not args.quiet:
        show(f"{args.output}: {features}")

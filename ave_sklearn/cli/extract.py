"""The command ``extract``: from videos to a folder of features."""

import os
from functools import partial

from ave_sklearn.cli.arguments import add_videos, extraction_options
from ave_sklearn.cli.terminal import say, show
from ave_sklearn.cli.videos import find_shard, shard

HELP = "turn videos into a folder of audio and visual features"
EXAMPLE = "ave-sklearn extract videos/*.mp4 --weights-dir weights --n-jobs 2 -o features"
VISUAL_HELP = (
    "network for pictures: vgg19, efficientnet-lite0, which needs no folder of weights and is faster, or MODULE:NAME, "
    "a callable that is imported (default vgg19)"
)
AUDIO_HELP = (
    "network for sound: vggish, log-mel, which needs no weights, or MODULE:NAME, a callable that is imported "
    "(default vggish)"
)


def add_arguments(command):
    """Add the arguments of the command."""
    command.epilog = "Videos longer than N segments are cut into clips of N segments, the last of which may overlap."
    add_videos(command)
    text = "extract part K of N of the videos; the folders of all parts are used, or merged, together"
    command.add_argument("--shard", metavar="K/N", type=shard, help=text)
    command.add_argument("-o", "--output", metavar="DIR", required=True, help="folder for the features")
    command.add_argument("--force", action="store_true", help="replace the features that DIR holds")
    text = "begin anew; without it the command goes on where it was stopped"
    command.add_argument("--restart", action="store_true", help=text)
    command.add_argument("--cache", metavar="DIR", help="keep each video's features there for later runs")
    _add_networks(command)
    _add_grid(command)
    text = "what to do about videos that lack half of a segment or more; pad: hold the last picture (default error)"
    command.add_argument("--short", choices=["error", "skip", "pad"], default="error", help=text)
    text = "seconds of a clip that may be damaged (default 0.5)"
    command.add_argument("--max-damage", type=float, default=0.5, metavar="S", help=text)


def _add_networks(command):
    """Add the networks and what they are given."""
    command.add_argument("--visual", metavar="NAME", default="vgg19", help=VISUAL_HELP)
    command.add_argument("--audio", metavar="NAME", default="vggish", help=AUDIO_HELP)
    text = "pictures of a segment; fewer make it faster (default 16)"
    command.add_argument("--frames-per-segment", type=int, default=16, metavar="N", help=text)
    text = "height and width that pictures are scaled to, in pixels (default 224)"
    command.add_argument("--image-size", type=int, default=224, metavar="N", help=text)
    text = "of the pictures (default auto: what the weights want)"
    command.add_argument("--preprocessing", choices=["auto", "imagenet", "caffe", "centred"], default="auto", help=text)
    text = "mean: average visual features over the regions of a picture"
    command.add_argument("--pool", choices=["mean"], help=text)
    command.add_argument("--weights", choices=["pretrained", "random"], default="pretrained", help="random: for tests")
    text = "of the networks' arithmetic; bfloat16 is faster on processors that multiply it (default float32)"
    command.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help=text)
    command.add_argument("--pca-params", metavar="FILE", help="PCA for VGGish, as AudioSet's features have it")


def _add_grid(command):
    """Add the segments of a clip."""
    command.add_argument("--n-segments", type=int, default=10, metavar="N", help="segments of a clip (default 10)")
    text = "length of the window of a segment, in seconds (default 1)"
    command.add_argument("--segment-seconds", type=float, default=1.0, metavar="S", help=text)
    text = "from the beginning of one window to the next, in seconds (default: the length of a window)"
    command.add_argument("--hop-seconds", type=float, metavar="S", help=text)


def run(args):
    """Write the features of videos into a folder."""
    videos, part = find_shard(args)
    from ave_sklearn.extraction._folder_writing import check_output_folder, notes_of, recall_videos, write_features

    check_output_folder(args.output, args.force, args.restart)
    from ave_sklearn.extraction._folders import is_without_features, read_features
    from ave_sklearn.extraction._report import cut_for

    extractor = _extractor(args)
    say("detail", extractor.fit(videos))
    recall_videos(args.output)
    clips = cut_for(extractor, videos)
    options = {"force": args.force, "restart": args.restart, "shard": part}
    try:
        write_features(args.output, extractor, clips, **options, note=partial(say, "note"))
    except BaseException as error:
        for text in notes_of(error):
            say("hint", text)
        raise
    if not args.quiet and not is_without_features(args.output):
        show(f"{args.output}: {read_features(args.output)[0]}")


def _extractor(args):
    """Return the extractor that the arguments describe."""
    from ave_sklearn.extraction import VideoFeatureExtractor
    from ave_sklearn.extraction._presets import resolve_preprocessing

    return VideoFeatureExtractor(
        visual=args.visual,
        audio=args.audio,
        n_segments=args.n_segments,
        segment_seconds=args.segment_seconds,
        hop_seconds=args.hop_seconds,
        frames_per_segment=args.frames_per_segment,
        image_size=args.image_size,
        preprocessing=resolve_preprocessing(args.preprocessing, args.visual),  # so that extractor.json says which
        pool=args.pool,
        short=args.short,
        max_damage=args.max_damage,
        precision=args.precision,
        pca_params=args.pca_params and os.path.abspath(args.pca_params),
        weights=args.weights,
        memory=args.cache,
        **extraction_options(args),
    )

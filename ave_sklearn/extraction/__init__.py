"""Features of video files: decoding, the log-mel front end, VGG-19 and VGGish.

Examples
--------
>>> from ave_sklearn.extraction import VideoFeatureExtractor
>>> extractor = VideoFeatureExtractor(visual="efficientnet-lite0", audio="log-mel")
>>> X = extractor.transform(["dog.mp4", "bell.mp4"])  # doctest: +SKIP
"""

from ave_sklearn.extraction._extractor import VideoFeatureExtractor
from ave_sklearn.extraction._folder_merging import merge_features
from ave_sklearn.extraction._folders import read_features
from ave_sklearn.extraction._log_mel import log_mel_spectrogram, mel_filterbank
from ave_sklearn.extraction._opening import ExtractionError
from ave_sklearn.extraction._prediction import predict_videos
from ave_sklearn.extraction._report import cut_clips
from ave_sklearn.extraction.networks import VGG19, VGGish, pca_quantize

__all__ = [
    "VGG19",
    "ExtractionError",
    "VGGish",
    "VideoFeatureExtractor",
    "cut_clips",
    "log_mel_spectrogram",
    "mel_filterbank",
    "merge_features",
    "pca_quantize",
    "predict_videos",
    "read_features",
]

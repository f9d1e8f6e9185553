"""Data to fit on: the AVE dataset's files, event lists, a benchmark of real recordings and a generated task.

Examples
--------
>>> from ave_sklearn.datasets import make_av_events, to_events
>>> X, y = make_av_events(n_videos=20, random_state=0)
>>> y.shape
(20, 10)
>>> to_events(y).columns.tolist()
['filename', 'onset', 'offset', 'event_label']
"""

from ave_sklearn.datasets._ave import load_ave
from ave_sklearn.datasets._digits import load_av_digits
from ave_sklearn.datasets._event_files import write_events
from ave_sklearn.datasets._event_lists import read_events, to_events, to_segments
from ave_sklearn.datasets._synthetic import make_av_events

__all__ = ["load_av_digits", "load_ave", "make_av_events", "read_events", "to_events", "to_segments", "write_events"]

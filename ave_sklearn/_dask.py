"""Connection to a Dask cluster by which a search outlives its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from distributed import Client

MOST_SENT = 10_000_000  # bytes of an argument that is sent with each task; distributed warns of tasks above that


def dask_client(address: Any = None, **options: Any) -> Client:
    """Connect to a Dask cluster for joblib's backend "dask", so that a worker that dies costs its own fits alone.

    joblib leaves each argument above 1 kB, such as `y` and the rows of a fold, with one worker, from which the others
    take it. If that one dies, nobody else has it, and the whole search ends with a FutureCancelledError. With this
    client arguments up to 10 MB go along with each task instead, so that any worker can do it again. Features in files
    take some hundred bytes there. Larger arguments are left to joblib: features in memory, for example.

    Parameters
    ----------
    address : str, Cluster or None, default=None
        Of the scheduler, ``"tcp://10.0.0.5:8786"`` for example; see `distributed.Client`, as for None.
    **options
        Of `distributed.Client`.

    Returns
    -------
    client : distributed.Client
        Close it when it is no longer used, or use it in a ``with`` statement.

    Raises
    ------
    ImportError
        If distributed is not installed: ``pip install "ave_sklearn[dask]"``.
    OSError
        If there is no scheduler at the address.

    Notes
    -----
    Without a call of joblib's, it is like any other client. joblib uses a cluster of two threads or more only, all
    workers together.

    Examples
    --------
    >>> import joblib
    >>> from sklearn.model_selection import cross_val_score
    >>> from ave_sklearn.model_selection import dask_client
    >>> with dask_client("tcp://10.0.0.5:8786"), joblib.parallel_config(backend="dask"):  # doctest: +SKIP
    ...     cross_val_score(localizer, X, y, error_score="raise")
    """
    try:
        from dask.sizeof import sizeof
        from distributed import Client
    except ImportError as error:
        raise ImportError('a Dask cluster needs distributed: pip install "ave_sklearn[dask]".') from error

    class SendingClient(Client):
        """Client whose tasks hold their arguments."""

        def scatter(self, data, *args, **kwargs):
            """Have joblib, which alone asks in this way, put what is small enough into the task itself."""
            if kwargs.get("asynchronous") and sizeof(data) <= MOST_SENT:
                return _nowhere()
            return super().scatter(data, *args, **kwargs)

    return SendingClient(address, **options)


async def _nowhere():
    """Give joblib no future, so that it takes the argument."""

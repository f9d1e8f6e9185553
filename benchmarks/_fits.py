"""Fits of the benchmarks: to the last epoch, with the weights of the best one by the validation videos."""

import time


def fit_best_epoch(localizer, train, validation):
    """Fit `localizer`, and return what the fit was like.

    Parameters
    ----------
    localizer : estimator
        Gets ``early_stopping="best"``: it runs to the end, and keeps the best epoch.
    train, validation : (X, y)

    Returns
    -------
    about : dict
        "validation" (score of the best epoch), "epoch", "seconds", "parameters" (how many).
    """
    localizer.set_params(early_stopping="best")
    start = time.perf_counter()
    localizer.fit(*train, X_val=validation[0], y_val=validation[1])
    return {
        "validation": localizer.validation_score_,
        "epoch": localizer.best_epoch_,
        "seconds": time.perf_counter() - start,
        "parameters": sum(p.numel() for p in localizer.net_.module_.parameters()),
    }

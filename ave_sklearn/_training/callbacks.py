"""Callbacks of the training: validation, the progress, the schedule of the learning rate."""

import numpy as np
import torch
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from torch.optim.lr_scheduler import MultiStepLR, OneCycleLR

from ave_sklearn._progress import Progress
from ave_sklearn._training.state import load_module_state, module_state

CLIP_NORM = 1.0
RELEASED_DECAY = 0.8


class Validation(Callback):
    """Score the net on validation videos after each epoch, and keep the weights of its best epoch, or of its last.

    Parameters
    ----------
    dataset : VideoDataset
    decode : callable
        Maps the module's outputs for a batch to class probabilities (n, T, C).
    score : callable
        Maps the predicted segment codes (n, T) of `dataset` to a number; higher is better. Ties go to the
        lower validation loss.
    early_stopping : int, "best" or False
        Epochs without a better one after which training stops; "best" trains all epochs, and False keeps the last.

    Attributes
    ----------
    kept_epoch_ : int
        The epoch, from 1, whose weights are kept.
    kept_score_ : float
        Its score.
    """

    def __init__(self, dataset, decode, score, early_stopping):
        self.dataset, self.decode, self.score, self.early_stopping = dataset, decode, score, early_stopping

    def on_train_begin(self, net, **kwargs):
        """Forget earlier trainings."""
        self.best_, self.kept_epoch_, self.kept_score_, self.best_state_ = (-np.inf, -np.inf), 0, None, None

    def on_epoch_end(self, net, **kwargs):
        """Record ``valid_loss`` and ``valid_score``; stop the net when its patience is over."""
        loss, score = self.evaluate(net)
        net.history.record("valid_loss", loss)
        net.history.record("valid_score", score)
        epoch = len(net.history)
        if self.early_stopping is False:
            self.kept_epoch_, self.kept_score_ = epoch, score
        elif (score, -loss) > self.best_:
            self.best_, self.kept_epoch_, self.kept_score_ = (score, -loss), epoch, score
            self.best_state_ = module_state(net.module_)
        if self.early_stopping not in (False, "best"):
            net.stopped = epoch - self.kept_epoch_ >= self.early_stopping

    def evaluate(self, net):
        """Return loss and score on the validation videos."""
        losses, codes = [], []
        for batch in net.get_iterator(self.dataset, training=False):
            outputs = net.evaluation_step(batch)
            losses.append((net.get_loss(outputs, batch[1]).item(), len(batch[1][1])))
            codes.append(self.decode(outputs).argmax(-1).cpu())
        loss, size = np.array(losses).T
        return float(np.average(loss, weights=size)), self.score(torch.cat(codes).numpy())

    def on_train_end(self, net, **kwargs):
        """Restore the best epoch's weights."""
        if self.best_state_ is None:
            return
        try:
            load_module_state(net.module_, self.best_state_)
        except RuntimeError as error:
            raise net.contract.error(f"it cannot be set back to its best epoch: {error}") from error


class EpochProgress(Callback):
    """A bar, or lines, with epoch, loss, time left and, with validation, its score."""

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        layout = "epoch {n_fmt}/{total_fmt} |{bar:20}| {desc} [{elapsed}<{remaining}]"
        self.progress_ = Progress(net.max_epochs, "epoch", bar_format=layout)

    def on_epoch_end(self, net, **kwargs):
        """Advance the bar by an epoch."""
        last = net.history[-1]
        score = f", val acc {last['valid_score']:.3f}" if "valid_score" in last else ""
        self.progress_.advance(f"loss {last['train_loss']:.4f}{score}")

    def on_train_end(self, net, **kwargs):
        """Leave the finished bar behind."""
        self.progress_.close()


def learning_rate_callbacks(schedule, lr, n_steps, milestones):
    """Return the skorch callbacks of a learning-rate schedule.

    "one_cycle" rises to `lr` and anneals over `n_steps` batches; "constant" stays; "released" is the authors':
    times 0.8 after each epoch of `milestones`, gradients unclipped.
    """
    if schedule == "released":
        return [("lr", LRScheduler(MultiStepLR, milestones=milestones, gamma=RELEASED_DECAY))]
    clip = ("clip", GradientNormClipping(CLIP_NORM))
    if schedule == "constant":
        return [clip]
    one_cycle = LRScheduler(OneCycleLR, max_lr=lr, total_steps=n_steps, step_every="batch")
    return [clip, ("lr", one_cycle)]

"""Training on skorch: the net, and what happens after each epoch."""

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from torch.optim.lr_scheduler import MultiStepLR, OneCycleLR
from tqdm.auto import tqdm

from ave_sklearn.localizers._networks import inner_network
from ave_sklearn.nn import StandardizedNetwork, set_dropout_generator

CLIP_NORM = 1.0
RELEASED_DECAY = 0.8


class LocalizerNet(NeuralNet):
    """The skorch net behind the estimators.

    Its module returns a dict of tensors; its criterion is called as ``criterion(outputs, target, weight)``.
    """

    stopped = False
    contract = None
    product_type = None  # of matrix products, where it is not that of the weights

    def infer(self, x, **fit_params):
        """Return the module's outputs for a batch; raise ValueError where they break the network's contract.

        Parameters
        ----------
        x : Batch
        """
        network, scalings = self.module_, (None, None)
        if isinstance(network, StandardizedNetwork):
            network, scalings = network.network, network.scalings(len(x), x.n_visual_axes)
        audio, visual = x.features(scalings, self.product_type)
        with torch.autocast(audio.device.type, self.product_type, enabled=self.product_type is not None):
            outputs = network(audio, visual)
        self.contract.check(outputs, *audio.shape[:2])
        return {name: as_type(value, audio.dtype) for name, value in outputs.items()}

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the loss of a batch; raise ValueError when a training loss is not finite."""
        target, weight = (t.to(self.device) for t in y_true)
        loss = self.criterion_(y_pred, target, weight)
        if training and not loss.requires_grad:
            raise ValueError("The training loss depends on no weight: the network's outputs are cut off from them.")
        if training and not torch.isfinite(loss):
            raise ValueError(
                f"The training loss is {loss.item()} in epoch {len(self.history)}. Try a smaller lr, "
                "standardize=True, or features of a smaller scale."
            )
        return loss

    def fit_dataset(self, dataset, callbacks, order_seed, dropout_seed):
        """Train for at most ``max_epochs``, or until a callback sets ``stopped``; Ctrl-C goes through.

        Parameters
        ----------
        dataset : VideoDataset
        callbacks : list of (str, Callback)
        order_seed, dropout_seed : int
            Seeds of the order of the videos and of the dropout masks.
        """
        self.set_params(callbacks=callbacks, iterator_train__random_state=np.random.RandomState(order_seed))
        self.initialize()
        set_dropout_generator(self.module_, torch.Generator(self.device).manual_seed(dropout_seed))
        self.notify("on_train_begin", X=dataset, y=None)
        for _ in range(self.max_epochs):
            self.fit_loop(dataset, epochs=1)
            self.check_trained()
            if self.stopped:
                break
        self.notify("on_train_end", X=dataset, y=None)
        return self.release_training_state()

    def check_trained(self):
        """Raise ValueError for weights that the optimiser does not know, such as those of a layer built in forward."""
        known = {id(weight) for group in self.optimizer_.param_groups for weight in group["params"]}
        late = [name for name, weight in inner_network(self.module_).named_parameters() if id(weight) not in known]
        if late:
            raise self.contract.error(f"{late} came into being in forward and are not trained; wanted them in __init__")

    def release_training_state(self):
        """Forget what only training needs: optimiser moments, generators, references to data."""
        set_dropout_generator(self.module_, None)
        self.optimizer_.state.clear()
        self.callbacks, self.callbacks_ = None, []
        self.iterator_train__random_state = None
        self.module_.eval()
        return self


def as_type(value, dtype):
    """Return a Tensor of floats as `dtype`, and anything else as it is."""
    return value.to(dtype) if torch.is_tensor(value) and value.is_floating_point() else value


class Validation(Callback):
    """Score the net on validation videos after each epoch, and keep the weights of its best epoch.

    Parameters
    ----------
    dataset : VideoDataset
    proba : callable
        Maps the module's outputs for a batch to class probabilities (n, T, C).
    score : callable
        Maps the predicted segment codes (n, T) of `dataset` to a number; higher is better. Ties go to the
        lower validation loss.
    patience : int
        Epochs without a better one after which training stops.
    """

    def __init__(self, dataset, proba, score, patience):
        self.dataset, self.proba, self.score, self.patience = dataset, proba, score, patience

    def on_train_begin(self, net, **kwargs):
        """Forget earlier trainings."""
        self.best_, self.best_epoch_, self.best_weights_ = (-np.inf, -np.inf), 0, None

    def on_epoch_end(self, net, **kwargs):
        """Record ``valid_loss`` and ``valid_score``; stop the net when its patience is over."""
        loss, score = self.evaluate(net)
        net.history.record("valid_loss", loss)
        net.history.record("valid_score", score)
        epoch = len(net.history)
        if (score, -loss) > self.best_:
            self.best_, self.best_epoch_ = (score, -loss), epoch
            self.best_weights_ = {k: v.clone() for k, v in net.module_.state_dict().items()}
        net.stopped = epoch - self.best_epoch_ >= self.patience

    def evaluate(self, net):
        """Return loss and score on the validation videos."""
        losses, codes = [], []
        for batch in net.get_iterator(self.dataset, training=False):
            outputs = net.evaluation_step(batch)
            losses.append((net.get_loss(outputs, batch[1]).item(), len(batch[1][1])))
            codes.append(self.proba(outputs).argmax(-1).cpu())
        loss, size = np.array(losses).T
        return float(np.average(loss, weights=size)), self.score(torch.cat(codes).numpy())

    def on_train_end(self, net, **kwargs):
        """Restore the best epoch's weights."""
        net.module_.load_state_dict(self.best_weights_)


class Progress(Callback):
    """A bar with epoch, loss, validation score ("-" without validation) and time left."""

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        layout = "epoch {n_fmt}/{total_fmt} |{bar:20}| {desc} [{elapsed}<{remaining}]"
        self.bar_ = tqdm(total=net.max_epochs, bar_format=layout)

    def on_epoch_end(self, net, **kwargs):
        """Advance the bar by an epoch."""
        last = net.history[-1]
        score = f"{last['valid_score']:.3f}" if "valid_score" in last else "-"
        self.bar_.set_description_str(f"loss {last['train_loss']:.4f}, val acc {score}", refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Leave the finished bar behind."""
        self.bar_.close()


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

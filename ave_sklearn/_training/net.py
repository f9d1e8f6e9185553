"""Net that trains a module on batches of videos: skorch's, with what skorch would do otherwise.

What must hold here:

* The loss of a batch is ``criterion(outputs, target, weight)`` of a dict of Tensors, checked against the contract of
  networks each time: a network of the user's may break it in any batch.
* ``module_`` itself is called, so that hooks on it fire. Its features come scaled (see ``batches.py``).
* Only the forward pass runs under autocast; what comes out is cast back, and losses are in the type of the weights.
* An epoch is one ``fit_loop``: skorch's own ``fit`` swallows Ctrl-C, and stops early by raising it.
* Dropout draws from the generator that is set for a training, and no generator, optimiser state or data stays behind.
"""

import numpy as np
import torch
from skorch import NeuralNet

from ave_sklearn.nn.layers import set_dropout_generator
from ave_sklearn.nn.standardize import StandardizedNetwork


class LocalizerNet(NeuralNet):
    """The skorch net behind the estimators.

    Its module returns a dict of tensors; its criterion is called as ``criterion(outputs, target, weight)``.
    """

    stopped = False
    contract = None
    autocast_dtype = None  # of matrix products, where it is not that of the weights

    def infer(self, x, **fit_params):
        """Return the module's outputs for a batch; raise ValueError where they break the network's contract.

        Parameters
        ----------
        x : Batch
        """
        scalings, options = (None, None), {}
        if isinstance(self.module_, StandardizedNetwork):
            scalings, options = self.module_.scalings(len(x), x.n_visual_axes), {"standardized": True}
        audio, visual = x.load(scalings, self.autocast_dtype)
        with torch.autocast(audio.device.type, self.autocast_dtype, enabled=self.autocast_dtype is not None):
            outputs = self.module_(audio, visual, **options)
        self.contract.check(outputs, *audio.shape[:2])
        return {name: as_dtype(value, audio.dtype) for name, value in outputs.items()}

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the loss of a batch; raise ValueError when a training loss is not finite."""
        target, weight = (t.to(self.device) for t in y_true)
        loss = self.criterion_(y_pred, target, weight)
        if training and not loss.requires_grad:
            raise ValueError("The training loss depends on no weight: the network's outputs are cut off from them.")
        if training and not torch.isfinite(loss):
            raise diverged(f"The training loss is {loss.item()} in epoch {len(self.history)}")
        return loss

    def on_epoch_end(self, net, **kwargs):
        """Raise ValueError for weights that the epoch's last step made infinite or NaN; callbacks come after it."""
        super().on_epoch_end(net, **kwargs)
        if not all(weight.isfinite().all() for weight in self.module_.parameters()):
            raise diverged(f"The weights are not finite after epoch {len(self.history)}")

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
            dataset.report_zeros()
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


def diverged(what):
    """Return the error for a training in which `what` came about."""
    return ValueError(
        f"{what}. Try a smaller lr, standardize=True, features of a smaller scale, or a smaller weight_decay."
    )


def inner_network(module):
    """Return the network itself, in a module that may standardise its features."""
    return module.network if isinstance(module, StandardizedNetwork) else module


def as_dtype(value, dtype):
    """Return a Tensor of floats as `dtype`, and anything else as it is."""
    return value.to(dtype) if torch.is_tensor(value) and value.is_floating_point() else value

"""What a fitted localizer shows of its network: probabilities, features, attention, connections."""

import torch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ave_sklearn._device import WEIGHTS
from ave_sklearn._training.batches import BatchIterator, VideoDataset, prediction_batch_size
from ave_sklearn.localizers._inputs import check_same_layout, memory_of_batches, resolve_device, validate_features
from ave_sklearn.localizers._networks import network_name
from ave_sklearn.nn import class_probabilities, video_probabilities


class OutputsMixin:
    """The part of :class:`~ave_sklearn.localizers._base.BaseLocalizer` that runs the network on videos."""

    @available_if(lambda self: self._supervision.name == "weak")
    def predict_video_proba(self, X):
        """Return the probability of each class for the whole video, the prediction o of Eq. 5.

        Weakly supervised estimators alone have this method.

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        proba : ndarray of shape (n, C)
            Columns follow ``classes_`` and sum to 1. After a fit on proportions they estimate proportions. A network
            whose video prediction has no background class gives background 0.
        """
        (logits,) = self._outputs(X, "video_logits")
        plan = self._plan_
        return video_probabilities(torch.from_numpy(logits), plan["n_classes"], plan["background"]).numpy()

    def embed(self, X):
        """Return the fused features of each segment, ndarray of shape (n, T, d) (Eq. 4)."""
        (fused,) = self._outputs(X, "fused")
        return fused

    def attention(self, X):
        """Return where the network looks: ndarray of shape (n, T, H, W), each map summing to 1.

        Raises
        ------
        ValueError
            After a fit on pooled visual features, which have no regions to attend to, or of a network without
            attention.
        """
        check_is_fitted(self)
        if self._plan_["layout"]["map_size"] is None:
            raise ValueError(
                "attention needs visual maps (n, T, H, W, d_v), but this estimator was fitted on pooled visual "
                "features (n, T, d_v), which have no regions to attend to."
            )
        (attention,) = self._outputs(X, "attention")
        return attention

    def propagation(self, X):
        """Return the connections that PSP keeps (Eq. 2).

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        gamma_va, gamma_av : ndarrays of shape (n, T, T)
            Row t of `gamma_va` holds what visual segment t takes from each audio segment, and `gamma_av` the
            reverse. Rows sum to 1, or are 0 where all connections were cut.

        Raises
        ------
        ValueError
            Of a network without propagation, such as that of ``tau=None``.
        """
        check_is_fitted(self)
        if self._plan_["params"].get("tau", 0) is None:
            raise ValueError(
                "propagation needs connections, but this estimator was fitted with tau=None, without propagation; "
                "fit with tau=0 to see all positive ones."
            )
        gamma_va, gamma_av = self._outputs(X, "gamma_va", "gamma_av")
        return gamma_va, gamma_av

    def _proba(self, outputs):
        """Return the probabilities (n, T, C) of the network's outputs for a batch."""
        proba = class_probabilities(outputs, self._plan_["n_classes"], self._plan_["background"])
        if not proba.isfinite().all():
            name = network_name(self._plan_["network"])
            raise ValueError(f"network {name} gives outputs that are not finite in evaluation mode; wanted numbers.")
        return proba

    def _segment_proba(self, X):
        """Return the probabilities (n, T, C) for all videos of `X`."""
        (proba,) = self._collect(X, lambda outputs: [self._proba(outputs)])
        return proba

    def _segment_codes(self, X):
        """Return the most probable class of each segment and its probability, both (n, T)."""
        scores, codes = self._collect(X, lambda outputs: self._proba(outputs).max(-1))
        return codes, scores

    def _outputs(self, X, *names):
        """Return the network's outputs of these names for all videos of `X`, a list of ndarrays."""

        def named(outputs):
            missing = [name for name in names if name not in outputs]
            if missing:
                name = network_name(self._plan_["network"])
                raise ValueError(f"network {name} does not give {missing}; it gives {list(outputs)}.")
            return [outputs[name] for name in names]

        return self._collect(X, named)

    def _collect(self, X, choose):
        """Return, for all videos of `X`, what `choose` returns for a batch; nothing else is kept.

        Parameters
        ----------
        X : like `X` of :meth:`fit`
        choose : callable
            Takes the network's outputs for a batch and returns Tensors with a row for each of its videos.

        Returns
        -------
        results : list of ndarrays
        """
        check_is_fitted(self)
        X = validate_features(self, X, reset=False)
        check_same_layout(self, X, self._plan_["layout"])
        results, stop = None, 0
        for outputs in self._batches(X):
            parts = choose(outputs)
            if results is None:
                results = [part.new_empty((len(X), *part.shape[1:]), device="cpu") for part in parts]
            start, stop = stop, stop + len(parts[0])
            for result, part in zip(results, parts, strict=True):
                result[start:stop] = part
        return [result.numpy() for result in results]

    def _dataset(self, X, target=None, weight=None):
        """Return the videos of `X` as the network reads them where it is, with encoded targets and weights."""
        device = self.net_.device if hasattr(self, "net_") else resolve_device(self.device)
        return VideoDataset(X, WEIGHTS[self._plan_["precision"]], target, weight, device)

    def _batches(self, X):
        """Yield the network's outputs for the AVFeatures `X`, batch by batch."""
        dataset = self._dataset(X)
        with memory_of_batches(self.batch_size):
            batches = BatchIterator(dataset, prediction_batch_size(X, self.batch_size))
            yield from map(self.net_.evaluation_step, batches)

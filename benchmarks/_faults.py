"""The deliberate faults of ``mutations.py``: by kind, each beside others of its kind."""

from typing import NamedTuple


class Fault(NamedTuple):
    """A replacement in one file of the package.

    Attributes
    ----------
    name : str
    file : str
        In ``ave_sklearn/``.
    old, new : str
        `old` occurs once in the file.
    tests : str
        What may see it, in ``tests/``, separated by blanks. Narrow, since each fault runs them.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


LOSSES = "nn/test_nn_losses.py"
DROPOUT = "nn/test_nn_dropout.py"
MASKS = "nn/test_nn_masks.py"
CONSTANTS = "nn/test_nn_constants.py"
ORDER = "training/test_order_of_videos.py"
STEPS = "training/test_steps.py"
PARAMETERS = "localizers/test_parameters.py"
SMOOTHING = f"{PARAMETERS}::test_label_smoothing_spreads_its_share_of_the_target"
SIMILARITY = f"{PARAMETERS}::test_a_pair_loss_without_similarity_is_an_error_of_more_than_one_segment"
BEST = "training/test_best_epoch.py"
LOG_MEL = "extraction/test_log_mel.py"
TOLERANCES = "targets/test_tolerances.py"
TIMES = f"{TOLERANCES} datasets/test_event_lists.py metrics/test_metrics.py"
FOLDS = "model_selection/test_model_selection.py"
PARTS = "cli/test_hold_out.py"
MAPPED = "features/test_mapped_files.py"
CHANGING = "files/test_changing_files.py"
PAIRS = "files/test_pairs.py"
ATTENTION = "nn/test_nn_transformer.py"
CMBS = "nn/test_nn_cmbs.py"
CACENET = "nn/test_nn_cacenet.py"

FAULTS = {
    "pair loss in FullyLoss": [
        Fault(
            "attracts on background", "nn/losses.py", "target != self.background", "target == self.background", LOSSES
        ),
        Fault("pushes in place of pulls", "nn/losses.py", "loss + self.lam *", "loss - self.lam *", LOSSES),
        Fault("pulls on one class alone", "nn/losses.py", "target != self.background", "target > 1", LOSSES),
        Fault(
            "gated loss calls background an event",
            "nn/gated.py",
            "is_event = (target != background)",
            "is_event = (target == background)",
            LOSSES,
        ),
    ],
    "dropout of PSP": [
        Fault(
            "none after its projections",
            "nn/propagation.py",
            "return self.dropout(F.relu(y) if self.released else y)",
            "return F.relu(y) if self.released else y",
            DROPOUT,
        ),
        Fault(
            "none after those that are propagated",
            "nn/propagation.py",
            "propagate(gamma_va, self.project(self.w2_a, a), v)",
            "propagate(gamma_va, self.w2_a(a), v)",
            DROPOUT,
        ),
    ],
    "dropout of the fusion": [
        Fault(
            "none after W3",
            "nn/heads.py",
            "self.norm(self.dropout(self.activation(layer(x))))",
            "self.norm(self.activation(layer(x)))",
            DROPOUT,
        ),
        Fault(
            "behind the norm",
            "nn/heads.py",
            "self.norm(self.dropout(self.activation(layer(x))))",
            "self.dropout(self.norm(self.activation(layer(x))))",
            DROPOUT,
        ),
    ],
    "dropout of the classifier": [
        Fault("none before its first layer", "nn/heads.py", "x = self.dropout(fused)", "x = fused", DROPOUT),
        Fault(
            "none before its last layer",
            "nn/heads.py",
            "x = self.dropout(self.activation(self.hidden(x)))",
            "x = self.activation(self.hidden(x))",
            DROPOUT,
        ),
    ],
    "dropout behind LSTMs": [
        Fault(
            "none behind the audio LSTM",
            "nn/encoders.py",
            "self.dropout(self.audio_lstm(a, mask))",
            "self.audio_lstm(a, mask)",
            DROPOUT,
        ),
        Fault(
            "none behind the visual LSTM",
            "nn/encoders.py",
            "self.dropout(self.visual_lstm(v, mask))",
            "self.visual_lstm(v, mask)",
            DROPOUT,
        ),
        Fault(
            "none behind AVSDN's decoder",
            "nn/systems/avsdn.py",
            "self.dropout(F.relu(codes))",
            "F.relu(codes)",
            DROPOUT,
        ),
    ],
    "dropout of other networks": [
        Fault(
            "none on attention weights",
            "nn/attention.py",
            "self.dropout(score.softmax(-1))",
            "score.softmax(-1)",
            DROPOUT,
        ),
        Fault(
            "none behind a feed-forward layer",
            "nn/transformer.py",
            "x + self.dropout(self.output(hidden))",
            "x + self.output(hidden)",
            DROPOUT,
        ),
        Fault(
            "CMAN's audio alone has none",
            "nn/systems/cman.py",
            "self.dropout(self.audio_when(audio, mask))",
            "self.audio_when(audio, mask)",
            DROPOUT,
        ),
        Fault(
            "bilinear fusion at half the rate",
            "nn/bilinear.py",
            "Dropout(dropout)",
            "Dropout(dropout / 2)",
            DROPOUT,
        ),
    ],
    "order of videos": [
        Fault(
            "never shuffled",
            "_training/batches.py",
            "self.random_state.permutation(n)",
            "np.arange(n)",
            ORDER,
        ),
        Fault(
            "the same in every epoch",
            "_training/batches.py",
            "self.random_state.permutation(n)",
            "np.random.RandomState(0).permutation(n)",
            ORDER,
        ),
        Fault(
            "drawn with replacement",
            "_training/batches.py",
            "self.random_state.permutation(n)",
            "self.random_state.randint(n, size=n)",
            ORDER,
        ),
        Fault(
            "validation videos shuffled",
            "_training/callbacks.py",
            "get_iterator(self.dataset, training=False)",
            "get_iterator(self.dataset, training=True)",
            ORDER,
        ),
    ],
    "initial weights": [
        Fault(
            "no gain of W2",
            "nn/propagation.py",
            "PROPAGATED_GAIN = 0.1",
            "PROPAGATED_GAIN = 1.0",
            CONSTANTS,
        ),
        Fault(
            "the gain on W1 too",
            "nn/propagation.py",
            "self.w1_v, self.w1_a = linear(size, size), linear(size, size)",
            "self.w1_v, self.w1_a = linear(size, size, gain=gain), linear(size, size, gain=gain)",
            CONSTANTS,
        ),
        Fault(
            "the weighting branch by Xavier's rule",
            "nn/heads.py",
            'linear(n_classes, 1, init="torch")',
            "linear(n_classes, 1)",
            CONSTANTS,
        ),
        Fault(
            "LSTMs from twice the interval",
            "nn/initialize.py",
            "bound = layer.hidden_size**-0.5",
            "bound = 2 * layer.hidden_size**-0.5",
            CONSTANTS,
        ),
    ],
    "clipping": [
        Fault("at another norm", "_training/callbacks.py", "CLIP_NORM = 1.0", "CLIP_NORM = 2.0", STEPS),
        Fault(
            "none under one_cycle",
            "_training/callbacks.py",
            'return [clip, ("lr", one_cycle)]',
            'return [("lr", one_cycle)]',
            STEPS,
        ),
    ],
    "tie of the best epoch": [
        Fault(
            "to the first",
            "_training/callbacks.py",
            "(score, -loss) > self.best_:",
            "score > self.best_[0]:",
            BEST,
        ),
        Fault(
            "to the last",
            "_training/callbacks.py",
            "(score, -loss) > self.best_:",
            "score >= self.best_[0]:",
            BEST,
        ),
        Fault(
            "the loss before the score",
            "_training/callbacks.py",
            "(score, -loss) > self.best_:",
            "(-loss, score) > self.best_[::-1]:",
            BEST,
        ),
    ],
    "label smoothing": [
        Fault(
            "none of the weak loss",
            "nn/losses.py",
            "shares, label_smoothing=self.label_smoothing",
            "shares, label_smoothing=0.0",
            LOSSES,
        ),
        Fault(
            "none of the gated loss's events",
            "nn/gated.py",
            "smooth = is_event * (1 - label_smoothing) + label_smoothing / 2",
            "smooth = is_event",
            LOSSES,
        ),
        Fault(
            "none of the full loss",
            "nn/losses.py",
            "target, label_smoothing=self.label_smoothing, mask=mask",
            "target, mask=mask",
            LOSSES,
        ),
        Fault(
            "none in a weak fit",
            "localizers/_supervision.py",
            "WeakLoss(label_smoothing,",
            "WeakLoss(0.0,",
            SMOOTHING,
        ),
    ],
    "short videos": [
        Fault("no pair loss at two segments", "nn/losses.py", "target.shape[1] > 1", "target.shape[1] > 2", LOSSES),
        Fault("a pair loss at one segment", "nn/losses.py", "target.shape[1] > 1", "target.shape[1] > 0", LOSSES),
        Fault(
            "similarity not asked for at two segments",
            "_training/model.py",
            "self.spec.n_segments > 1",
            "self.spec.n_segments > 2",
            SIMILARITY,
        ),
    ],
    "small constants": [
        Fault("eps of the fusion's norm", "nn/heads.py", "eps=1e-6", "eps=1e-5", CONSTANTS),
        Fault(
            "eps of self-attention's norm",
            "nn/attention.py",
            "self.norm = nn.LayerNorm(n_features)\n",
            "self.norm = nn.LayerNorm(n_features, eps=1e-6)\n",
            CONSTANTS,
        ),
        Fault("shares of small similarities", "nn/propagation.py", "EPS = 1e-8", "EPS = 1e-2", CONSTANTS),
        Fault("the pair loss of small similarities", "nn/losses.py", "EPS = 1e-8", "EPS = 1e-2", CONSTANTS),
    ],
    "frames of VGGish": [
        Fault("the last 96 of 98", "extraction/_log_mel.py", "[:n_frames]", "[-n_frames:]", LOG_MEL),
        Fault("the middle 96 of 98", "extraction/_log_mel.py", "[:n_frames]", "[1 : n_frames + 1]", LOG_MEL),
        Fault(
            "a long second loses its beginning",
            "extraction/_log_mel.py",
            "waveform[:n_samples]",
            "waveform[-n_samples:]",
            LOG_MEL,
        ),
        Fault(
            "silence in front of a short second",
            "extraction/_log_mel.py",
            "(0, n_samples - len(waveform))",
            "(n_samples - len(waveform), 0)",
            LOG_MEL,
        ),
    ],
    "mask": [
        Fault("none in prune", "nn/propagation.py", "if mask is not None:", "if False:", MASKS),
        Fault(
            "prune hides takers alone",
            "nn/propagation.py",
            "(mask[:, :, None] & mask[:, None, :])",
            "mask[:, :, None]",
            MASKS,
        ),
        Fault(
            "none in the pair loss",
            "nn/losses.py",
            "similarity, is_event = similarity * mask, is_event & mask",
            "pass",
            MASKS,
        ),
        Fault(
            "the pair loss's mean over padding",
            "nn/losses.py",
            "masked_mean(error.square(), mask)",
            "masked_mean(error.square())",
            MASKS,
        ),
        Fault(
            "none in attention",
            "nn/attention.py",
            "score = score.masked_fill(~mask[..., None, None, :], -torch.inf)",
            "pass",
            MASKS,
        ),
        Fault("none in self-attention", "nn/attention.py", "self.value(x), mask)", "self.value(x))", MASKS),
        Fault(
            "none in attention of one head",
            "nn/attention.py",
            "self.value(memory), mask, self.scale",
            "self.value(memory), None, self.scale",
            MASKS,
        ),
        Fault("none in the weak head", "nn/heads.py", "self.pool(scores, mask)", "self.pool(scores)", MASKS),
        Fault(
            "none in the gated head's weak form",
            "nn/gated.py",
            "masked_max(evidence, mask)",
            "masked_max(evidence)",
            MASKS,
        ),
        Fault(
            "none in AVRB's attention",
            "nn/systems/avrb.py",
            "if mask is None:",
            "if True:",
            MASKS,
        ),
    ],
    "milestones": [
        Fault("of the full recipe", "localizers/_supervision.py", "(60, 120)", "(60, 110)", STEPS),
        Fault("of the weak recipe", "localizers/_supervision.py", "(80, 160)", "(60, 120)", STEPS),
        Fault("decay", "_training/callbacks.py", "RELEASED_DECAY = 0.8", "RELEASED_DECAY = 0.5", STEPS),
        Fault("peak of one_cycle", "_training/callbacks.py", "max_lr=lr", "max_lr=2 * lr", STEPS),
        Fault(
            "weight decay",
            "_training/model.py",
            "optimizer__weight_decay=self.recipe.weight_decay",
            "optimizer__weight_decay=0.01",
            STEPS,
        ),
    ],
    "held-out videos": [
        Fault(
            "not stratified",
            "_stratified.py",
            "stratify=categories[candidates]",
            "stratify=None",
            ORDER,
        ),
        Fault(
            "another fraction", "_stratified.py", "round(fraction * len(categories))", "len(categories) // 10", ORDER
        ),
        Fault(
            "trained on those held out", "cli/known.py", "find_known(new, known)", "find_known(videos, known)", PARTS
        ),
        Fault("clips of a video apart", "cli/parts.py", 'annotated.clips["filename"], ', "", PARTS),
    ],
    "tolerances": [
        Fault("proportions, wider", "_targets/labels.py", "TOLERANCE = 1e-3", "TOLERANCE = 1e-2", TOLERANCES),
        Fault("proportions, narrower", "_targets/labels.py", "TOLERANCE = 1e-3", "TOLERANCE = 1e-4", TOLERANCES),
        Fault("label files, wider", "datasets/_ave_labels.py", "atol=1e-4", "atol=1e-2", TOLERANCES),
        Fault("label files, narrower", "datasets/_ave_labels.py", "atol=1e-4", "atol=1e-8", TOLERANCES),
        Fault("scores of events", "_targets/events.py", "1 + 1e-6", "1 + 1e-3", TOLERANCES),
        Fault(
            "times and overlaps, wider", "_targets/times.py", "TIME_TOLERANCE = 1e-6", "TIME_TOLERANCE = 1e-4", TIMES
        ),
        Fault("times and overlaps, none", "_targets/times.py", "TIME_TOLERANCE = 1e-6", "TIME_TOLERANCE = 0.0", TIMES),
        Fault("ties of categories", "_targets/encoding.py", "TIE = 1e-6", "TIE = 1e-3", TOLERANCES),
    ],
    "folds at the border": [
        Fault(
            "groups at exactly n_splits",
            "model_selection.py",
            "np.bincount(codes).max() >= self.n_splits",
            "np.bincount(codes).max() > self.n_splits",
            FOLDS,
        ),
        Fault(
            "as many videos as folds",
            "model_selection.py",
            "self.n_splits > len(category)",
            "self.n_splits >= len(category)",
            FOLDS,
        ),
        Fault(
            "warning at exactly n_splits",
            "model_selection.py",
            "counts.min() < n_splits",
            "counts.min() <= n_splits",
            FOLDS,
        ),
    ],
    "mapped files": [
        Fault(
            "offset left out of an array's place",
            "_features/memmap.py",
            "first = mapped.offset + address(array)",
            "first = address(array)",
            MAPPED,
        ),
        Fault(
            "offset left out of its range",
            "_features/memmap.py",
            "shift = mapped.offset - address(mapped)",
            "shift = -address(mapped)",
            MAPPED,
        ),
        Fault(
            "a file may lack its last byte",
            "_features/memmap.py",
            "if found < wanted:",
            "if found < wanted - 1:",
            MAPPED,
        ),
        Fault(
            "a whole file is too short",
            "_features/memmap.py",
            "if found < wanted:",
            "if found <= wanted:",
            MAPPED,
        ),
        Fault(
            "range from the array's first element on",
            "_features/memmap.py",
            "return low + shift, high + shift",
            "return address(array) + shift, high + shift",
            MAPPED,
        ),
        Fault(
            "a file that is opened again is not measured",
            "_features/memmap.py",
            "require_file(name, self.file, self.stop)",
            "require_file(name, self.file, 0)",
            MAPPED,
        ),
        Fault(
            "what is written during a read goes unseen",
            "_features/memmap.py",
            "yield descriptor\n            self._compare(descriptor)",
            "yield descriptor",
            CHANGING,
        ),
        Fault(
            "a file of the same size is the same",
            "_files.py",
            "if self.modified != now.modified and not may_be_written:",
            "if self.modified > now.modified and not may_be_written:",
            CHANGING,
        ),
    ],
    "sizes of written files": [
        Fault("a disk filled to its last byte", "_features/npy.py", "if wanted > free:", "if wanted >= free:", MAPPED),
        Fault("a byte more than is free", "_features/npy.py", "if wanted > free:", "if wanted > free + 1:", MAPPED),
    ],
    "pairs of files": [
        Fault("manifests of two runs", "_features/pairs.py", "its.nonce != own.nonce", "False", PAIRS),
        Fault("a file that was replaced", "_features/pairs.py", "elif not own.fits(file):", "elif False:", PAIRS),
        Fault(
            "a copy without its times", "_features/pairs.py", "or fingerprint(file, state.size) == ", "and ''== ", PAIRS
        ),
        Fault("a lock that nobody asks", "_features/pairs.py", "stack.enter_context(locked(file))", "pass", PAIRS),
        Fault(
            "no way back between two names", "_features/pairs.py", "_undo(begun, before)\n        raise", "raise", PAIRS
        ),
        Fault(
            "new names before they are announced",
            "_features/pairs.py",
            "if os.path.lexists(note):\n            with suppress(FileNotFoundError):  #",
            "if False:\n            with suppress(FileNotFoundError):  #",
            PAIRS,
        ),
    ],
    "scaling of attention": [
        Fault(
            "by the whole length, not a head's",
            "nn/attention.py",
            "/ q.shape[-1] ** 0.5",
            "/ query.shape[-1] ** 0.5",
            ATTENTION,
        ),
        Fault(
            "none of AVT's instance attention",
            "nn/systems/avt.py",
            "(score / regions.shape[-1] ** 0.5).softmax(-1)",
            "score.softmax(-1)",
            "nn/test_nn_avt.py",
        ),
        Fault(
            "by the number of segments in Eq. 1",
            "nn/propagation.py",
            "/ v.shape[-1] ** 0.5",
            "/ v.shape[1] ** 0.5",
            "nn/test_nn_equations.py",
        ),
    ],
    "gates and evidence of CMBS": [
        Fault(
            "a modality is gated by itself",
            "nn/systems/cmbs.py",
            "(x_a, x_v) if self.own_gates else (x_v, x_a)",
            "(x_a, x_v)",
            CMBS,
        ),
        Fault("evidence of three segments", "nn/systems/cmbs.py", "N_LARGEST = 4", "N_LARGEST = 3", CMBS),
        Fault(
            "padding is evidence", "nn/layers.py", "counts = torch.arange(k, device=x.device) <", "counts = k <=", MASKS
        ),
        Fault(
            "either gate is enough", "nn/gated.py", "F.logsigmoid(x) + F.logsigmoid(-y)", "F.logsigmoid(-x - y)", CMBS
        ),
        Fault(
            "the gate is taken for a logit",
            "nn/systems/cmbs.py",
            '"gate" if released else "gate_logits"',
            '"gate"',
            CMBS,
        ),
    ],
    "contrast of CACE-Net": [
        Fault(
            "a view is its own negative",
            "nn/contrastive.py",
            "valid[:, None, :] & other",
            "valid[:, None, :]",
            CACENET,
        ),
        Fault("sum of positives", "nn/contrastive.py", " - positive.sum(-1).to(score.dtype).log()", "", CACENET),
        Fault("noise in evaluation", "nn/layers.py", "not self.training or self.std == 0", "self.std == 0", CACENET),
        Fault(
            "batches of evaluation count",
            "nn/systems/cacenet.py",
            "if self.training and not self.is_on:",
            "if not self.is_on:",
            CACENET,
        ),
        Fault(
            "the second context has no norm of its own",
            "nn/systems/cacenet.py",
            "self.attention.context.norm if released else None",
            "self.attention.context.norm",
            CACENET,
        ),
    ],
}

"""Temporal encoders of one modality."""

from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class BiLSTM(nn.Module):
    """One bidirectional LSTM layer, batch first, zero initial state (Sec. 4.2 of the paper).

    Parameters
    ----------
    n_features : int
        Length of a segment's input.
    hidden_size : int
        Length d_l of a segment's output, both directions together: even.
    """

    def __init__(self, n_features, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(n_features, hidden_size // 2, batch_first=True, bidirectional=True)

    def forward(self, x, mask=None):
        """Encode `x` of shape (n, T, n_features) to (n, T, hidden_size).

        With `mask` (n, T), true on the first segments of each video and false on its padding, a video's codes
        are those that it would have alone; padding gets zeros.
        """
        if mask is None:
            return self.lstm(x)[0]
        lengths = mask.sum(1).cpu()
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])[0]

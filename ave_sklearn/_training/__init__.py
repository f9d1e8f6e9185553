"""Training: from arrays to a trained network and back."""

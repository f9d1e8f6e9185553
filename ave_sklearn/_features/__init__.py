"""Containers of audio and visual features, and how they are stored."""

"""Targets: every form of y."""

"""Captures in, results out: one run over files."""

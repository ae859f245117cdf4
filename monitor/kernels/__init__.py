"""Compiled kernels on disk: made ahead, and found again."""

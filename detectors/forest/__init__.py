"""Isolation forest, conformal p-values, explanations, model files."""

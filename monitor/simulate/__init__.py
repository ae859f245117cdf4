"""Invented campuses with known truth: a scenario in, a capture and its labels out (docs/simulate.md)."""

"""Named patterns, one file each: loud in minutes, without a baseline. docs/anomaly.md has the formulas."""

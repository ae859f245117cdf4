"""The running sensor: the parent, its workers, the analysis, and what they tell each other."""

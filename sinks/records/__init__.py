"""The flow history and the results of a run, as files."""

"""One small file per rule: pure functions from windows and rows to findings."""

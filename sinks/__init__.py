"""From findings and flows to files, metrics and people."""

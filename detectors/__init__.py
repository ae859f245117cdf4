"""From named flows to findings: the catalogue, host windows, the forest and the rules."""

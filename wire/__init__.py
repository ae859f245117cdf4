"""From bytes to named flows: what the wire shows."""

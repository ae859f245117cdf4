"""Lists from elsewhere: one file per format, and what reading any of them has in common."""

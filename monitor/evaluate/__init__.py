"""`campuswatch evaluate`: what the detectors found against what is known to have happened."""

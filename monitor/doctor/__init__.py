"""`campuswatch doctor`: what stands in the way of seeing everything, and the remedy. One file a check."""

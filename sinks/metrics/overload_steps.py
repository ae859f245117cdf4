"""What the live daemon gives up when it cannot keep up; apart, for the parent, which imports no NumPy."""

from __future__ import annotations

#: In this order. There is no evidence to give up yet: that step is reserved, so that the numbers of the
#: others stay what they are.
OVERLOAD_STEPS = ("evidence", "elephants", "names", "packets")

"""Important services of article 11: admission, exam registration, score query."""

from __future__ import annotations

from detectors.register.standing import State
from detectors.register.statuses import IMPORTANT_BUSINESS


def is_important(business: State) -> bool:
    """Whether a list gives a service one of the businesses that article 11 names."""
    return any(business.has(each) for each in IMPORTANT_BUSINESS)

"""The error of a capture that cannot be read."""

from __future__ import annotations


class CaptureError(Exception):
    """A capture cannot be read; the message is one line that says why and what to do."""

"""How a command ends (CONTRACTS: Exit codes), and which errors are the user's to mend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

WHOLE, CUT_OFF, USAGE, INTERNAL = 0, 1, 2, 3
#: 128 + SIGINT, as shells count.
INTERRUPTED = 130


class CommandEnd(Exception):
    """Ends the command with an exit code; the message, if any, goes to standard error."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def tell(line: str) -> None:
    """One line to standard error."""
    sys.stderr.write(f"campuswatch: {line}\n")
    sys.stderr.flush()


@contextmanager
def user_errors() -> Iterator[None]:
    """Turns what a user can mend into CommandEnd: one clear line, never a traceback."""
    try:
        yield
    except CommandEnd:
        raise
    except Exception as error:
        code = _code_of(error)
        if code is None:
            raise
        raise CommandEnd(code, str(error)) from error


def _code_of(error: Exception) -> int | None:
    """The exit code of an error that the user can mend. Imports late: most runs have none."""
    from wire.kernel_guard import UnsafeEnvironment

    if isinstance(error, UnsafeEnvironment):
        return USAGE  # first: what follows imports kernels, which such an environment refuses
    from detectors.catalogue.schema import CatalogueError
    from detectors.feedback import FeedbackError
    from detectors.forest.array_file import ModelFileError
    from detectors.register.errors import RegisterError
    from monitor.config.config_file import ConfigError
    from monitor.simulate.hosts import ScenarioError
    from sinks.records.folder import OutputError
    from sinks.records.pseudonyms import PrivacyKeyError
    from sinks.reports.page import ReportError
    from wire.capture.errors import CaptureError

    mendable = (
        CatalogueError,
        ConfigError,
        FeedbackError,
        ModelFileError,
        OutputError,
        PrivacyKeyError,
        RegisterError,
        ReportError,
        ScenarioError,
    )
    if isinstance(error, CaptureError):
        return CUT_OFF
    return USAGE if isinstance(error, mendable) else None

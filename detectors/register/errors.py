"""What is wrong with a list: every error with its file, row and remedy, all at once."""

from __future__ import annotations

#: A file that is wrong in every row is told of this often; the last line says how many more there are.
MOST_TOLD = 1_000


class RegisterError(ValueError):
    """A list that can't be used; nothing of it was taken.

    `errors`: a line each, `file:row: what is wrong; what to do`.
    """

    def __init__(self, errors: list[str]) -> None:
        more = len(errors) - MOST_TOLD
        self.errors = errors if more <= 0 else [*errors[:MOST_TOLD], f"... and {more:,} more"]
        super().__init__("\n".join(self.errors))

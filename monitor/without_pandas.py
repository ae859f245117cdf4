"""Nothing here needs pandas, which pyarrow and scikit-learn import where there is one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder


class _NotFound(MetaPathFinder):
    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Nobody has found it: ModuleNotFoundError. All else others may find."""
        if name == "pandas":
            raise ModuleNotFoundError("campuswatch works without pandas", name=name)


@contextmanager
def without_pandas() -> Iterator[None]:
    """No import finds it meanwhile: 17 MiB in a process of the daemon, a third of a second in a replay."""
    finder = _NotFound()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

"""embeddings.jsonl: a pair of an app and a third party a line, by app, then third party."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from detectors.embedding.embedding import Embedding


def write_embeddings(path: Path, embeddings: Iterable[Embedding]) -> None:
    """Write all pairs. They name services only, no host and no person. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for each in embeddings:
            file.write(json.dumps(each.to_json(), ensure_ascii=False, allow_nan=False) + "\n")

"""How well embeddings are found, by clients and days: docs/embedding.json and docs/embedding.png.

The simulator's calls go to the embedding without packets between; tests/end_to_end holds that captures
give the same. Seeds 101 to 103; those up to 7 were for tuning.

    python -m tests.bench.embedding_curve docs
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.detectors.embedding.campuses import RARE, campus, learned, shipped_catalogue, truth

CLIENTS = (10, 20, 40, 60, 120)
DAYS = (1, 2, 5)
SEEDS = (101, 102, 103)


def measured(clients: int, days: int) -> dict[str, Any]:
    """Counts of pairs over all seeds: true, accepted, both; and of those in 2% of sessions."""
    catalogue = shipped_catalogue()
    total = dict.fromkeys(("true", "accepted", "found", "rare", "rare_found"), 0)
    for seed in SEEDS:
        scenario = campus(seed, clients, days, catalogue)
        pairs = truth(scenario)
        result = learned(scenario, catalogue).result()
        told = {(each.app, each.third_party) for each in result if each.accepted}
        rare = {pair for pair, share in pairs.items() if share == RARE}
        total["true"] += len(pairs)
        total["accepted"] += len(told)
        total["found"] += len(told & set(pairs))
        total["rare"] += len(rare)
        total["rare_found"] += len(told & rare)
    return {"clients": clients, "days": days, **total}


def draw(cells: list[dict[str, Any]], path: Path) -> None:
    """Recall, precision and recall of the rare, a line for each number of days."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4), sharex=True)
    shown = (
        ("Recall: true pairs that are found", "found", "true", 0.90),
        ("Precision: accepted pairs that are true", "found", "accepted", 0.95),
        ("Recall of third parties in 2% of sessions", "rare_found", "rare", None),
    )
    for axis, (title, upper, lower, aim) in zip(axes, shown, strict=True):
        for days in DAYS:
            line = [cell for cell in cells if cell["days"] == days]
            share = [cell[upper] / max(cell[lower], 1) for cell in line]
            axis.plot([cell["clients"] for cell in line], share, marker="o", label=f"{days} d")
        if aim is not None:
            axis.axhline(aim, color="grey", linestyle=":", linewidth=1)
        axis.set(title=title, xlabel="clients (addresses)", ylim=(0, 1.03), xticks=CLIENTS)
        axis.grid(alpha=0.3)
    axes[0].legend(title="days", loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main() -> None:
    """Measure every cell, write the figures and the picture."""
    folder = Path(sys.argv[1])
    cells = []
    for days in DAYS:
        for clients in CLIENTS:
            cells.append(measured(clients, days))
            print(json.dumps(cells[-1]), flush=True)
    (folder / "embedding.json").write_text(json.dumps(cells, indent=1) + "\n", encoding="utf-8")
    draw(cells, folder / "embedding.png")


if __name__ == "__main__":
    main()

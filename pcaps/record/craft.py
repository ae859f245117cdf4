"""Writes every crafted capture of pcaps/, and what each must yield.

python -m pcaps.record.craft
"""

from __future__ import annotations

from pcaps.record import layers, streams, tunnels
from pcaps.record.cases import FOLDER, write_capture, write_golden


def main() -> None:
    """Write captures and golden files."""
    for module in (tunnels, streams, layers):
        for case in module.cases():
            write_capture(FOLDER / f"{case.name}.pcap", case)
            write_golden(FOLDER / f"{case.name}.yaml", case, f"record/{module.__name__.rsplit('.', 1)[1]}.py")


if __name__ == "__main__":
    main()

"""`campuswatch replay`: captures in, a folder of results and a readable summary out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitor.config import config_file
from monitor.errors import CUT_OFF, WHOLE, tell, user_errors
from monitor.kernels import lean_numba
from monitor.replay.progress import progress_of
from monitor.replay.session import Session
from monitor.replay.spread import Spread
from monitor.replay.summary_text import write_json, write_table
from monitor.without_pandas import without_pandas
from wire.capture.files import open_captures


def replay(
    captures: Sequence[str],
    out: Path | None,
    config_path: Path | None,
    as_json: bool,
    pseudonymise: bool,
    report: Path | None = None,
    workers: int = 1,
) -> int:
    """Run the whole job over captures; the exit code. Raises CommandEnd.

    workers: processes that read; 1: this one reads too.
    """
    lean_numba.import_lean()
    with user_errors(), without_pandas():
        config = config_file.load(config_path)
        with open_captures(captures) as reader:
            spread = Spread(captures, workers) if workers > 1 else None
            with Session(spread or reader, config, out, pseudonymise) as session:
                if spread is not None:
                    session.carry_spread(spread, lambda clock_ns: None)
                else:
                    with progress_of(reader) as advance:
                        session.carry(reader, advance)
                summary = session.publish()
                if report is not None:
                    from monitor.replay.report_page import write_report

                    write_report(report, session.detectors, session.results, summary, config)
    if as_json:
        write_json(summary)
    else:
        write_table(summary, session.results.findings, out, session.results.pseudonyms)
    for problem in summary["problems"]:
        tell(problem)
    return WHOLE if summary["complete"] else CUT_OFF

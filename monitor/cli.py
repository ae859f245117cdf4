"""The console script `campuswatch`: runs a verb and turns how it ended into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from monitor import __version__, garbage
from monitor.errors import CUT_OFF, INTERNAL, INTERRUPTED, CommandEnd, tell


def main() -> None:
    """Run the command line of this process. Never a traceback: CAMPUSWATCH_TRACEBACK=1 shows one."""
    code = run(sys.argv[1:])
    garbage.look_no_more()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code (CONTRACTS: Exit codes)."""
    if list(arguments) == ["--version"]:  # before anything is imported that takes time
        sys.stdout.write(f"campuswatch {__version__}\n")
        return 0
    garbage.look_seldom()
    from monitor.verbs.verbs import dispatch

    try:
        code = dispatch(list(arguments))
        sys.stdout.flush()
    except CommandEnd as end:
        if end.message:
            tell(end.message)
        code = end.code
    except KeyboardInterrupt:
        tell("interrupted; nothing was written")
        code = INTERRUPTED
    except BrokenPipeError:  # who read standard output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = CUT_OFF
    except Exception as error:
        if os.environ.get("CAMPUSWATCH_TRACEBACK"):
            raise
        told = " ".join(str(error).split())
        tell(f"internal error: {type(error).__name__}: {told}; CAMPUSWATCH_TRACEBACK=1 tells more")
        code = INTERNAL
    return code


if __name__ == "__main__":
    main()

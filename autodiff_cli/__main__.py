"""`python -m autodiff_cli`, and the script `adiff`."""

import os
import sys
from contextlib import suppress

from autodiff_cli.commands.main import main


def start() -> None:
    """Runs the command line as a process, and ends it at once.

    To take apart what the system frees anyway would be a seventh of a small program's time.
    """
    try:
        main()
    except SystemExit as end:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, AttributeError):  # closed by the shell
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


if __name__ == "__main__":
    start()

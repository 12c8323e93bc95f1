"""`python -m autodiff_cli`, and the script `adiff`."""

import os
import sys
from contextlib import suppress

from autodiff_cli.commands.main import main

OWN = ("adiff", "adiff.exe", "adiff-script.py", "__main__.py")
"""What the process is called that runs nothing but this."""


def start() -> None:
    """Runs the command line; a process of its own is ended at once.

    To take apart what the system frees anyway would be a seventh of a small program's time. A
    process that called this for its own ends goes on, with `SystemExit`.
    """
    try:
        main()
    except SystemExit as end:
        own = getattr(sys.modules["__main__"], "__file__", None) or ""
        if os.path.basename(own) not in OWN:
            raise
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, AttributeError):  # closed by the shell
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


if __name__ == "__main__":
    start()

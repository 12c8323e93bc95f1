"""`python -m autodiff_cli`, and the script `adiff`."""

import os
import sys

from autodiff_cli.commands.ending import ENDING

OWN = ("adiff", "adiff.exe", "adiff-script.py")
"""What the process is called that runs nothing but this."""
if __name__ == "__main__" or (
    os.path.basename(getattr(sys.modules["__main__"], "__file__", None) or "") in OWN
):
    # Before all that takes time to load.
    ENDING.begin()

from contextlib import suppress  # noqa: E402

from autodiff_cli.commands.main import main  # noqa: E402


def start() -> None:
    """Runs the command line; a process of its own is ended at once.

    To take apart what the system frees anyway would be a seventh of a small program's time. A
    process that called this for its own ends goes on, with `SystemExit`.
    """
    if ENDING.is_ours and sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        # The locale's words and names of files are bytes that Python would read as ASCII.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    try:
        main()
    except SystemExit as end:
        if not ENDING.is_ours:
            raise
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, AttributeError):  # closed by the shell
                stream.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)


if __name__ == "__main__":
    start()

"""How wide the screen is."""

from __future__ import annotations

import shutil

MOST_COLUMNS = 1_000
"""Lines are padded to the width: what the environment says of it may be anything."""


def screen_columns() -> int:
    """Columns of the screen, or as $COLUMNS says."""
    return min(shutil.get_terminal_size().columns, MOST_COLUMNS)

"""Files and streams <-> values."""

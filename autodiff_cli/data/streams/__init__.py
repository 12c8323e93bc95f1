"""Records that come one after another: read in blocks, and written as they are done."""

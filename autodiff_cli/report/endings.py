"""The format that a file's ending asks for."""

from __future__ import annotations

BY_ENDING = {
    ".json": "json",
    ".jsonl": "json",
    ".csv": "csv",
    ".npz": "npz",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".svg": "svg",
    ".html": "html",
    ".htm": "html",
}
"""Of results and traces, each where it has that format."""

PICTURES = ("svg", "html", "dot", "mermaid")
"""Formats that draw a graph."""

"""adiff: the gradient calculator for the shell."""

from autodiff_cli.version import __version__

__all__ = ["__version__"]

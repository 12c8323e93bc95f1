"""`python -m autodiff_cli` is `adiff`."""

from autodiff_cli.commands.main import main

main()

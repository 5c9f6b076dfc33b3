"""Run as `python -m flopcount`."""

from flopcount.cli.main import main

main()

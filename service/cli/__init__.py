"""The command line: `interlock …`."""

from service.cli.app import main

__all__ = ["main"]

"""`python -m service.cli` is `interlock`."""

from service.cli import main

main()

"""Numbers only: interval arrays, slot finder, optimisation models, checker. Imports nothing of the project."""

"""Replay: a file of past requests through the real commands, clinic by clinic, with the clock of the file.

`requests` reads the file, `twin` generates one of the same shape, `draw` makes a business of each clinic, and
`report` says what came of it.
"""

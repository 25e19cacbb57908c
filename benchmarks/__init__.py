"""Each question a module with `run() -> dict`; `python -m benchmarks [name …]` runs them and keeps the answers."""

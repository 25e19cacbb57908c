"""Run benchmarks by name (all without one) and write benchmarks/results/NAME.json; fails where a gate does."""

import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results"


def names() -> list[str]:
    """Return every benchmark: a module of this folder that has a `run`."""
    return sorted(path.stem for path in HERE.glob("*.py") if "\ndef run(" in path.read_text())


def main(chosen: list[str]) -> None:
    """Run the chosen benchmarks, or all."""
    unknown = set(chosen) - set(names())
    if unknown:
        sys.exit(f"benchmarks: there is no {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    failed = []
    for name in chosen or names():
        print(f"== {name}", flush=True)
        figures = importlib.import_module(f"benchmarks.{name}").run()
        about = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "python": platform.python_version()}
        (RESULTS / f"{name}.json").write_text(json.dumps({**about, **figures}, indent=1) + "\n")
        for gate in figures.get("gates", []):
            print(f"{'held' if gate['held'] else 'FAILED'}: {gate['name']} {gate['measured']} >= {gate['at_least']}")
            failed += [] if gate["held"] else [gate["name"]]
    if failed:
        sys.exit(f"benchmarks: below the gate: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Write more instances of the published kind.

    python -m benchmarks.generate week --seed 7 --out week_s7.json.gz
    python -m benchmarks.generate day --staff 20 --load 6 --waiting 8 --seed 1 --out mine.json.gz

The same seed and sizes write the same bytes.
"""

import argparse
from pathlib import Path

from solver.instances import generate, write_instance

SIZES = {"day": (10, 1, 8.0, 6.0), "week": (10, 5, 8.0, 6.0), "large": (50, 1, 8.0, 6.0)}


def main() -> None:
    """Parse the command line, generate, write."""
    parser = argparse.ArgumentParser(prog="benchmarks.generate", description=__doc__.splitlines()[0])
    parser.add_argument("size", choices=sorted(SIZES))
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--staff", type=int)
    parser.add_argument("--days", type=int)
    parser.add_argument("--load", type=float, help="booked a staff member and day")
    parser.add_argument("--waiting", type=float, help="waiting a staff member and day")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    sizes = zip(("staff", "days", "load", "waiting"), SIZES[given.size], strict=True)
    chosen = {name: usual if getattr(given, name) is None else getattr(given, name) for name, usual in sizes}
    write_instance(generate(given.seed, **chosen), given.out)


if __name__ == "__main__":
    main()

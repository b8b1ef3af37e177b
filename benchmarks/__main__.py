"""`python -m benchmarks [--full] [name …]`: one line each, `name ours floor ratio`; exit 1 when a budget is missed."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import pages, passes, start, sweeping, upload
from benchmarks.measure import Line

Bench = Callable[[Path], Iterator[Line]]


def benches(full: bool) -> dict[str, Bench]:
    """The large sizes are those of a district with all its streets over several years."""
    many = 10 if full else 1
    return {
        "board": partial(pages.board, items=100),
        "board_many": partial(pages.board, items=20_000 * many),
        "list": partial(pages.list_of_50, obligations=20_000 * many),
        "sweep": partial(sweeping.scaling, "sqlite", small=2_000, large=200_000 * many),
        "sweep_postgres": partial(sweeping.scaling, "postgresql", small=2_000, large=200_000 * many),
        "upload": upload.upload,
        "deliver": partial(passes.delivery, "sqlite", people=1_000 * many),
        "deliver_postgres": partial(passes.delivery, "postgresql", people=1_000 * many),
        "start": start.whole,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--full", action="store_true", help="the large sizes")
    parser.add_argument(
        "names",
        nargs="*",
        help="only these: board board_many list sweep sweep_postgres upload deliver deliver_postgres start",
    )
    given = parser.parse_args()
    chosen = benches(given.full)
    missed = []
    sys.stdout.write(f"{'name':24} {'ours':>10} {'floor':>10} {'ratio':>8}\n")
    for name in given.names or chosen:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            for line in chosen[name](Path(folder)):
                line.tell()
                missed += [line.name] if line.missed else []
    if missed:
        sys.stdout.write(f"over budget: {', '.join(missed)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

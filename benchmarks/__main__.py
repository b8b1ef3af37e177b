"""`python -m benchmarks [--full] [name …]`: one line each, `name ours floor ratio`; exit 1 when a budget is missed."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import custody, packaging, pages, passes, start, sweeping, time_machine, upload, uploading
from benchmarks.measure import Line

Bench = Callable[[Path], Iterator[Line]]


def benches(full: bool) -> dict[str, Bench]:
    """The large sizes are those of a district with all its streets over several years."""
    many = 10 if full else 1
    return {
        "board": partial(pages.board, items=100),
        "board_many": partial(pages.board, items=20_000 * many),
        "as_of": partial(time_machine.board, items=2_000 * many),
        "list": partial(pages.list_of_50, obligations=20_000 * many),
        "sweep": partial(sweeping.scaling, "sqlite", small=2_000, large=200_000 * many),
        "sweep_postgres": partial(sweeping.scaling, "postgresql", small=2_000, large=200_000 * many),
        "upload": upload.upload,
        "upload_large": partial(
            uploading.large, size=(1 << 30) if full else (256 << 20), together=(128 << 20) * (8 if full else 1)
        ),
        "deliver": partial(passes.delivery, "sqlite", people=1_000 * many),
        "deliver_postgres": partial(passes.delivery, "postgresql", people=1_000 * many),
        "rehash": custody.rehash,
        "backup": custody.incremental,
        "package": partial(packaging.make, files=1_000 if full else 200, size=(5 << 20) if full else 1_500_000),
        "start": start.whole,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--full", action="store_true", help="the large sizes")
    parser.add_argument(
        "names",
        nargs="*",
        help="only these: board board_many as_of list sweep sweep_postgres upload upload_large deliver "
        "deliver_postgres rehash backup package start",
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

"""`python -m benchmarks [--full] [name …]`: one line each, `name ours floor ratio`; exit 1 when a budget is missed.

Each benchmark says which lines it prints; one that prints others fails, so that no budget bounds nothing.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import custody, packaging, pages, passes, start, sweeping, time_machine, upload, uploading
from benchmarks.measure import Line


@dataclass(frozen=True)
class Bench:
    """`lines`: the names that `run` prints, in order."""

    run: Callable[[Path], Iterator[Line]]
    lines: tuple[str, ...]


def benches(full: bool) -> dict[str, Bench]:
    """The large sizes are those of a district with all its streets over several years."""
    many = 10 if full else 1
    items, past, people = 20_000 * many, 2_000 * many, 1_000 * many
    packed, megabytes = ("5000mb", 1024) if full else ("286mb", 256)
    return {
        "board": Bench(partial(pages.board, items=100), ("board_100_p95_ms", "board_100_queries")),
        "board_many": Bench(
            partial(pages.board, items=items),
            (f"board_{items}_p95_ms", f"board_{items}_queries", "task_page_p95_ms", "task_page_queries"),
        ),
        "as_of": Bench(
            partial(time_machine.board, items=past), (f"board_as_of_{past}_p95_ms", f"board_as_of_{past}_queries")
        ),
        "list": Bench(partial(pages.list_of_50, obligations=items), ("list_of_50_p95_ms", "list_of_50_queries")),
        "sweep": _sweep("sqlite", 200_000 * many),
        "sweep_postgres": _sweep("postgresql", 200_000 * many),
        "upload": Bench(upload.upload, ("upload_1mb_ms",)),
        "upload_large": Bench(
            partial(uploading.large, size=megabytes << 20, together=(128 << 20) * (8 if full else 1)),
            (f"upload_{megabytes}mb_s", f"download_{megabytes}mb_s", "upload_8_at_once_mb"),
        ),
        "deliver": Bench(partial(passes.delivery, "sqlite", people=people), (f"deliver_sqlite_{people}_ms",)),
        "deliver_postgres": Bench(
            partial(passes.delivery, "postgresql", people=people), (f"deliver_postgresql_{people}_ms",)
        ),
        "rehash": Bench(custody.rehash, ("rehash_small_s", "rehash_large_s")),
        "backup": Bench(custody.incremental, ("backup_second_s",)),
        "package": Bench(
            partial(packaging.make, files=1_000 if full else 200, size=(5 << 20) if full else 1_500_000),
            (f"package_{packed}_s", f"package_{packed}_memory_mb"),
        ),
        "start": Bench(start.whole, ("first_start_s", "second_start_s", "memory_pss_mb", "memory_rss_mb")),
    }


def _sweep(kind: str, large: int) -> Bench:
    return Bench(
        partial(sweeping.scaling, kind, small=2_000, large=large),
        (f"sweep_{kind}_none_due_ms", f"sweep_{kind}_item_ms", f"sweep_{kind}_growth"),
    )


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
            printed = []
            for line in chosen[name].run(Path(folder)):
                line.tell()
                printed.append(line.name)
                missed += [line.name] if line.missed else []
            if tuple(printed) != chosen[name].lines:
                sys.stdout.write(f"{name} printed {printed}, not {list(chosen[name].lines)}\n")
                missed.append(name)
    if missed:
        sys.stdout.write(f"over budget: {', '.join(missed)}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

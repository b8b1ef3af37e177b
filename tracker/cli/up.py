"""`tracker up`: the whole product on this machine.

The command becomes the supervisor (exec), so that what runs for months does
not carry the libraries of the command line.
"""

import os
import sys
from pathlib import Path

import click


@click.command("up")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="数据目录（默认 TRACKER_DATA 或 var） / data folder (default: TRACKER_DATA or var)",
)
@click.option("--port", type=click.IntRange(1, 65535), help="端口（默认 8000） / port (default 8000)")
@click.option("--no-demo", is_flag=True, help="从空单位开始，不装演示数据 / start with an empty office, no demo data")
@click.option("--json", "machine", is_flag=True, help="就绪时输出一行 JSON / one line of JSON when it is ready")
def command(data: Path | None, port: int | None, no_demo: bool, machine: bool) -> None:
    """在本机启动全部服务：存储、Redis、邮箱、网页、任务进程 / Start everything on this machine.

    Ctrl-C 全部停止；数据保留。 / Ctrl-C stops all of it; the data stay.
    """
    arguments = [sys.executable, "-m", "tracker.adapters.embedded.supervisor"]
    if data is not None:
        arguments += ["--data", str(data)]
    if port is not None:
        arguments += ["--port", str(port)]
    if no_demo:
        arguments.append("--no-demo")
    if machine:
        arguments.append("--json")
    sys.stdout.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - ourselves, with our own arguments

"""Runs every measurement, or those named: ``python -m bench latency loop``; ``--scale 0.2`` for a quick look."""

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path

from bench import engine, history, http, process
from bench.harness import print_rows

MEASUREMENTS = {
    "latency": ("From start to durable end, in process", engine.measure_latency),
    "loop": ("A long loop", engine.measure_long_loop),
    "throughput": ("Many runs at once", engine.measure_throughput),
    "invoke": ("Over HTTP", http.measure_invoke),
    "process": ("The process", process.measure_process),
    "crash": ("After kill -9", process.measure_crash),
    "sleep": ("Runs asleep", history.measure_sleeping),
    "history": ("A long history", history.measure_history),
    "validate": ("Validation", history.measure_validation),
}


def main() -> None:
    """Measure, print, and keep the figures if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], help="what to measure; nothing: everything")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each, 1 being the whole")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    machine = (
        f"{os.cpu_count()} processors, load {load}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    sys.stdout.write(f"{machine}\n")
    kept = {}
    for name in arguments.names or MEASUREMENTS:
        title, measure = MEASUREMENTS[name]
        rows = asyncio.run(measure(arguments.scale))
        print_rows(title, rows)
        kept[name] = [asdict(row) for row in rows]
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "measurements": kept}, indent=2))


main()

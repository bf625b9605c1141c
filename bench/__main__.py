"""Runs every measurement, or those named: ``python -m bench latency loop``; ``--scale 0.2`` for a quick look.

``--store both`` measures what depends on the store in a folder and on MongoDB (``MONGODB_URL``, else one that is started).
"""

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path

from bench import editor, engine, functions, history, http, process
from bench.harness import Row, print_rows
from bench.places import FOLDER, mongodb

BY_STORE = {
    "latency": ("From start to durable end, in process", engine.measure_latency),
    "loop": ("A long loop", engine.measure_long_loop),
    "throughput": ("Many runs at once", engine.measure_throughput),
    "sleep": ("Runs asleep", history.measure_sleeping),
    "history": ("A long history", history.measure_history),
}
MEASUREMENTS = {
    "invoke": ("Over HTTP", http.measure_invoke),
    "replicas": ("Several orchestrators over HTTP", http.measure_replicas),
    "functions": ("Functions", functions.measure_functions),
    "function-process": ("A function process", functions.measure_function_process),
    "process": ("The process", process.measure_process),
    "crash": ("After kill -9", process.measure_crash),
    "validate": ("Validation", history.measure_validation),
    "editor-frames": ("The editor's frames", editor.measure_editor_frames),
}


async def _measured(name: str, scale: float, stores: list[str]) -> dict[str, list[Row]]:
    if name in MEASUREMENTS:
        title, measure = MEASUREMENTS[name]
        return {title: await measure(scale)}
    title, measure_at = BY_STORE[name]
    found = {}
    if "sqlite" in stores:
        found[f"{title} (SQLite)"] = await measure_at(scale, FOLDER)
    if "mongodb" in stores:
        async with mongodb() as place:
            found[f"{title} (MongoDB)"] = await measure_at(scale, place)
    return found


def main() -> None:
    """Measure, print, and keep the figures if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*BY_STORE, *MEASUREMENTS, []], help="what to measure; nothing: everything"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="how much of each, 1 being the whole")
    parser.add_argument("--store", choices=["sqlite", "mongodb", "both"], default="sqlite", help="where runs are kept")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    machine = (
        f"{os.cpu_count()} processors, load {load}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    sys.stdout.write(f"{machine}\n")
    kept = {}
    stores = ["sqlite", "mongodb"] if arguments.store == "both" else [arguments.store]
    for name in arguments.names or [*BY_STORE, *MEASUREMENTS]:
        for title, rows in asyncio.run(_measured(name, arguments.scale, stores)).items():
            print_rows(title, rows)
            kept[title] = [asdict(row) for row in rows]
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "measurements": kept}, indent=2))


main()

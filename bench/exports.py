"""Exports of many reports: rows for a second of CPU, memory that does not grow, a workbook against the usual library.

Each is measured in a process of its own, since the most that a process ever held cannot be taken back."""

import csv
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.city import NOW, settings_in
from bench.claim import Claim, Run
from bench.mass import grown
from bench.served import HOUSE
from sandbox.jobs.program import Program, open_program, settle
from sandbox.papers.sheets import as_csv, as_xlsx, cell
from sandbox.reads import records
from sandbox.reads.pages import MOST
from sandbox.rules.access import SYSTEM_ACTOR

ZONE = ZoneInfo("Asia/Shanghai")
SMALL = 10_000
NAMES = ("id", "trial_id", "period_start", "period_end", "exposures", "people", "people_new", "region", "site",
         "events", "reviewed", "labelled", "model_version", "nil", "epoch", "at")
WORKBOOK_ROWS = 30_000
"""What the other library is given: it takes a minute for a million."""


def claims(run: Run) -> list[Claim]:
    """CSV by its rate, XLSX against xlsxwriter in the same run, both by their memory."""
    rows = min(run.rows, 1_000_000)
    for reports in {rows, SMALL}:
        grown(run.cache, reports)
    told = {(way, number): _alone(run, way, number) for way, number in (
        ("csv", rows), ("csv", SMALL), ("xlsx", rows), ("xlsx", SMALL), ("xlsxwriter", min(rows, WORKBOOK_ROWS)))}
    csv_rate, xlsx_rate, usual = (one["rows"] / one["cpu"] for one in (
        told["csv", rows], told["xlsx", rows], told["xlsxwriter", min(rows, WORKBOOK_ROWS)]))
    return [
        Claim(f"CSV of {rows:,} reports, rows for a second of CPU", csv_rate, None, csv_rate, 100_000, "/s"),
        Claim(f"XLSX of {rows:,} reports against xlsxwriter", xlsx_rate, usual, xlsx_rate / usual, 5.0, "/s"),
        *(Claim(f"{way.upper()} of {rows:,}: memory against {SMALL:,}", told[way, rows]["mb"], told[way, SMALL]["mb"],
                told[way, rows]["mb"] / told[way, SMALL]["mb"], 1.1, "MB", at_most=True) for way in ("csv", "xlsx"))]


def _alone(run: Run, way: str, rows: int) -> dict[str, float]:
    """One export in a process of its own; what it wrote is read again there."""
    made = str(min(run.rows, 1_000_000))
    told = subprocess.run([sys.executable, "-m", "bench.exports", str(run.cache), way, str(rows), made],
                          cwd=HOUSE, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(told.stdout)
    return found


def _chunks(program: Program, rows: int, held: list[float]) -> Iterator[tuple[Any, ...]]:
    cursor, given = None, 0
    while given < rows:
        with program.reading() as connection:
            found = records.feedback(connection, SYSTEM_ACTOR, cursor=cursor, limit=min(MOST, rows - given), only=NAMES)
        yield found.items
        held.append(_anonymous_mb())
        given, cursor = given + len(found.items), found.next


def _anonymous_mb() -> float:
    """What this process holds of its own: pages of the database's file are the kernel's, and counted in no limit."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def _usual(path: Path, chunks: Iterable[Any]) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for place, row in enumerate(chain((NAMES,), (row for chunk in chunks for row in chunk))):
        sheet.write_row(place, 0, [cell(value, ZONE) for value in row])
    book.close()


def _written(way: str, path: Path, chunks: Iterable[Any]) -> None:
    if way == "xlsxwriter":
        _usual(path, chunks)
        return
    write = as_csv if way == "csv" else as_xlsx
    with path.open("wb") as file:
        for piece in write(NAMES, chunks, ZONE):
            file.write(piece)


def _reread(way: str, path: Path) -> int:
    """How many rows the file holds, headings apart."""
    if way == "csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return sum(len(row) == len(NAMES) for row in csv.reader(file)) - 1
    with zipfile.ZipFile(path) as book, book.open("xl/worksheets/sheet1.xml") as sheet:
        rows, tail = 0, b""
        while piece := sheet.read(2 ** 20):
            piece = tail + piece
            rows += piece.count(b"</row>")
            tail = piece[-5:]  # a tag may lie across two pieces
        return rows - 1


def main(cache: str, way: str, rows: str, grown_to: str) -> None:
    """In a process of its own: write, look again, and say what it cost."""
    from bench.claim import scratch

    with scratch() as folder:
        path, number = Path(folder) / "export", int(rows)
        program = open_program(settings_in(grown(Path(cache), int(grown_to))), lambda: NOW)
        settle()
        held: list[float] = []
        start = time.process_time()
        _written(way, path, _chunks(program, number, held))
        cpu, mb = time.process_time() - start, max(held)
        program.close()
        assert (found := _reread(way, path)) == number, (found, number)
        print(json.dumps({"rows": number, "cpu": cpu, "mb": mb}))


if __name__ == "__main__":
    main(*sys.argv[1:])

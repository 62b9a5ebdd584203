#!/usr/bin/python3
"""Takes the results of a run into the project.

    tests/bench/publish.py [--work DIRECTORY]

Copies reading.md and chart.svg to tests/bench/results, puts what the run measured into results.json
there (what it did not measure stays), and writes those tables of the README that come from it: each
follows a line <!-- table NAME -->.
"""
import argparse
import json
import re
import shutil
from pathlib import Path

from report import SIZES, plain_table

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "bench" / "results"
README = ROOT / "README.md"

PEERS = {"betonfs": "betonfs", "betonfs push=off": "`push=off`", "erofs": "kernel EROFS",
         "squashfs": "kernel squashfs", "squashfuse_ll": "squashfuse_ll",
         "directory": "ext4 directory"}
CASES = {"first read": "first read, store cached", "re-read": "re-read",
         "first read, no scan": "first read by a list, no scan",
         "cold disk": "disk, caches dropped", "cold disk, no scan": "disk, by a list, no scan",
         "memory a quarter": "memory a quarter of the data"}


def reading(found: dict) -> list[dict]:
    """Random order and two readers; the rest is in reading.md."""
    medians = {(row["corpus"], row["case"], row["peer"]): row["median"]
               for row in found["reading"]["rates"]
               if (row["order"], row["readers"]) == ("random", 2)}
    return [{"": f"{corpus}, {name}",
             **{title: _rate(medians.get((corpus, case, peer))) for peer, title in PEERS.items()}}
            for corpus in SIZES for case, name in CASES.items()]


def targets(found: dict) -> list[dict]:
    return [{"work": row["work"], "against": row["against"], "goal": f"{row['at_least']:g}",
             "measured": _spread(row["median"], row["spread"]),
             "": "reached" if row["reached"] == "yes" else "missed"}
            for row in found["reading"]["targets"]]


def techniques(found: dict) -> list[dict]:
    factors = {(row["corpus"], row["technique"]): _spread(row["factor"], row["spread"])
               for row in found["techniques"]}
    return [{"technique": row["technique"], "claimed": row["claimed"],
             **{title: factors[corpus, row["technique"]] for corpus, title in SIZES.items()},
             "against": f"{row['against']}, {'from the disk' if row['cold'] else 'cached'}"}
            for row in found["techniques"] if row["corpus"] == "S"]


def staging(found: dict) -> list[dict]:
    seconds = {(row["corpus"], row["what"]): row for row in found["staging"]}

    def cells(target: str, *parts: str, spread: bool = False) -> dict:
        return {f"{corpus}, {word} cp": " / ".join(
                    _seconds(seconds[corpus, f"{target}, {copiers} cp: {part}, s"], spread)
                    for part in parts)
                for corpus in SIZES for word, copiers in (("one", 1), ("four", 4))}

    return [{"": "staging, copy", **cells("staging", "copy")},
            {"": "staging, write-back / commit", **cells("staging", "write-back", "commit")},
            {"": "FUSE daemon that forgets, copy", **cells("null", "copy")},
            {"": "ext4 from a tmpfs, copy and sync",
             **cells("local from tmpfs", "total", spread=True)},
            {"": "ext4 from itself, copy and sync", **cells("local", "total", spread=True)}]


def verifying(found: dict) -> list[dict]:
    return [{"corpus": SIZES[row["corpus"]], "`verify=`": row["verify"],
             "mount, ms": row["mount_ms"], "first read, files/s": _rate(row["first_read_files_per_s"]),
             "re-read, files/s": _rate(row["re_read_files_per_s"]),
             "first read slower by": _spread(row["first_read_slower_by"], row["spread"])}
            for row in found["verifying"]]


def _seconds(row: dict, spread: bool) -> str:
    text = f"{row['median']:.2g}" if row["median"] < 1 else f"{row['median']:.3g}"
    return f"{text} ({row['spread'][0]:.2g} to {row['spread'][1]:.2g})" if spread else text


TABLES = {"reading": reading, "targets": targets, "techniques": techniques, "verifying": verifying,
          "staging": staging}


def _rate(rate: float | None) -> str:
    if rate is None:
        return "-"
    return f"{round(rate, -2):,.0f}" if rate >= 1000 else f"{rate:.0f}"


def _spread(median: float, spread: list[float]) -> str:
    return f"{median:.2g} ({spread[0]:.2g} to {spread[1]:.2g})"


def fill(text: str, name: str, table: str) -> str:
    mark = f"<!-- table {name} -->\n"
    filled, times = re.subn(re.escape(mark) + r"(\|.*\n)+", lambda _: mark + table, text)
    if times != 1:
        raise SystemExit(f"{README}: {times} tables after {mark.strip()}, expected 1")
    return filled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "bench" / "work")
    work = parser.parse_args().work
    run = json.loads((work / "results.json").read_text())
    found = json.loads((RESULTS / "results.json").read_text()) | run
    (RESULTS / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    if "reading" in run:
        for name in ("reading.md", "chart.svg"):
            shutil.copy(work / name, RESULTS / name)
    text = README.read_text()
    for name, rows in TABLES.items():
        text = fill(text, name, plain_table(rows(found)) + "\n")
    README.write_text(text)


if __name__ == "__main__":
    main()

"""The four techniques the project stands on, one by one, against naive file reading.

Naive is open, read, close of loose files.  Each technique is measured where it matters: layout and
order from a cold disk, mapping and zero-copy from the page cache.  One reader, no file system of
ours in between, so that the figures are those of the techniques alone.
"""
import statistics

from corpora import Corpus
from machine import Tools, drop_caches
from peers import Betonfs, Ext4

# name, claimed, cold?, order read, how the .beton is read, what that is compared with
TECHNIQUES = [
    ("page-aligned layout", "2-3x", True, "sequential", "page", "loose files, same order"),
    ("memory mapping", "5-10x", False, "random", "copy", "loose files, same order"),
    ("quasi-random order", "2-5x", True, "quasi", "window", "the same samples in random order, pread"),
    ("zero-copy", "10x+", False, "random", "map", "loose files, same order"),
]


def measure(tools: Tools, corpus: Corpus, rounds: int) -> list[dict]:
    beton, loose = Betonfs(corpus, tools), Ext4(corpus, tools)
    beton.make()
    rows = []
    for name, claimed, cold, order, mode, against in TECHNIQUES:
        ratios, rates = [], []
        for number in range(rounds):
            with tools.lock():
                base = _baseline(tools, corpus, beton, loose, name, cold, order, number)
                ours = _samples(tools, corpus, beton, mode, cold, order, number)
            ratios.append(ours / base)
            rates.append((base, ours))
        rows.append({
            "corpus": corpus.name, "technique": name, "claimed": claimed, "against": against,
            "cold": cold, "factor": statistics.median(ratios),
            "spread": [min(ratios), max(ratios)],
            "naive_files_per_s": statistics.median(b for b, _ in rates),
            "files_per_s": statistics.median(o for _, o in rates)})
    return rows


def _baseline(tools, corpus, beton, loose, name, cold, order, number) -> float:
    if name == "quasi-random order":
        return _samples(tools, corpus, beton, "pread", cold, "random", number)
    drop_caches() if cold else loose.warm()
    limit_s = 10 if cold else 0
    run = tools.read("files", corpus.order(order, number), corpus.source, 1, limit_s)
    return run["files"] / run["seconds"]


def _samples(tools, corpus, beton, mode, cold, order, number) -> float:
    drop_caches() if cold else beton.warm()
    run = tools.read("samples", mode, corpus.order(order, number), beton.image)
    return run["files"] / run["seconds"]

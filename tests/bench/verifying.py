"""What `-o verify=` costs: mounting with every structure looked at first (`open`), and the first read of
every file with its checksum compared (`read`).  Store in the page cache, random order, one reader.
"""
import random
import statistics
import time

from corpora import Corpus
from machine import Tools
from peers import Betonfs

MODES = ["off", "open", "read"]


def measure(tools: Tools, corpus: Corpus, rounds: int) -> list[dict]:
    peer = Betonfs(corpus, tools)
    peer.make()
    runs: dict[str, list[tuple[float, float, float]]] = {mode: [] for mode in MODES}
    for number in range(rounds):
        with tools.lock():
            for mode in random.sample(MODES, len(MODES)):
                peer.options = f"verify={mode}"
                runs[mode].append(_once(tools, corpus, peer, number))
    rows = []
    for mode in MODES:
        mounting, first, again = zip(*runs[mode])
        slowdowns = [off[1] / this[1] for off, this in zip(runs["off"], runs[mode])]
        rows.append({"corpus": corpus.name, "verify": mode,
                     "mount_ms": statistics.median(mounting) * 1e3,
                     "first_read_files_per_s": statistics.median(first),
                     "re_read_files_per_s": statistics.median(again),
                     "first_read_slower_by": statistics.median(slowdowns),
                     "spread": [min(slowdowns), max(slowdowns)]})
    return rows


def _once(tools: Tools, corpus: Corpus, peer: Betonfs, number: int) -> tuple[float, float, float]:
    """Seconds to mount, and files a second the first and the second time."""
    peer.warm()
    begin = time.monotonic()
    root = peer.mount()
    mounting = time.monotonic() - begin
    try:
        tools.read("scan", root)
        rates = []
        for seed in (number, number + 100):
            run = tools.read("files", corpus.order("random", seed), root, 1, 0)
            rates.append(run["files"] / run["seconds"])
        return mounting, *rates
    finally:
        peer.unmount()

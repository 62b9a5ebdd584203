"""How mixed the classes of a batch are: orders against placements, read from mounts' own order files."""
import math
import statistics
from collections import Counter
from pathlib import Path

from corpora import Corpus
from machine import Tools
from peers import run

BATCH = 256
KINDS = {"random": "random", "quasi": "quasi-random, window 8 pages",
         "quasi32": "quasi-random, window 32 pages", "sequential": "sequential"}
PLACEMENTS = {"sorted": [], "shuffled": ["--shuffle", "1"]}


def entropy_bits(classes: list[str]) -> float:
    counts = Counter(classes).values()
    return -sum(n / len(classes) * math.log2(n / len(classes)) for n in counts)


def batch_entropies(order: str) -> list[float]:
    """Of each whole batch of an order file; the class is the folder."""
    classes = [line.split("/")[0] for line in order.splitlines()]
    return [entropy_bits(classes[i:i + BATCH]) for i in range(0, len(classes) - BATCH + 1, BATCH)]


def measure(tools: Tools, corpus: Corpus) -> list[dict]:
    num_classes = len({path.split("/")[0] for path in corpus.sizes})
    rows = {kind: {"corpus": corpus.name, "order": name, "classes": num_classes,
                   "most_bits": math.log2(num_classes)} for kind, name in KINDS.items()}
    mountpoint = corpus.dir / "mnt.orders"
    mountpoint.mkdir(exist_ok=True)
    for placement, options in PLACEMENTS.items():
        image = corpus.dir / f"orders.{placement}.beton"
        if not image.exists():
            run(tools.betonfs, "pack", "--as", "bytes", *options, corpus.source, image)
        run(tools.betonfs, "mount", "-o", "push=off", image, mountpoint)
        try:
            for kind, row in rows.items():
                order = Path(mountpoint / ".betonfs" / "order" / f"{kind}-1-0.txt").read_text()
                row[f"{placement}_bits"] = statistics.mean(batch_entropies(order))
        finally:
            run("umount", mountpoint)
        image.unlink()
    return list(rows.values())

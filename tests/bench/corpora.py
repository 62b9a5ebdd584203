"""The corpora S and L, and the orders in which they are read."""
import os
import random
from pathlib import Path

# name: files, mean size, class directories
CORPORA = {"S": (50_000, 12_000, 100), "L": (8_000, 110_000, 40)}
QUICK = {"S": (10_000, 12_000, 20), "L": (1_600, 110_000, 8)}

SIGMA = 0.4  # of the log-normal sizes; what photographs of one resolution show
PAGE_BYTES = 8 << 20
WINDOW_PAGES = 8


class Corpus:
    """A folder of class folders of incompressible files, as JPEGs are; packed with --as bytes."""

    def __init__(self, name: str, work: Path, quick: bool):
        self.name = name
        self.num_files, self.mean_bytes, self.num_classes = (QUICK if quick else CORPORA)[name]
        self.dir = work / name
        self.source = self.dir / "source"
        self.lists = self.dir / "lists"

    def make(self) -> None:
        done = self.dir / "complete"
        if done.exists() and done.read_text() == str(self.num_files):
            self.sizes = self._stat_sizes()
            return
        rng = random.Random(self.name)
        noise = os.urandom(4 << 20)
        mu = -SIGMA * SIGMA / 2
        per_class = self.num_files // self.num_classes
        for c in range(self.num_classes):
            folder = self.source / f"class{c:03}"
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(per_class):
                size = min(int(self.mean_bytes * rng.lognormvariate(mu, SIGMA)), 2 << 20)
                begin = rng.randrange(len(noise) - size)
                (folder / f"img{i:05}.jpg").write_bytes(noise[begin:begin + size])
        os.sync()
        self.sizes = self._stat_sizes()
        done.write_text(str(self.num_files))

    def _stat_sizes(self) -> dict[str, int]:
        sizes = {}
        for folder in sorted(self.source.iterdir()):
            for entry in os.scandir(folder):
                sizes[f"{folder.name}/{entry.name}"] = entry.stat().st_size
        return dict(sorted(sizes.items()))

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())

    def order(self, kind: str, seed: int) -> Path:
        """A file with all paths in that order, made once."""
        self.lists.mkdir(exist_ok=True)
        path = self.lists / f"{kind}-{seed}.txt"
        if not path.exists():
            path.write_text("\n".join(self._ordered(kind, random.Random(seed))) + "\n")
        return path

    def _ordered(self, kind: str, rng: random.Random) -> list[str]:
        names = list(self.sizes)
        if kind == "random":
            rng.shuffle(names)
        if kind != "quasi":
            return names
        # Pages as the packer fills them; a window of them is open at a time.
        pages, fill = [[]], 0
        for name in names:
            if fill + self.sizes[name] > PAGE_BYTES:
                pages.append([])
                fill = 0
            pages[-1].append(name)
            fill += self.sizes[name]
        rng.shuffle(pages)
        ordered = []
        for w in range(0, len(pages), WINDOW_PAGES):
            window = [name for page in pages[w:w + WINDOW_PAGES] for name in page]
            rng.shuffle(window)
            ordered += window
        return ordered

#!/usr/bin/python3
"""The picture work of tools/quickstart.

    quickstart_photos.py cut SOURCE TARGET   cuts the photographs under SOURCE into JPEG tiles,
                                             TARGET/<photograph>/<row>-<column>.jpg
    quickstart_photos.py load FOLDER         reads a batch, then every picture of FOLDER, with
                                             torchvision's ImageFolder and DataLoader, or with PIL
                                             where there is no torchvision, and says which
"""

import multiprocessing
import pathlib
import sys
import time

from PIL import Image

TILE = 160  # pixels, square
MAX_TILES_PER_PHOTOGRAPH = 200
BATCH = 64


def photographs(source):
    """The largest picture of every folder that holds some, by the name of its class."""
    best = {}
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg") or path.is_symlink():
            continue
        parts = path.relative_to(source).parts
        # usr/share/wallpapers/<name>/contents/..., usr/share/backgrounds/mate/<kind>/<name>.jpg
        name = parts[3] if parts[2] == "wallpapers" else path.stem.split("_")[0]
        if name not in best or path.stat().st_size > best[name].stat().st_size:
            best[name] = path
    return best


def cut(job):
    path, folder = job
    folder.mkdir(parents=True, exist_ok=True)
    picture = Image.open(path).convert("RGB")
    count = 0
    for row in range(picture.height // TILE):
        for column in range(picture.width // TILE):
            if count == MAX_TILES_PER_PHOTOGRAPH:
                return count
            box = (column * TILE, row * TILE, (column + 1) * TILE, (row + 1) * TILE)
            picture.crop(box).save(folder / f"{row:02}-{column:02}.jpg", quality=90)
            count += 1
    return count


def cut_all(source, target):
    jobs = [(path, target / name) for name, path in sorted(photographs(source).items())]
    with multiprocessing.Pool() as pool:
        tiles = sum(pool.map(cut, jobs, chunksize=1))
    print(f"cut {len(jobs)} photographs into {tiles} JPEG tiles of {TILE}x{TILE} pixels")


def pil_batches(folder):
    """Batches of (pictures, labels), labels being the number of the picture's folder."""
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    samples = [(path, label) for label, entry in enumerate(classes) for path in sorted(entry.iterdir())]
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        yield [Image.open(path).convert("RGB") for path, _ in batch], [label for _, label in batch]


def torch_batches(folder):
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    dataset = ImageFolder(folder, transform=transforms.ToTensor())
    return DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=2)


def load(folder):
    try:
        batches, reader = torch_batches(folder), "torchvision's ImageFolder and a DataLoader of 2 workers"
    except ImportError as error:
        batches, reader = pil_batches(folder), f"PIL ({error})"
    start = time.monotonic()
    count = 0
    for pictures, labels in batches:
        if count == 0:
            shape = getattr(pictures, "shape", None)
            what = tuple(shape) if shape is not None else f"{len(pictures)} of {pictures[0].size}"
            first = time.monotonic() - start
            print(f"read a batch with {reader}:\n  {what}, first labels {list(map(int, labels[:8]))}, after {first:.2f} s")
        count += len(labels)
    seconds = time.monotonic() - start
    print(f"  all {count} pictures decoded in {seconds:.1f} s, {count / seconds:,.0f} a second")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "cut":
        cut_all(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    elif len(sys.argv) == 3 and sys.argv[1] == "load":
        load(pathlib.Path(sys.argv[2]))
    else:
        sys.exit(__doc__)

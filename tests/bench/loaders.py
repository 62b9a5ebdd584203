#!/usr/bin/python3
"""torchvision's ImageFolder on a mount beside the same files on disk.

    cmake --preset bench && cmake --build --preset bench --target betonfs
    tests/bench/loaders.py [--betonfs PROGRAM] [--pictures N] [--files N] [--rounds N] [--json FILE]

Measures, warm and interleaved: the time to the first batch and the pictures per second of a
DataLoader with two workers over an epoch, and how long ImageFolder() takes to be made over many
files.  Prints medians, their spread and the median of the rounds' ratios; the mount is as good as the
disk at 1.0x.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE_DIR / "tests"))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--betonfs", default=str(SOURCE_DIR / "build/bench/bin/betonfs"))
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", default=None, help="where to make the files; on ext4")
    parser.add_argument("--json", type=pathlib.Path, default=None)
    return parser.parse_args()


def make_many_files(root, count, num_classes=100):
    """Files whose names ImageFolder takes for pictures; it does not open them."""
    for label in range(num_classes):
        folder = root / f"class_{label:03}"
        folder.mkdir(parents=True)
        for number in range(count // num_classes):
            (folder / f"{number:06}.jpg").write_bytes(b"%d" % number)


def read_everything(root):
    for path in root.rglob("*.jpg"):
        path.read_bytes()


def epoch(root):
    """(seconds to make the ImageFolder and get a batch, pictures per second)"""
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    start = time.perf_counter()
    folder = ImageFolder(str(root), transform=transforms.ToTensor())
    first_s, count = None, 0
    for pictures, _ in DataLoader(folder, batch_size=64, shuffle=True, num_workers=2):
        if first_s is None:
            first_s = time.perf_counter() - start
        count += len(pictures)
    return first_s, count / (time.perf_counter() - start)


def construction(root):
    from torchvision.datasets import ImageFolder

    start = time.perf_counter()
    folder = ImageFolder(str(root))
    return time.perf_counter() - start, len(folder)


def in_turn(turn, *sides):
    """Each side is first as often as the other."""
    return sides if turn % 2 == 0 else sides[::-1]


def compare(name, disk, mount, unit, more_is_better):
    # Of each round, since both sides of a round met the same machine.
    ratios = [m / d if more_is_better else d / m for d, m in zip(disk, mount)]
    ratio = statistics.median(ratios)
    spread = lambda values: f"{min(values):.3g} to {max(values):.3g}"
    print(
        f"{name:34} disk {statistics.median(disk):9.3g} {unit} ({spread(disk)})"
        f"   mount {statistics.median(mount):9.3g} {unit} ({spread(mount)})"
        f"   {ratio:.2f}x ({spread(ratios)})"
    )
    return {"name": name, "unit": unit, "disk": disk, "mount": mount, "ratios": ratios, "ratio": ratio}


def main():
    arguments = parse_arguments()
    os.environ["BETONFS"] = arguments.betonfs
    from support import mounts, pictures

    work = pathlib.Path(tempfile.mkdtemp(prefix="betonfs-loaders-", dir=arguments.directory))
    results = []
    try:
        photos, many = work / "photos", work / "many"
        pictures.write_class_folders(photos, 20, arguments.pictures // 20, size=(160, 160))
        make_many_files(many, arguments.files)
        mounts.betonfs("pack", photos, work / "photos.beton")
        mounts.betonfs("pack", "--as", "bytes", many, work / "many.beton")
        with mounts.mounted(work / "photos.beton") as mount:
            disk_runs, mount_runs = [], []
            for turn in range(arguments.rounds):
                for root, runs in in_turn(turn, (photos, disk_runs), (mount, mount_runs)):
                    read_everything(root)
                    runs.append(epoch(root))
        for index, (name, unit, more) in enumerate(
            [("time to first batch", "s", False), ("pictures a second, 2 workers", "/s", True)]
        ):
            disk, mounted = ([run[index] for run in runs] for runs in (disk_runs, mount_runs))
            results.append(compare(name, disk, mounted, unit, more))
        with mounts.mounted(work / "many.beton") as mount:
            disk, mounted = [], []
            for turn in range(arguments.rounds):
                for root, runs in in_turn(turn, (many, disk), (mount, mounted)):
                    seconds, count = construction(root)
                    assert count == arguments.files // 100 * 100
                    runs.append(seconds)
        results.append(compare(f"ImageFolder() over {arguments.files} files", disk, mounted, "s", False))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

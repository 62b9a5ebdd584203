"""Pictures for tests: photographs in miniature, no two alike, the same in every run."""

import os

import numpy
from PIL import Image


def noise_picture(seed, width, height):
    """A smooth random RGB picture: random dots, enlarged."""
    random = numpy.random.default_rng(seed)
    dots = random.integers(0, 256, (6, 8, 3), dtype=numpy.uint8)
    return Image.fromarray(dots).resize((width, height), Image.BICUBIC)


def write_class_folders(root, num_classes=4, pictures_per_class=12, size=None):
    """root/class_<c>/<n>.jpg, of `size` or in several sizes, some of them grey or progressive.  Returns
    the paths relative to root, sorted."""
    paths = []
    for label in range(num_classes):
        folder = root / f"class_{label}"
        folder.mkdir(parents=True)
        for number in range(pictures_per_class):
            seed = label * 1000 + number
            width, height = size or (64 + 7 * number, 48 + 5 * number)
            picture = noise_picture(seed, width, height)
            if number % 5 == 4:
                picture = picture.convert("L")
            path = folder / f"{number:03}.jpg"
            picture.save(path, quality=88, progressive=number % 3 == 0)
            paths.append(path.relative_to(root))
    # Times in the past, nanoseconds included: rsync, for one, takes times within the second of its
    # own run for equal.
    for number, path in enumerate([*sorted(root.rglob("*")), root]):
        time_ns = (1_500_000_000 + number) * 10**9 + 123_456_789
        os.utime(path, ns=(time_ns, time_ns))
    return sorted(paths)

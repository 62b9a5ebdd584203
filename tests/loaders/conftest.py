"""One packed and mounted folder of pictures for all clients of a script."""

import pytest

pytest.importorskip("PIL", reason="python3-pil is not installed")

from support import mounts, pictures  # noqa: E402


class Photographs:
    """`source`: folder of class folders; `mount`: the same, packed and mounted; `paths` in both."""

    def __init__(self, source, mount, beton, paths):
        self.source, self.mount, self.beton, self.paths = source, mount, beton, paths

    def label(self, path):
        return int(path.parts[0].removeprefix("class_"))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    work = tmp_path_factory.mktemp("photographs")
    source, beton = work / "source", work / "photographs.beton"
    paths = pictures.write_class_folders(source)
    mounts.betonfs("pack", source, beton)
    with mounts.mounted(beton) as mount:
        yield Photographs(source, mount, beton, paths)

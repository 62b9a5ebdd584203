"""numpy loads and memory-maps the arrays of files that FFCV wrote."""

import hashlib
import json

import numpy
import pytest
from support import mounts

pytestmark = pytest.mark.skipif(
    not mounts.FIXTURES.is_dir(), reason=f"no FFCV fixtures in {mounts.FIXTURES}"
)

# What numpy must find; the manifests know the bytes but not the dtypes.
ARRAYS = {
    "nd_f4_1d": ("<f4", 1),
    "nd_f8_2d": ("<f8", 2),
    "nd_u1_4d": ("|u1", 4),
    "nd_be_i4": (">i4", None),
    "nd_S5_1d": ("|S5", 1),
    "torch_f32": ("<f4", None),
    "torch_bool": ("|b1", None),
}


def manifest_of(name):
    manifest = json.loads((mounts.FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    field = manifest["fields"][0]["name"]
    return [sample[field] for sample in manifest["samples"]]


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_arrays_load_and_map(name):
    dtype, rank = ARRAYS[name]
    cells = manifest_of(name)
    with mounts.mounted(mounts.FIXTURES / f"{name}.beton", options="tree=flat") as mount:
        files = sorted(path for path in mount.iterdir())
        assert len(files) == len(cells)
        for path, cell in zip(files, cells):
            assert path.suffix == ".npy"
            loaded = numpy.load(path)
            assert loaded.dtype == numpy.dtype(dtype)
            assert rank is None or loaded.ndim == rank
            assert hashlib.sha256(loaded.tobytes()).hexdigest() == cell["sha256"]
            mapped = numpy.load(path, mmap_mode="r")
            assert isinstance(mapped, numpy.memmap)
            numpy.testing.assert_array_equal(mapped, loaded)
            del mapped  # a mapping keeps the mount busy


def test_a_structured_array(tmp_path):
    with mounts.mounted(mounts.FIXTURES / "nd_struct.beton", options="tree=flat") as mount:
        cells = manifest_of("nd_struct")
        for path, cell in zip(sorted(mount.iterdir()), cells):
            loaded = numpy.load(path)
            assert loaded.dtype.names is not None
            assert hashlib.sha256(loaded.tobytes()).hexdigest() == cell["sha256"]


def test_raw_pictures_open_as_ppm():
    image = pytest.importorskip("PIL.Image", reason="python3-pil is not installed")
    cells = manifest_of("rgb_raw_const")
    with mounts.mounted(mounts.FIXTURES / "rgb_raw_const.beton", options="tree=flat") as mount:
        for path, cell in zip(sorted(mount.iterdir()), cells):
            assert path.suffix == ".ppm"
            with image.open(path) as picture:
                assert picture.size == (cell["width"], cell["height"])
                assert hashlib.sha256(picture.tobytes()).hexdigest() == cell["sha256"]

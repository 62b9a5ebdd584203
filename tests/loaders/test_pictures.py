"""Picture libraries, unchanged, see on the mount what they see in the source."""

import numpy
import pytest


def test_pil(photographs):
    image = pytest.importorskip("PIL.Image")
    for path in photographs.paths:
        with image.open(photographs.mount / path) as seen, image.open(
            photographs.source / path
        ) as meant:
            assert (seen.format, seen.size, seen.mode) == (meant.format, meant.size, meant.mode)
            assert seen.tobytes() == meant.tobytes()


def test_opencv(photographs):
    cv2 = pytest.importorskip("cv2", reason="python3-opencv is not installed")
    for path in photographs.paths:
        seen = cv2.imread(str(photographs.mount / path))
        assert seen is not None, path
        numpy.testing.assert_array_equal(seen, cv2.imread(str(photographs.source / path)))


def test_opencv_decodes_mapped_bytes(photographs):
    """Many programs map the file and decode from memory."""
    cv2 = pytest.importorskip("cv2", reason="python3-opencv is not installed")
    for path in photographs.paths:
        mapped = numpy.memmap(photographs.mount / path, dtype=numpy.uint8, mode="r")
        assert mapped.tobytes() == (photographs.source / path).read_bytes()
        assert cv2.imdecode(mapped, cv2.IMREAD_COLOR) is not None


def test_scikit_image(photographs):
    io = pytest.importorskip("skimage.io", reason="python3-skimage is not installed")
    for path in photographs.paths:
        seen, meant = io.imread(photographs.mount / path), io.imread(photographs.source / path)
        numpy.testing.assert_array_equal(seen, meant)


def test_scikit_image_collection(photographs):
    io = pytest.importorskip("skimage.io", reason="python3-skimage is not installed")
    seen = io.imread_collection(str(photographs.mount / "class_1" / "*.jpg"))
    meant = io.imread_collection(str(photographs.source / "class_1" / "*.jpg"))
    assert len(seen) == len(meant) == 12
    for left, right in zip(seen, meant):
        numpy.testing.assert_array_equal(left, right)

"""Files written by FFCV, mounted in every tree that applies: each file is what the manifest says."""

import errno
import hashlib
import json
import os
import re

import numpy
import pytest
from support import mounts, numpy_reader

NAMES = sorted(path.stem for path in mounts.FIXTURES.glob("*.beton"))
if not NAMES:
    pytest.skip("no FFCV fixtures: set BETONFS_FIXTURES", allow_module_level=True)

FLOAT, INT, IMAGE, BYTES, ARRAY, JSON, TENSOR, CUSTOM = 0, 1, 2, 3, 4, 5, 6, 255
EXTENSIONS = {FLOAT: "txt", INT: "cls", BYTES: "bin", ARRAY: "npy", JSON: "json", TENSOR: "npy",
              CUSTOM: "bin"}  # fmt: skip


class Fixture:
    """A manifest.  Of two fields of one name it tells the second alone; the first has no entry."""

    def __init__(self, name):
        self.path = mounts.FIXTURES / f"{name}.beton"
        manifest = json.loads((mounts.FIXTURES / f"{name}.json").read_text())
        self.samples = manifest.get("samples", [])
        self.fields = [(field["name"], field.get("type_id", INT)) for field in manifest["fields"]]
        names = [name for name, _ in self.fields]
        self.told = [i for i, name in enumerate(names) if name not in names[i + 1 :]]
        self.payloads = [i for i, (_, kind) in enumerate(self.fields) if kind not in (FLOAT, INT)]

    def extension(self, field, sample):
        name, kind = self.fields[field]
        if kind == IMAGE:
            return "jpg" if sample[name]["mode"] == 0 else "ppm"
        return EXTENSIONS[kind]

    def middle(self, field):
        """What `samples` puts between the number and the extension."""
        if self.payloads == [field]:
            return ""
        name = self.fields[field][0] or f"field{field}"
        clashes = [i for i in range(field) if self.fields[i][0] == self.fields[field][0]]
        clashes = [i for i in clashes if self.payloads != [i]]
        return f".{name}_{field}" if clashes else f".{name}"

    def check(self, path, field, sample):
        name, kind = self.fields[field]
        want = sample[name]
        contents = path.read_bytes()
        assert path.stat().st_size == len(contents)
        if kind == INT:
            assert int(contents) == want["value"]
        elif kind == FLOAT:
            assert numpy.float64(contents.decode()).tobytes() == numpy.float64(
                want["value"]
            ).tobytes() or hashlib.sha256(
                numpy.float64(contents.decode()).tobytes()
            ).hexdigest() == want["sha256"]
        else:
            payload = self.payload(contents, kind, want)
            assert hashlib.sha256(payload).hexdigest() == want["sha256"], path

    @staticmethod
    def payload(contents, kind, want):
        """What is stored, out of what the file shows."""
        if kind == IMAGE and want["mode"] != 0:
            header = b"P6\n%d %d\n255\n" % (want["width"], want["height"])
            assert contents.startswith(header)
            return contents[len(header) :]
        if kind in (ARRAY, TENSOR):
            size = 10 + int.from_bytes(contents[8:10], "little")
            assert contents[:8] == b"\x93NUMPY\x01\x00" and size % 64 == 0
            return contents[size:]
        return contents + b"\0" if kind == JSON else contents


@pytest.fixture(params=NAMES)
def fixture(request):
    return Fixture(request.param)


def files_below(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_samples_shows_every_field(fixture):
    with mounts.mounted(fixture.path, options="tree=samples") as root:
        want = []
        for number, sample in enumerate(fixture.samples):
            for field in fixture.told:
                name = f"{number:06}{fixture.middle(field)}.{fixture.extension(field, sample)}"
                want.append(name)
                fixture.check(root / name, field, sample)
        if len(fixture.told) == len(fixture.fields):
            assert files_below(root) == sorted(want)
        else:
            assert set(want) < set(files_below(root))


def test_flat_shows_the_field_that_is_asked_for(fixture):
    for field in fixture.told:
        name = fixture.fields[field][0]
        if not name:  # cannot be asked for by name
            continue
        if [other for other, _ in fixture.fields].index(name) != field:
            continue  # the first of two of a name is what is found
        with mounts.mounted(fixture.path, options=f"tree=flat,field={name}") as root:
            assert len(list(root.iterdir())) == len(fixture.samples)
            for number, sample in enumerate(fixture.samples):
                fixture.check(root / f"{number:08}.{fixture.extension(field, sample)}", field, sample)


def test_label_sorts_into_classes(fixture):
    ints = [name for name, kind in fixture.fields if kind == INT]
    if len(ints) != 1 or not ints[0] or len(set(name for name, _ in fixture.fields)) < len(
        fixture.fields
    ):
        pytest.skip("not one int field")
    with mounts.mounted(fixture.path, options="tree=label") as root:
        labels = sorted({sample[ints[0]]["value"] for sample in fixture.samples})
        folders = sorted(folder.name for folder in root.iterdir())
        assert len(folders) == len(labels)
        for folder, label in zip(folders, labels):
            numbers = sorted(int(path.stem) for path in (root / folder).iterdir())
            assert numbers == [
                n for n, sample in enumerate(fixture.samples) if sample[ints[0]]["value"] == label
            ]
        classes = (root / ".betonfs" / "classes.txt").read_text()
        assert classes == "".join(f"{f}\t{label}\n" for f, label in zip(folders, labels))


def test_auto_chooses_by_the_fields(fixture):
    with mounts.mounted(fixture.path) as root:
        info = json.loads((root / ".betonfs" / "info.json").read_text())
        ints = [kind for _, kind in fixture.fields].count(INT)
        if len(fixture.payloads) == 1:
            assert info["tree"] == ("label" if ints == 1 else "flat")
        else:
            assert info["tree"] == "samples"


def test_arrays_load_and_map_as_numpy_means_them(fixture):
    arrays = [i for i, (_, kind) in enumerate(fixture.fields) if kind in (ARRAY, TENSOR)]
    if not arrays:
        pytest.skip("no array field")
    fields = numpy_reader.Beton(fixture.path).fields  # dtype and shape as numpy reads them itself
    with mounts.mounted(fixture.path, options="tree=samples") as root:
        for field in arrays:
            dtype, shape = fields[field].array_type()
            for number in range(len(fixture.samples)):
                path = root / f"{number:06}{fixture.middle(field)}.npy"
                array = numpy.load(path)
                assert array.dtype == dtype
                assert array.shape == shape
                if array.size > 0:  # numpy maps nothing that is empty, on any file system
                    assert numpy.load(path, mmap_mode="r").tobytes() == array.tobytes()


@pytest.mark.parametrize("view, magic", [("bmp", b"BM"), ("png", b"\x89PNG")])
def test_raw_images_in_other_clothes(view, magic):
    from PIL import Image

    fixture = Fixture("rgb_raw_const")
    with mounts.mounted(fixture.path, options=f"tree=flat,raw={view}") as root:
        for number, sample in enumerate(fixture.samples):
            path = root / f"{number:08}.{view}"
            contents = path.read_bytes()
            assert contents.startswith(magic)
            assert len(contents) == path.stat().st_size
            pixels = Image.open(path).convert("RGB").tobytes()
            assert hashlib.sha256(pixels).hexdigest() == sample["image"]["sha256"]


def attribute(path, name):
    """Its text; None if the file has none of that name."""
    try:
        return os.getxattr(path, f"user.betonfs.{name}").decode()
    except OSError as error:
        assert error.errno == errno.ENODATA
        return None


def test_attributes_say_what_the_manifest_says(fixture):
    """Of every file: where its bytes lie, and the scalars of its sample."""
    beton = fixture.path.read_bytes()
    page_size = int.from_bytes(beton[4:8], "little")
    scalars = [i for i in fixture.told if fixture.fields[i][1] in (FLOAT, INT)]
    with mounts.mounted(fixture.path, options="tree=samples") as root:
        for number, sample in enumerate(fixture.samples):
            for field in fixture.told:
                name, kind = fixture.fields[field]
                path = root / f"{number:06}{fixture.middle(field)}.{fixture.extension(field, sample)}"
                assert attribute(path, "sample") == str(number)
                assert attribute(path, "field") == name
                assert attribute(path, "xxh3") is None  # FFCV stores no checksums
                for scalar in scalars:
                    scalar_name, scalar_kind = fixture.fields[scalar]
                    if not scalar_name:
                        continue
                    text = attribute(path, scalar_name)
                    value = int(text) if scalar_kind == INT else float(text)
                    stored = numpy.array(value, "<i8" if scalar_kind == INT else "<f8").tobytes()
                    assert hashlib.sha256(stored).hexdigest() == sample[scalar_name]["sha256"]
                if kind in (FLOAT, INT):
                    assert attribute(path, "offset") is None
                    continue
                offset, size = int(attribute(path, "offset")), int(attribute(path, "size"))
                stored = beton[offset : offset + size]
                assert hashlib.sha256(stored).hexdigest() == sample[name]["sha256"]
                assert attribute(path, "page") == str(offset // page_size)
                if kind == IMAGE:
                    assert attribute(path, "width") == str(sample[name]["width"])
                    assert attribute(path, "height") == str(sample[name]["height"])
                    assert attribute(path, "mode") == ("raw" if sample[name]["mode"] else "jpg")
                else:
                    assert attribute(path, "width") is None


def test_attributes_are_readable_and_not_listed(fixture):
    with mounts.mounted(fixture.path, options="tree=samples") as root:
        for path in list(root.iterdir())[:3]:
            assert os.listxattr(path) == []
            assert mounts.run("getfattr", "-d", "-m", "-", path).stdout == ""
            told = mounts.run("getfattr", "--only-values", "-n", "user.betonfs.sample", path)
            assert told.stdout == attribute(path, "sample")


def test_the_manifests_list_every_file(fixture):
    with mounts.mounted(fixture.path, options="tree=flat") as root:
        control = root / ".betonfs"
        files = (control / "files.txt").read_text().splitlines()
        assert sorted(files) == sorted(path.name for path in root.iterdir())
        metadata = [json.loads(l) for l in (control / "metadata.jsonl").read_text().splitlines()]
        assert [line["file_name"] for line in metadata] == files
        rows = (control / "samples.tsv").read_text().splitlines()[1:]
        assert [row.split("\t")[1] for row in rows] == files
        for number, name in enumerate(files):
            assert (control / "by-index" / str(number)).resolve() == (root / name).resolve()
        assert not any(re.search("betonfs", str(path)) for path in files)

"""An independent reader of FFCV's .beton format, version 2: Python and numpy alone.

Written from the description of the format and not from the C++ of this project, so that a
misunderstanding in one shows up in the other.  It reads a file into memory and asserts what FFCV
relies on without checking it.
"""

import json

import numpy

HEADER = numpy.dtype([("version", "<u2"), ("num_fields", "<u2"), ("page_size", "<u4"),
                      ("num_samples", "<u8"), ("alloc_table_ptr", "<u8")])
DESCRIPTOR = numpy.dtype([("type_id", "u1"), ("name", "u1", 16), ("arguments", "u1", 1024)])
TABLE_ROW = numpy.dtype([("sample_id", "<u8"), ("ptr", "<u8"), ("size", "<u8")])

FLOAT, INT, IMAGE, BYTES, NDARRAY, JSON, TORCH, CUSTOM = 0, 1, 2, 3, 4, 5, 6, 255
PACKED_IMAGE = numpy.dtype([("mode", "u1"), ("width", "<u2"), ("height", "<u2"), ("ptr", "<u8")])
PACKED_BYTES = numpy.dtype([("ptr", "<u8"), ("size", "<u8")])
CELL = {FLOAT: "<f8", INT: "<i8", IMAGE: PACKED_IMAGE, BYTES: PACKED_BYTES, JSON: PACKED_BYTES,
        NDARRAY: "<u8", TORCH: "<u8", CUSTOM: "<u8"}


class Field:
    def __init__(self, descriptor):
        self.type_id = int(descriptor["type_id"])
        self.name = bytes(descriptor["name"]).decode("ascii").split("\0")[0]
        self.arguments = bytes(descriptor["arguments"])
        self.has_payload = self.type_id not in (FLOAT, INT)

    def array_type(self):
        """(dtype, shape) of an array field."""
        shape = numpy.frombuffer(self.arguments[:256], "<u8")
        used = numpy.flatnonzero(shape)
        shape = tuple(int(n) for n in shape[:used[-1] + 1]) if len(used) else ()
        length = int(numpy.frombuffer(self.arguments[256:264], "<u8")[0])
        descr = [tuple(map(_tuples, part)) for part in json.loads(self.arguments[264:264 + length])]
        plain = len(descr) == 1 and descr[0][0] == ""
        return numpy.dtype(descr[0][1] if plain else descr), shape


def _tuples(part):
    return tuple(part) if isinstance(part, list) else part


class Beton:
    def __init__(self, path):
        self.data = numpy.fromfile(path, "u1")
        header = self._array(HEADER, 0, 1)[0]
        assert header["version"] == 2
        self.page_size = int(header["page_size"])
        self.num_samples = int(header["num_samples"])
        self.table_ptr = int(header["alloc_table_ptr"])
        num_fields = int(header["num_fields"])
        self.fields = [Field(d) for d in self._array(DESCRIPTOR, HEADER.itemsize, num_fields)]
        # FFCV builds the record by numbers and not by names, so equal names do not collide here.
        self.row_type = numpy.dtype({"names": [f"f{i}" for i in range(num_fields)],
                                     "formats": [CELL[f.type_id] for f in self.fields]}, align=True)
        self.rows_ptr = HEADER.itemsize + num_fields * DESCRIPTOR.itemsize
        self.rows_end = self.rows_ptr + self.num_samples * self.row_type.itemsize
        self.rows = self._array(self.row_type, self.rows_ptr, self.num_samples)
        num_table_rows = (len(self.data) - self.table_ptr) // TABLE_ROW.itemsize
        self.table = self._array(TABLE_ROW, self.table_ptr, num_table_rows)

    def _array(self, dtype, offset, count):
        assert offset + count * dtype.itemsize <= len(self.data)
        return numpy.frombuffer(self.data, dtype, count, offset)

    def column(self, name):
        number = [field.name for field in self.fields].index(name)
        return self.rows[f"f{number}"]

    def ptrs(self, number):
        cells = self.rows[f"f{number}"]
        return cells["ptr"] if cells.dtype.names else cells

    def sizes(self, number):
        """Payload sizes of a field, from the table alone where the row has none."""
        field = self.fields[number]
        if field.type_id in (BYTES, JSON):
            return self.rows[f"f{number}"]["size"]
        sizes = {(int(r["sample_id"]), int(r["ptr"])): int(r["size"]) for r in self.table}
        return numpy.array([sizes[i, int(ptr)] for i, ptr in enumerate(self.ptrs(number))], "<u8")

    def payloads(self, name_or_number):
        """Every sample's payload of a field, as bytes."""
        number = name_or_number
        if isinstance(number, str):
            number = [field.name for field in self.fields].index(number)
        return [self.data[int(ptr):int(ptr) + int(size)].tobytes()
                for ptr, size in zip(self.ptrs(number), self.sizes(number))]

    # ---- What FFCV needs and does not check

    def assert_ffcv_rules(self, oversize=()):
        """`oversize`: the samples known to be larger than a page."""
        assert self.page_size >= 4096 and self.page_size & (self.page_size - 1) == 0
        payload_fields = [i for i, field in enumerate(self.fields) if field.has_payload]
        assert (len(self.data) - self.table_ptr) % TABLE_ROW.itemsize == 0, "table not at the end"
        assert len(self.table) == len(payload_fields) * self.num_samples, "a row per payload"
        names = [bytes(field.name, "ascii") for field in self.fields]
        assert len(set(names)) == len(names)

        table_ptrs = self.table["ptr"].astype("<i8")
        assert len(numpy.unique(table_ptrs)) == len(table_ptrs), "two payloads share a ptr"
        by_key = {(int(r["sample_id"]), int(r["ptr"])): int(r["size"]) for r in self.table}
        oversize = set(oversize)
        for sample in range(self.num_samples):
            pages = set()
            for number in payload_fields:
                ptr = int(self.ptrs(number)[sample])
                size = by_key[sample, ptr]  # the sample's own row
                self._assert_size(number, sample, size)
                assert self.rows_end <= ptr and ptr + size <= self.table_ptr
                pages.update({ptr // self.page_size, (ptr + max(size, 1) - 1) // self.page_size})
            if sample in oversize:
                assert min(pages) * self.page_size == int(self.ptrs(payload_fields[0])[sample])
            else:
                assert len(pages) <= 1, f"sample {sample} lies on pages {pages}"
        self._assert_no_overlap()
        self._assert_padding_is_zero()

    def _assert_size(self, number, sample, size):
        field, cell = self.fields[number], self.rows[f"f{number}"][sample]
        if field.type_id in (BYTES, JSON):
            assert int(cell["size"]) == size
        if field.type_id == IMAGE and cell["mode"] != 0:
            assert int(cell["width"]) * int(cell["height"]) * 3 == size
        if field.type_id in (NDARRAY, TORCH):
            dtype, shape = field.array_type()
            assert dtype.itemsize * int(numpy.prod(shape, dtype="u8")) == size

    def _assert_no_overlap(self):
        order = numpy.argsort(self.table["ptr"], kind="stable")
        ends = (self.table["ptr"] + self.table["size"])[order]
        assert (ends[:-1] <= self.table["ptr"][order][1:]).all(), "payloads overlap"

    def _assert_padding_is_zero(self):
        if not len(self.table):
            return
        first = int(self.table["ptr"].min())
        assert not self.data[self.rows_end:first].any()
        order = numpy.argsort(self.table["ptr"], kind="stable")
        ptrs, sizes = self.table["ptr"][order], self.table["size"][order]
        for end, start in zip((ptrs + sizes)[:-1], ptrs[1:]):
            assert not self.data[int(end):int(start)].any()


# ---- The index region, from core/FORMAT.md

TRAILER = numpy.dtype([("magic", "S8"), ("version", "<u4"), ("num_sections", "<u4"),
                       ("sections", [("offset", "<u8"), ("size", "<u8")], 5),
                       ("num_samples", "<u8"), ("alloc_table_ptr", "<u8"), ("file_size", "<u8"),
                       ("checksums_xxh3", "<u8"), ("trailer_xxh3", "<u8")])
DIRECTORY = numpy.dtype([("first_entry", "<u8"), ("num_entries", "<u8"), ("own_entry", "<u8"),
                         ("parent", "<u4"), ("mode", "<u4"), ("mtime_s", "<i8"),
                         ("mtime_ns", "<u4"), ("zero", "<u4")])
ENTRY = numpy.dtype([("name_offset", "<u8"), ("target", "<u8"), ("parent", "<u4"),
                     ("name_size", "<u2"), ("kind", "u1"), ("zero", "u1")])
SAMPLE = numpy.dtype([("entry", "<u8"), ("size", "<u8"), ("xxh3", "<u8"), ("mtime_s", "<i8"),
                      ("mtime_ns", "<u4"), ("mode", "<u2"), ("raw_view", "u1"), ("zero", "u1")])


class Index:
    """Names of samples and directories, and what is stored beside them."""

    def __init__(self, beton):
        trailer = beton._array(TRAILER, beton.table_ptr - TRAILER.itemsize, 1)[0]
        assert trailer["magic"] == b"BETONFS\x1a" and trailer["version"] == 1
        assert trailer["num_samples"] == beton.num_samples
        assert trailer["alloc_table_ptr"] == beton.table_ptr
        assert trailer["file_size"] == len(beton.data)

        def section(number, dtype):
            offset, size = (int(n) for n in trailer["sections"][number])
            assert offset % 8 == 0 and size % dtype.itemsize == 0
            return beton._array(dtype, offset, size // dtype.itemsize)

        self.directories = section(0, DIRECTORY)
        self.entries = section(1, ENTRY)
        self.names = section(2, numpy.dtype("u1")).tobytes()
        self.samples = section(3, SAMPLE)
        assert len(self.samples) == beton.num_samples
        self._assert_sorted()

    def _name(self, entry):
        start = int(entry["name_offset"])
        return self.names[start:start + int(entry["name_size"])]

    def _assert_sorted(self):
        position = 0
        for number, directory in enumerate(self.directories):
            first, count = int(directory["first_entry"]), int(directory["num_entries"])
            assert first == position, "the runs of the directories follow one another"
            run = self.entries[first:first + count]
            names = [self._name(entry) for entry in run]
            assert names == sorted(set(names))
            assert (run["parent"] == number).all()
            position += count
        assert position == len(self.entries)

    def _path(self, entry_number):
        entry = self.entries[entry_number]
        above = int(entry["parent"])
        name = self._name(entry)
        if above == 0:
            return name
        return self._path(int(self.directories[above]["own_entry"])) + b"/" + name

    def paths(self):
        """Of every sample, in their order."""
        paths = []
        for number, sample in enumerate(self.samples):
            entry = self.entries[int(sample["entry"])]
            assert entry["kind"] == 0 and entry["target"] == number
            paths.append(self._path(int(sample["entry"])))
        return paths

    def directory_paths(self):
        return [self._path(int(d["own_entry"])) for d in self.directories[1:]]

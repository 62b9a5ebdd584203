"""The lists of `.betonfs`, read as the tools read them that Debian does not have.

DALI's file_list: lines of a path below file_root, a blank and an integer label.  Hugging Face's
imagefolder: a metadata.jsonl beside the pictures, whose file_name it joins to its own directory."""

import json
import os

from support import numpy_reader


def control(photographs, name):
    return (photographs.mount / ".betonfs" / name).read_text(encoding="utf-8")


def test_dali_finds_every_file_with_its_label(photographs):
    pairs = [line.rsplit(" ", 1) for line in control(photographs, "file_list.txt").splitlines()]
    assert [path for path, _ in pairs] == [str(path) for path in photographs.paths]
    for path, label in pairs:
        assert (photographs.mount / path).is_file()
        assert int(label) == photographs.label((photographs.mount / path).relative_to(photographs.mount))


def test_hugging_face_finds_every_picture_beside_its_metadata(photographs, tmp_path):
    """In a folder of links, since a mount shows its lists in a hidden directory only."""
    folder = tmp_path / "hf"
    folder.mkdir()
    for entry in photographs.mount.iterdir():
        (folder / entry.name).symlink_to(entry)
    metadata = folder / "metadata.jsonl"
    metadata.symlink_to(photographs.mount / ".betonfs" / "metadata.jsonl")
    records = [json.loads(line) for line in metadata.read_text(encoding="utf-8").splitlines()]
    assert [record["file_name"] for record in records] == [str(path) for path in photographs.paths]
    for record, path in zip(records, photographs.paths, strict=True):
        assert record["label"] == photographs.label(path)
        seen = os.path.join(os.path.dirname(metadata), os.path.normpath(record["file_name"]))
        assert open(seen, "rb").read() == (photographs.source / path).read_bytes()


def test_classes_are_those_of_the_folders(photographs):
    classes = [line.split("\t") for line in control(photographs, "classes.txt").splitlines()]
    assert classes == [[f"class_{label}", str(label)] for label in range(len(classes))]
    assert [name for name, _ in classes] == sorted(os.listdir(photographs.mount))


def test_a_program_can_map_the_dataset_itself(photographs):
    """samples.tsv has where every payload lies: no file system in between."""
    header, *lines = control(photographs, "samples.tsv").splitlines()
    columns = header.split("\t")
    for line, path in zip(lines, photographs.paths, strict=True):
        row = dict(zip(columns, line.split("\t"), strict=True))
        assert row["path"] == str(path) and row["label"] == str(photographs.label(path))
        with open(row["file"], "rb") as beton:
            beton.seek(int(row["offset"]))
            assert beton.read(int(row["payload_size"])) == (photographs.source / path).read_bytes()


def test_links_by_index_lead_to_the_files(photographs):
    by_index = photographs.mount / ".betonfs" / "by-index"
    for number, path in enumerate(photographs.paths):
        assert os.path.samefile(by_index / str(number), photographs.mount / path)
    assert not (by_index / str(len(photographs.paths))).exists()


def test_stored_attributes(photographs):
    """Of a file of ours: its checksum too."""
    stored = numpy_reader.Index(numpy_reader.Beton(photographs.beton)).samples["xxh3"]
    for number, path in enumerate(photographs.paths):
        read = lambda name: os.getxattr(photographs.mount / path, f"user.betonfs.{name}").decode()
        assert read("sample") == str(number)
        assert read("field") == "image"
        assert read("label") == str(photographs.label(path))
        assert read("mode") == "jpg"
        assert read("file") == str(photographs.beton)
        assert read("xxh3") == f"{int(stored[number]):016x}"
    assert os.listxattr(photographs.mount / photographs.paths[0]) == []


def test_lists_can_be_read_from_the_middle(photographs):
    whole = control(photographs, "files.txt").encode()
    with open(photographs.mount / ".betonfs" / "files.txt", "rb") as lines:
        assert os.fstat(lines.fileno()).st_size == len(whole)
        for offset in range(0, len(whole), 97):
            lines.seek(offset)
            assert lines.read(41) == whole[offset : offset + 41]

"""Every file betonfs writes, and every file FFCV wrote, read by a reader that shares no code."""

import hashlib
import json
import os
import pathlib
import socket
import subprocess

import numpy
import pytest
from PIL import Image

from support import numpy_reader, pictures, stage_mounts
from support.mounts import run as run_tool

BETONFS = os.environ["BETONFS"]
FIXTURES = pathlib.Path(os.environ.get("BETONFS_FIXTURES") or
                        pathlib.Path(__file__).parents[2].parent / "shared/ffcv-fixtures")


def run(*arguments, status=0):
    done = subprocess.run([BETONFS, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done


def pack(source, target, *options, status=0, oversize=()):
    """Packs and returns the report, the dataset and its names, all rules asserted."""
    done = run("pack", source, target, "--json", *options, status=status)
    beton = numpy_reader.Beton(target)
    beton.assert_ffcv_rules(oversize)
    return json.loads(done.stdout), beton, numpy_reader.Index(beton)


def tree_of(root):
    """Relative path -> contents of every file below root, links followed."""
    root = os.fsencode(root)
    files = {}
    for folder, _, names in os.walk(root, followlinks=True):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, root)] = file.read()
    return files


def contents_of(beton, index, field):
    return dict(zip(index.paths(), beton.payloads(field)))


def make_mixed_tree(root):
    for folder in ("a b", "deep/" + "/".join("d" * 20), "\u00e4\u4e2d", "empty/below", "z"):
        (root / folder).mkdir(parents=True)
    (root / "a b/new\nline").write_bytes(b"x" * 1000)
    (root / "a b/zero").write_bytes(b"")
    (root / "z/zero too").write_bytes(b"")
    (root / "z" / ("n" * 255)).write_bytes(b"longest name")
    (root / ("deep/" + "/".join("d" * 20)) / "leaf").write_bytes(b"leaf")
    (root / "\u00e4\u4e2d/\u00f6.bin").write_bytes(bytes(range(256)) * 50)
    with open(os.fsencode(root) + b"/z/\xff\xfe", "wb") as file:
        file.write(b"not UTF-8")
    for number in range(300):
        (root / "z" / f"{number}.txt").write_bytes(b"%d" % number * (number * 7 % 400))
    return root


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    root = tmp_path_factory.mktemp("photographs")
    pictures.write_class_folders(root)
    return root


def test_class_folders_of_jpegs(photographs, tmp_path):
    report, beton, index = pack(photographs, tmp_path / "out.beton")
    assert [(f.type_id, f.name) for f in beton.fields] == [(2, "image"), (1, "label")]
    assert contents_of(beton, index, "image") == tree_of(photographs)
    classes = sorted(os.listdir(photographs))
    assert report["classes"] == classes
    for path, image, label in zip(index.paths(), beton.column("image"), beton.column("label")):
        assert classes[label] == path.decode().split("/")[0]
        with Image.open(photographs / path.decode()) as picture:
            assert picture.size == (image["width"], image["height"])
        assert image["mode"] == 0


def test_a_mixed_tree_of_any_names(tmp_path):
    source = make_mixed_tree(tmp_path / "source")
    _, beton, index = pack(source, tmp_path / "out.beton")
    assert [f.name for f in beton.fields] == ["data", "label"]
    assert contents_of(beton, index, "data") == tree_of(source)
    folders = {os.path.relpath(folder, os.fsencode(source))
               for folder, _, _ in os.walk(os.fsencode(source))} - {b"."}
    assert set(index.directory_paths()) == folders, "empty ones too"


def test_modes_and_times_are_stored(tmp_path):
    source = make_mixed_tree(tmp_path / "source")
    os.chmod(source / "z/1.txt", 0o640)
    os.utime(source / "z/1.txt", ns=(0, -123456789012345678))
    _, _, index = pack(source, tmp_path / "out.beton")
    for path, record in zip(index.paths(), index.samples):
        stat = os.stat(os.path.join(os.fsencode(source), path))
        assert record["size"] == stat.st_size
        assert record["mode"] == stat.st_mode & 0o7777
        assert int(record["mtime_s"]) * 10**9 + int(record["mtime_ns"]) == stat.st_mtime_ns


@pytest.mark.parametrize("options", [
    ("--page-size", "4096"), ("--page-size", "64K"), ("--page-size", "2M"), ("--align", "512"),
    ("--align", "4096", "--page-size", "8192"), ("--shuffle", "1"), ("--label", "none"),
    ("--shuffle", "5", "--align", "64", "--page-size", "16K", "--threads", "5")], ids=" ".join)
def test_every_option_keeps_the_rules(tmp_path, options):
    source = make_mixed_tree(tmp_path / "source")
    files = tree_of(source)
    target = tmp_path / "out.beton"
    report = json.loads(run("pack", source, target, "--json", *options).stdout)
    beton = numpy_reader.Beton(target)
    index = numpy_reader.Index(beton)
    oversize = [n for n, path in enumerate(index.paths()) if len(files[path]) > beton.page_size]
    assert len(oversize) == len(report["oversize"])
    beton.assert_ffcv_rules(oversize)
    assert contents_of(beton, index, "data") == files
    if "--align" in options:
        align = int(options[options.index("--align") + 1])
        assert not (beton.table["ptr"] % align).any()
    if "--label" in options:
        assert [f.name for f in beton.fields] == ["data"]


def test_samples_ascend_with_their_ptr(tmp_path):
    source = make_mixed_tree(tmp_path / "source")
    for options in ((), ("--shuffle", "3")):
        _, beton, _ = pack(source, tmp_path / "out.beton", "--force", *options)
        assert (numpy.diff(beton.table["ptr"].astype("i8")) > 0).all()
        assert (beton.table["sample_id"] == numpy.arange(beton.num_samples)).all()


def test_the_same_bytes_at_any_thread_count(photographs, tmp_path):
    digests = set()
    for threads in (1, 2, 3, 16):
        pack(photographs, tmp_path / "out.beton", "--force", "--threads", threads)
        digests.add(hashlib.sha256((tmp_path / "out.beton").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_labels_by_the_second_level(photographs, tmp_path):
    source = tmp_path / "source"
    for split in ("train", "val"):
        for label in ("cat", "dog"):
            (source / split / label).mkdir(parents=True)
            (source / split / label / "x.jpg").write_bytes(
                (photographs / "class_0/000.jpg").read_bytes())
    report, beton, index = pack(source, tmp_path / "a.beton")
    assert "--label dir:2" in report["warnings"][0]
    report, beton, index = pack(source, tmp_path / "b.beton", "--label", "dir:2")
    assert report["classes"] == ["cat", "dog"] and not report["warnings"]
    assert list(beton.column("label")) == [0, 1, 0, 1]


def test_pngs_become_raw_rgb(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    picture = pictures.noise_picture(1, 37, 23)
    picture.save(source / "photo.jpg")
    variants = {"rgb.png": picture, "grey.png": picture.convert("L"),
                "palette.png": picture.quantize(64), "bilevel.png": picture.convert("1"),
                "grey_alpha.png": picture.convert("LA"), "alpha.png": picture.convert("RGBA")}
    variants["alpha.png"].putalpha(100)
    for name, variant in variants.items():
        variant.save(source / name)
    report, beton, index = pack(source, tmp_path / "out.beton", "--as", "image")
    assert (report["num_jpegs"], report["num_pngs"]) == (1, len(variants))
    assert report["num_pngs_without_alpha"] == 2
    payloads = contents_of(beton, index, "image")
    for path, cell, record in zip(index.paths(), beton.column("image"), index.samples):
        if path == b"photo.jpg":
            assert cell["mode"] == 0
            continue
        assert (cell["mode"], cell["width"], cell["height"]) == (1, 37, 23)
        assert record["raw_view"] == 2
        expected = numpy.asarray(variants[path.decode()].convert("RGB"))
        assert payloads[path] == expected.tobytes(), path


def test_what_cannot_be_stored_is_named_and_skipped(tmp_path, monkeypatch):
    source = make_mixed_tree(tmp_path / "source")
    os.symlink("nowhere", source / "z/dangling")
    os.mkfifo(source / "z/fifo")
    os.symlink("..", source / "z/up")
    with socket.socket(socket.AF_UNIX) as sock:
        monkeypatch.chdir(source / "z")  # a socket's path is short
        sock.bind("sock")
        report, _, _ = pack(source, tmp_path / "out.beton", status=8)
    assert [(s["path"], s["reason"]) for s in report["skipped"]] == [
        ("z/dangling", "dangling link"), ("z/fifo", "fifo"), ("z/sock", "socket"),
        ("z/up", "link to a directory it lies in")]


def test_the_text_report_names_what_was_skipped(tmp_path):
    (tmp_path / "source").mkdir()
    os.symlink("nowhere", tmp_path / "source/dangling\n")
    done = run("pack", tmp_path / "source", tmp_path / "out.beton", status=8)
    assert "skipped dangling link: dangling\\n" in done.stderr


def test_the_reserved_name_is_refused(tmp_path):
    (tmp_path / "source/.betonfs").mkdir(parents=True)
    done = run("pack", tmp_path / "source", tmp_path / "out.beton", status=2)
    assert ".betonfs" in done.stderr and not (tmp_path / "out.beton").exists()


def test_an_existing_file_is_kept_without_force(tmp_path, photographs):
    target = tmp_path / "out.beton"
    target.write_bytes(b"precious")
    run("pack", photographs, target, status=6)
    assert target.read_bytes() == b"precious"
    pack(photographs, target, "--force")


def test_a_full_disk_leaves_nothing_and_the_old_file(photographs, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64K", "tmpfs", small], check=True)
    try:
        (small / "out.beton").write_bytes(b"old")
        done = run("pack", photographs, small / "out.beton", "--force", status=7)
        assert "No space left" in done.stderr
        assert os.listdir(small) == ["out.beton"]
        assert (small / "out.beton").read_bytes() == b"old"
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_file_beyond_two_gib(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    size = (2 << 30) + 12345
    with open(source / "huge", "wb") as file:
        file.write(b"start")
        file.seek(size - 3)
        file.write(b"end")
    try:
        run("pack", source, tmp_path / "out.beton", "--page-size", "2G")
        with open(tmp_path / "out.beton", "rb") as file:
            header = numpy.frombuffer(file.read(24), numpy_reader.HEADER)[0]
            file.seek(int(header["alloc_table_ptr"]))
            row = numpy.frombuffer(file.read(), numpy_reader.TABLE_ROW)[0]
            assert row["size"] == size
            file.seek(int(row["ptr"]))
            assert file.read(5) == b"start"
            file.seek(int(row["ptr"]) + size - 3)
            assert file.read(3) == b"end"
    finally:
        (tmp_path / "out.beton").unlink(missing_ok=True)


# ---- Concatenation


def test_concatenated_files_are_one_dataset(tmp_path):
    files, parts = {}, []
    for part, page_size in enumerate(("4096", "64K", "8M")):
        source = make_mixed_tree(tmp_path / f"{part}")
        for path in tree_of(source):
            folder, name = os.path.split(os.path.join(os.fsencode(source), path))
            os.rename(os.path.join(folder, name), os.path.join(folder, b"%d%s" % (part, name[-254:])))
        files.update(tree_of(source))
        parts.append(tmp_path / f"{part}.beton")
        run("pack", source, parts[-1], "--page-size", page_size)
    run("concat", *parts, tmp_path / "out.beton")
    beton = numpy_reader.Beton(tmp_path / "out.beton")
    index = numpy_reader.Index(beton)
    beton.assert_ffcv_rules()
    assert beton.page_size == 8 << 20
    assert contents_of(beton, index, "data") == files
    done = run("concat", parts[0], parts[0], tmp_path / "twice.beton", status=2)
    assert done.stderr.count(str(parts[0])) == 2 and not (tmp_path / "twice.beton").exists()


def test_samples_that_spanned_pages_keep_ffcvs_rules_when_pages_grow(tmp_path):
    """Larger than the pages of its file, and smaller than those of the other."""
    for part, page_size in enumerate(("4096", "64K")):
        (tmp_path / f"{part}").mkdir()
        for number in range(20):
            size = 3000 + 2711 * number
            (tmp_path / f"{part}/{part}-{number:02}").write_bytes(b"%d" % (number % 10) * size)
        run("pack", tmp_path / f"{part}", tmp_path / f"{part}.beton", "--page-size", page_size)
    run("concat", tmp_path / "0.beton", tmp_path / "1.beton", tmp_path / "out.beton")
    beton = numpy_reader.Beton(tmp_path / "out.beton")
    assert beton.page_size == 64 << 10
    beton.assert_ffcv_rules()
    assert contents_of(beton, numpy_reader.Index(beton), "data") == {
        **tree_of(tmp_path / "0"), **tree_of(tmp_path / "1")}


# ---- Staging and commit


def committed(staging, *options):
    """Commits and reads what came of it, all rules asserted."""
    staging.commit(*options)
    beton = numpy_reader.Beton(staging.beton)
    beton.assert_ffcv_rules()
    return beton, numpy_reader.Index(beton)


def test_a_committed_folder_is_a_dataset(photographs):
    with stage_mounts.staged() as staging:
        run_tool("cp", "-a", f"{photographs}/.", staging.point)
        beton, index = committed(staging)
    assert [(f.type_id, f.name) for f in beton.fields] == [(2, "image"), (1, "label")]
    assert contents_of(beton, index, "image") == tree_of(photographs)
    classes = sorted(os.listdir(photographs))
    for path, image, label in zip(index.paths(), beton.column("image"), beton.column("label")):
        assert classes[label] == path.decode().split("/")[0]
        with Image.open(photographs / path.decode()) as picture:
            assert picture.size == (image["width"], image["height"])


@pytest.mark.parametrize("options", [(), ("--compact",), ("--no-compact",), ("--shuffle", "7")],
                         ids=" ".join)
def test_commit_after_commit_keeps_the_rules(tmp_path, options):
    """Files are added, replaced, moved and removed between commits, over a dataset of pack's."""
    source = make_mixed_tree(tmp_path / "source")
    for root in (b"new\nline", b"zero"):  # names that staging leaves as they are
        assert os.path.exists(os.path.join(os.fsencode(source), b"a b", root))
    with stage_mounts.staged() as staging:
        run_tool("cp", "-a", f"{source}/.", staging.point)
        beton, index = committed(staging)
        assert contents_of(beton, index, "data") == tree_of(source)
        for root in (source, staging.point):
            for number in range(0, 300, 3):
                (root / "z" / f"{number}.txt").unlink()
            for number in range(1, 300, 30):
                (root / "z" / f"{number}.txt").write_bytes(b"again" * number)
            (root / "later").mkdir()
            (root / "later/added").write_bytes(b"added" * 10_000)
            (root / "z/zero too").rename(root / "later/moved")
        beton, index = committed(staging, *options)
        assert contents_of(beton, index, "data") == tree_of(source)


# ---- Files written by FFCV

FIXTURE_NAMES = sorted(path.stem for path in FIXTURES.glob("*.beton"))


def test_there_are_fixtures():
    if not FIXTURES.is_dir():
        pytest.skip("no FFCV fixtures: set BETONFS_FIXTURES")
    assert FIXTURE_NAMES


@pytest.mark.parametrize("name", FIXTURE_NAMES)
def test_fixture(name):
    manifest = json.loads((FIXTURES / f"{name}.json").read_text())
    beton = numpy_reader.Beton(FIXTURES / f"{name}.beton")
    assert beton.num_samples == manifest["num_samples"]
    if not beton.num_samples:
        return
    assert beton.page_size == manifest["page_size"]
    assert beton.row_type.itemsize == manifest["itemsize"]
    assert beton.rows_ptr == manifest["meta_start"]
    assert len(beton.table) == manifest["alloc_rows"]
    names = [field["name"] for field in manifest["fields"]]
    assert [field.name for field in beton.fields] == names
    assert [beton.row_type.fields[f"f{i}"][1] for i in range(len(names))] == \
        [field["offset"] for field in manifest["fields"]]
    for number, field in enumerate(beton.fields):
        if names.count(field.name) > 1 and not field.has_payload:
            continue  # the manifest has room for one of two equal names
        assert_values(beton, number, [sample[field.name] for sample in manifest["samples"]])


def assert_values(beton, number, values):
    field = beton.fields[number]
    if not field.has_payload:
        for cell, value in zip(beton.rows[f"f{number}"], values):
            assert hashlib.sha256(cell.tobytes()).hexdigest() == value["sha256"]
        return
    for payload, value in zip(beton.payloads(number), values):
        assert len(payload) == value["size"]
        assert hashlib.sha256(payload).hexdigest() == value["sha256"]

"""WebDataset shards and manifests become .beton files, read back by the independent reader."""

import io
import json
import os
import subprocess
import tarfile

import numpy
import pytest

from support import numpy_reader, pictures

BETONFS = os.environ["BETONFS"]


def run(*arguments, status=0):
    done = subprocess.run([BETONFS, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done


def imported(*sources, target):
    run("import", *sources, target)
    beton = numpy_reader.Beton(target)
    beton.assert_ffcv_rules()
    return beton, numpy_reader.Index(beton)


def jpeg_bytes(seed):
    out = io.BytesIO()
    pictures.noise_picture(seed, 40 + seed, 30).save(out, "JPEG")
    return out.getvalue()


def write_shard(path, samples, tar_format):
    """`samples`: a list of dictionaries name -> contents."""
    with tarfile.open(path, "w", format=tar_format) as tar:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for sample in samples:
            for name, contents in sample.items():
                member = tarfile.TarInfo(name)
                member.size = len(contents)
                member.mtime = 1234567890
                member.mode = 0o640
                tar.addfile(member, io.BytesIO(contents))


def make_samples(first, count, prefix="n"):
    samples = []
    for number in range(first, first + count):
        key = f"{prefix}/{number:06}"
        samples.append({f"{key}.cls": b"%d\n" % (number % 5 - 1), f"{key}.jpg": jpeg_bytes(number),
                        f"{key}.json": json.dumps({"n": number, "t": "\u00e4"}).encode(),
                        f"{key}.seg.bin": b"s" * (number * 3)})
    return samples


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT,
                                        tarfile.PAX_FORMAT], ids=["ustar", "gnu", "pax"])
def test_webdataset_shards(tmp_path, tar_format):
    long_prefix = "long/" * 18 + "n" if tar_format == tarfile.USTAR_FORMAT else "d" * 200 + "/\u00e4"
    samples = make_samples(0, 7) + make_samples(7, 5, long_prefix)
    write_shard(tmp_path / "0.tar", samples[:6], tar_format)
    write_shard(tmp_path / "1.tar", samples[6:], tar_format)
    beton, index = imported(tmp_path / "0.tar", tmp_path / "1.tar", target=tmp_path / "out.beton")
    assert [(f.name, f.type_id) for f in beton.fields] == [
        ("image", 2), ("label", 1), ("json", 5), ("seg.bin", 3)]
    values = [list(sample.values()) for sample in samples]
    assert list(beton.column("label")) == [int(v[0]) for v in values]
    assert beton.payloads("image") == [v[1] for v in values]
    assert beton.payloads("json") == [v[2] + b"\0" for v in values]
    assert beton.payloads("seg.bin") == [v[3] for v in values]
    assert index.paths() == [list(sample)[1].encode() for sample in samples]
    assert (index.samples["mode"] == 0o640).all()
    assert (index.samples["mtime_s"] == 1234567890).all()
    assert list(beton.column("image")["width"]) == [40 + n for n in range(12)]


def test_pngs_in_shards_become_pixels(tmp_path):
    picture = pictures.noise_picture(3, 500, 400)  # larger than a work unit when it is decoded
    out = io.BytesIO()
    picture.save(out, "PNG")
    write_shard(tmp_path / "0.tar", [{"a.png": out.getvalue()}, {"b.jpg": jpeg_bytes(1)}],
                tarfile.PAX_FORMAT)
    beton, index = imported(tmp_path / "0.tar", target=tmp_path / "out.beton")
    assert list(beton.column("image")["mode"]) == [1, 0]
    assert beton.payloads("image")[0] == numpy.asarray(picture).tobytes()
    assert list(index.samples["raw_view"]) == [2, 0]


@pytest.mark.parametrize("options", [("--shuffle", "3"), ("--page-size", "8192", "--align", "512"),
                                     ("--threads", "3", "--shuffle", "1", "--align", "8")],
                         ids=" ".join)
def test_layout_options_are_those_of_pack(tmp_path, options):
    samples = make_samples(0, 30)
    write_shard(tmp_path / "0.tar", samples, tarfile.PAX_FORMAT)
    report = json.loads(run("import", tmp_path / "0.tar", tmp_path / "out.beton", "--json", *options)
                        .stdout)
    beton = numpy_reader.Beton(tmp_path / "out.beton")
    beton.assert_ffcv_rules()
    paths = numpy_reader.Index(beton).paths()
    assert report["num_samples"] == 30 and report["page_size_bytes"] == beton.page_size
    assert report["fields"] == ["image: image", "label: int", "json: json", "seg.bin: bytes"]
    by_name = {list(sample)[1].encode(): list(sample.values()) for sample in samples}
    assert sorted(paths) == sorted(by_name) and (paths != sorted(paths)) == ("--shuffle" in options)
    for field, value in (("image", 1), ("seg.bin", 3)):
        assert beton.payloads(field) == [by_name[path][value] for path in paths]
    assert list(beton.column("label")) == [int(by_name[path][0]) for path in paths]
    if "--align" in options:
        assert not (beton.table["ptr"] % int(options[options.index("--align") + 1])).any()
    done = run("import", tmp_path / "0.tar", tmp_path / "no.beton", "--page-size", "5000", status=2)
    assert "--page-size 5000 is not a power of two" in done.stderr


def test_a_sample_with_other_fields_is_named(tmp_path):
    samples = make_samples(0, 3)
    del samples[1]["n/000001.cls"]
    write_shard(tmp_path / "0.tar", samples, tarfile.PAX_FORMAT)
    done = run("import", tmp_path / "0.tar", tmp_path / "out.beton", status=2)
    assert "n/000001" in done.stderr and "'label'" in done.stderr
    assert not (tmp_path / "out.beton").exists()


def test_the_same_name_in_two_shards_is_refused(tmp_path):
    write_shard(tmp_path / "0.tar", make_samples(0, 2), tarfile.PAX_FORMAT)
    done = run("import", tmp_path / "0.tar", tmp_path / "0.tar", tmp_path / "out.beton", status=2)
    assert "n/000000.jpg" in done.stderr


def test_damaged_shards_are_refused(tmp_path):
    write_shard(tmp_path / "0.tar", make_samples(0, 2), tarfile.PAX_FORMAT)
    whole = (tmp_path / "0.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:2000])
    assert "cut.tar" in run("import", tmp_path / "cut.tar", tmp_path / "o", status=3).stderr
    (tmp_path / "zip.tar").write_bytes(b"\x1f\x8b" + whole)
    assert "compressed" in run("import", tmp_path / "zip.tar", tmp_path / "o", status=3).stderr


def write_pictures(folder, count):
    (folder / "sub dir").mkdir(parents=True)
    names = []
    for number in range(count):
        names.append(f"sub dir/{number}.jpg")
        (folder / names[-1]).write_bytes(jpeg_bytes(number))
    return names


def test_a_csv_manifest(tmp_path):
    names = write_pictures(tmp_path, 4)
    lines = ["file_name,label,score,caption,count"]
    captions = ["plain", 'with ""quotes"", and commas', "two\nlines", ""]
    for number, (name, caption) in enumerate(zip(names, captions)):
        lines.append(f'{name},{["dog", "cat"][number % 2]},{number}.5,"{caption}",{number}')
    (tmp_path / "list.csv").write_text("\r\n".join(lines) + "\r\n", newline="")
    beton, index = imported(tmp_path / "list.csv", target=tmp_path / "out.beton")
    assert [(f.name, f.type_id) for f in beton.fields] == [
        ("image", 2), ("label", 1), ("score", 0), ("caption", 5), ("count", 1)]
    assert list(beton.column("label")) == [1, 0, 1, 0]
    assert list(beton.column("score")) == [0.5, 1.5, 2.5, 3.5]
    assert list(beton.column("count")) == [0, 1, 2, 3]
    assert [json.loads(p[:-1]) for p in beton.payloads("caption")] == [
        c.replace('""', '"') for c in captions]
    assert index.paths() == [name.encode() for name in names]
    assert beton.payloads("image") == [(tmp_path / name).read_bytes() for name in names]


def test_a_jsonl_manifest(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"a" * 3_000_000)
    (tmp_path / "b.bin").write_bytes(b"")
    rows = [{"file_name": "b.bin", "label": -3, "box": [1, 2.5], "weight": 1},
            {"file_name": "a.bin", "label": 7, "weight": 0.25, "extra": {"x": "\u4e2d"}}]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    beton, index = imported(tmp_path / "list.jsonl", target=tmp_path / "out.beton")
    assert [(f.name, f.type_id) for f in beton.fields] == [
        ("data", 3), ("label", 1), ("box", 5), ("weight", 0), ("extra", 5)]
    assert beton.payloads("data") == [b"", b"a" * 3_000_000]
    assert list(beton.column("label")) == [-3, 7]
    assert [json.loads(p[:-1]) for p in beton.payloads("box")] == [[1, 2.5], None]
    assert [json.loads(p[:-1]) for p in beton.payloads("extra")] == [None, {"x": "\u4e2d"}]
    assert index.paths() == [b"b.bin", b"a.bin"]


@pytest.mark.parametrize("manifest, complaint, status", [
    ("file_name,label\nmissing.jpg,1\n", "missing.jpg", 4),
    ("file_name,label\nsub dir/0.jpg\n", "record 1", 2),
    ("name,label\nsub dir/0.jpg,1\n", "no file_name", 2),
    ("file_name\nsub dir/../sub dir/0.jpg\n", "cannot be a name", 2)])
def test_bad_manifests_are_refused(tmp_path, manifest, complaint, status):
    write_pictures(tmp_path, 1)
    (tmp_path / "list.csv").write_text(manifest)
    assert complaint in run("import", tmp_path / "list.csv", tmp_path / "o", status=status).stderr

// Writes the first inputs of every fuzz target: make_seeds CORPUS_FOLDER.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/support/beton_builder.h"
#include "tests/support/pictures.h"
#include "tests/support/staging.h"
#include "tests/support/tar_file.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace betonfs;
using test::BetonBuilder;
namespace fs = std::filesystem;

void Write(const fs::path& folder, const std::string& name, const std::string& bytes) {
  fs::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary) << bytes;
}

BetonBuilder Jpegs() {
  BetonBuilder builder;
  builder.Field(FieldType::kRgbImage, "image");
  for (const int components : {1, 3, 4}) {
    builder.Sample({test::Jpeg(test::MakeJpeg(8, 8, components), 8, 8)});
  }
  return builder;
}

BetonBuilder Arrays() {
  BetonBuilder builder;
  builder
      .Field(FieldType::kNdArray, "structured", {1, 0, 2}, R"([["x", "<f4"], ["y", ">i2", [3]]])")
      .Field(FieldType::kTorchTensor, "tensor", {2}, R"([["", "<f8"]])")
      .Field(FieldType::kCustom, "own", {4}, R"([["", "|u1"]])");
  builder.Sample({test::Blob(""), test::Blob(std::string(16, 't')), test::Blob("1234")});
  return builder;
}

BetonBuilder ZeroLengths() {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "b").ZeroLengths(BetonBuilder::ZeroLength::kFfcv);
  for (const char* bytes : {"", "one", "", "two"}) builder.Sample({test::Blob(bytes)});
  return builder;
}

BetonBuilder Scalars() {
  BetonBuilder builder;
  builder.Field(FieldType::kInt, "i").Field(FieldType::kFloat, "f");
  return builder.Sample({test::Int(-1), test::Float(0.1)});
}

void WriteFiles(const fs::path& corpus) {
  using Order = BetonBuilder::TableOrder;
  const std::pair<const char*, std::string> plain[] = {
      {"mixed", test::MixedBeton().Build()},
      {"shuffled", test::MixedBeton().Order(Order::kShuffled).Build()},
      {"jpegs", Jpegs().Build()},
      {"arrays", Arrays().Build()},
      {"zero_lengths", ZeroLengths().Build()},
      {"scalars", Scalars().Build()},
      {"no_samples", BetonBuilder().Field(FieldType::kInt, "x").Build()},
  };
  const std::pair<const char*, std::string> ours[] = {
      {"named", test::NamedBeton().Build()},
      {"named_mixed", test::MixedBeton().Paths({"x/1", "x/2", "y"}).Build()},
      {"named_jpegs", Jpegs().Paths({"deep/er/and/deeper/a", "b", "c"}).Build()},
      {"named_scalars", Scalars().Paths({"only"}).Build()},
  };
  for (const auto& [name, bytes] : plain) {
    Write(corpus / "header", name, bytes);
    Write(corpus / "file", name, bytes);
  }
  for (const auto& [name, bytes] : ours) {
    Write(corpus / "index", name, bytes);
    Write(corpus / "file", name, bytes);
  }
}

void WriteTables(const fs::path& corpus) {
  const auto table = [](char num_samples, char num_payloads, std::vector<RawTableRow> rows) {
    std::string out{num_samples, static_cast<char>(num_payloads - 1)};
    return out.append(reinterpret_cast<const char*>(rows.data()),
                      rows.size() * sizeof(RawTableRow));
  };
  Write(corpus / "table", "sorted", table(2, 2, {{0, 10, 1}, {0, 11, 2}, {1, 13, 3}, {1, 16, 4}}));
  Write(corpus / "table", "reversed", table(3, 1, {{2, 30, 3}, {1, 20, 2}, {0, 10, 1}}));
  Write(corpus / "table", "shared", table(2, 2, {{1, 15, 0}, {1, 15, 7}, {0, 10, 0}, {0, 10, 5}}));
  Write(corpus / "table", "foreign", table(1, 1, {{~uint64_t{0}, 99, 9}, {0, 10, 1}}));
  Write(corpus / "table", "empty", table(0, 1, {}));
}

void WriteViews(const fs::path& corpus) {
  size_t number = 0;
  for (const char* descr :
       {R"([["", "<f4"]])", R"([["", "|S5"]])", R"([["", "<M8[25s]"]])", R"([["", "float32"]])",
        R"([["x", "<f4"], ["y", "|u1", [3, 4]]])",
        R"([["a", [["b", "<i8"]], [2]], [["t", "n"], "<U3"]])", R"([["it's \\ \u20ac", "|V7"]])"}) {
    Write(corpus / "views", "dtype_" + std::to_string(number++), std::string(1, '\0') + descr);
  }
  Write(corpus / "views", "image_empty", std::string("\1\0\0x", 4));
  Write(corpus / "views", "image_odd", "\1\3\5rgb");
  Write(corpus / "views", "image_large", "\1\xff\xff\x80");
}

void WriteJournals(const fs::path& corpus) {
  const test::TempDir dir;
  {
    test::Stage stage(dir / "f.beton", nullptr, kMinPageSizeBytes);
    stage.Put("a/b/one", std::string(3000, '1'));
    stage.Put("a/two", "2");
    stage.Put("three", "3");
    stage.Remove("a/two");
    auto& area = stage.area();
    (void)area.Rename(kStageRoot, "three", stage.Find("a"), "moved", true);
    (void)area.MakeSymlink(kStageRoot, "link", "a/moved");
    (void)area.Link(stage.Find("a/moved"), kStageRoot, "hard");
    (void)area.SyncAll();
    Write(corpus / "journal", "tree", test::ReadFile(dir / "f.beton.stage/journal.1"));
  }
  const test::TempDir empty;
  test::Stage stage(empty / "f.beton", nullptr, kMinPageSizeBytes);
  (void)stage.area().SyncAll();
  Write(corpus / "journal", "empty", test::ReadFile(empty / "f.beton.stage/journal.1"));
}

void WritePictures(const fs::path& corpus) {
  const fs::path folder = corpus / "pictures";
  for (const int components : {1, 3, 4}) {
    Write(folder, "jpeg_" + std::to_string(components), test::MakeJpeg(8, 8, components));
  }
  Write(folder, "jpeg_padded", test::MakeJpeg(8, 8, 3, 1, 300));
  using Color = test::PngColor;
  for (const Color color : {Color::kGrey1, Color::kGreyAlpha, Color::kPalette, Color::kRgb16}) {
    Write(folder, "png_" + std::to_string(static_cast<int>(color)), test::MakePng(5, 3, color));
  }
  Write(folder, "png_interlaced", test::MakePng(9, 9, Color::kRgba, 1, true));
}

void WriteTars(const fs::path& corpus) {
  using test::TarFile;
  Write(corpus / "tar", "sample",
        TarFile()
            .Add("d/1.jpg", test::MakeJpeg(8, 8))
            .Add("d/1.cls", "3\n")
            .Add("d/1.json", "{}")
            .Build());
  Write(corpus / "tar", "names",
        TarFile()
            .Add("././@LongLink", std::string(120, 'n') + ".txt", 'L')
            .Add("n", "gnu")
            .Pax("path", "p.txt")
            .Pax("size", "3")
            .Pax("mtime", "1.5")
            .Add("x", "pax")
            .Add("base.txt", "ustar")
            .Poke(345, "folder")
            .Add("dir/", "", '5')
            .Build());
  Write(corpus / "tar", "empty", TarFile().Build());
}

void WriteManifests(const fs::path& corpus) {
  const std::string csv(1, '\0'), json_lines(1, '\1');
  const fs::path folder = corpus / "manifest";
  Write(folder, "csv",
        csv + "file_name,label,n,x,t\na,dog,1,0.5,\"a, \"\"b\"\"\n\"\nb.jpg,cat,-2,1e9,\n");
  Write(folder, "bom",
        csv +
            "\xef\xbb\xbf"
            "file_name\r\na\r\n");
  Write(folder, "json",
        json_lines +
            "{\"file_name\": \"a\", \"label\": 1, \"box\": [1, {\"y\": null}]}\n"
            "{\"file_name\": \"b.jpg\", \"label\": \"\\u00e4\", \"w\": 0.5}\n");
}

void WriteOptions(const fs::path& corpus) {
  const fs::path folder = corpus / "options";
  Write(folder, "fstab", "rw,suid,dev,exec,auto,nouser,async,x-systemd.automount,comment=a\\,b");
  Write(folder, "tree", "tree=samples,field=a\\,b,label=l,raw=png,shards=dirs,classes_unsorted");
  Write(folder, "numbers",
        "threads=4,readahead=2M,max_read=128K,push=page,push_budget=1G,verify=read");
  Write(folder, "rest",
        "allow_other,auto_unmount,nonempty,debug,fsname=x,subtype=y,sandbox=off,context=z");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds CORPUS_FOLDER\n");
    return 2;
  }
  WriteFiles(argv[1]);
  WriteTables(argv[1]);
  WriteViews(argv[1]);
  WriteJournals(argv[1]);
  WritePictures(argv[1]);
  WriteTars(argv[1]);
  WriteManifests(argv[1]);
  WriteOptions(argv[1]);
  return 0;
}

#include "tests/support/tree_of.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fs/control_files.h"
#include "fs/manifests.h"

namespace betonfs::test {

TreeOf::TreeOf(const std::vector<std::string>& betons, const TreeOptions& options) {
  std::vector<std::string> paths;
  for (const std::string& beton : betons) {
    paths.push_back(dir_.Write("file" + std::to_string(paths.size()) + ".beton", beton));
  }
  auto shards = Shards::Open(paths);
  if (!shards) {
    error_ = shards.error().message;
    return;
  }
  shards_ = std::move(*shards);
  auto tree = Tree::Make(*shards_, options);
  if (tree) {
    tree_ = std::move(*tree);
  } else {
    error_ = tree.error().message;
  }
}

std::vector<std::string> TreeOf::Paths() const {
  std::vector<std::string> paths;
  Walk(Ino::Root(), "", paths);
  return paths;
}

Ino TreeOf::Find(std::string_view path) const {
  Ino ino = Ino::Root();
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const auto found = tree_->Lookup(ino, path.substr(0, slash));
    if (!found || !*found) return Ino(0);
    ino = **found;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return ino;
}

std::string TreeOf::Contents(std::string_view path) const {
  const Ino ino = Find(path);
  if (ino == Ino(0)) return "no such file";
  const auto contents = tree_->Contents(ino);
  if (!contents) return contents.error().message;
  return std::string(AsText(contents->header())) + std::string(AsText(contents->payload()));
}

std::string TreeOf::Document(std::string_view name, size_t part) const {
  ControlFiles control(*tree_);
  AddManifests(control, *tree_);
  const auto found = control.Lookup(ControlFiles::Directory(), name);
  if (!found || !*found) return "no such document";
  std::string text;
  while (text.size() < (*found)->attributes.size_bytes) {
    text += *control.Read((*found)->ino, text.size(), part);
  }
  EXPECT_EQ(text, *control.Read((*found)->ino, 0, 1 << 20));
  return text;
}

void TreeOf::Walk(Ino directory, const std::string& prefix, std::vector<std::string>& paths) const {
  uint64_t cursor = 0;
  for (bool more = true; more;) {  // one entry a time, so that cursors are tested too
    more = false;
    std::string path;
    Ino child(0);
    ASSERT_TRUE(tree_->List(directory, cursor, [&](std::string_view name, Ino ino, uint64_t next) {
      if (more) return false;
      more = true;
      cursor = next;
      child = ino;
      path = prefix + std::string(name);
      const auto found = tree_->Lookup(directory, name);
      EXPECT_TRUE(found && *found && **found == ino) << path;
      return true;
    }));
    if (!more) return;
    EXPECT_TRUE(tree_->AttributesOf(child)) << path;
    if (child.is_file()) {
      EXPECT_EQ(*tree_->PathOf(child), path);
      EXPECT_EQ(tree_->AttributesOf(child)->size_bytes, tree_->Contents(child)->size_bytes());
      paths.push_back(path);
    } else {
      EXPECT_EQ(*tree_->ParentOf(child), directory) << path;
      Walk(child, path + "/", paths);
    }
  }
}

TreeOptions Of(TreeKind kind) {
  TreeOptions options;
  options.kind = kind;
  return options;
}

BetonBuilder Labelled(const std::vector<int64_t>& labels) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data").Field(FieldType::kInt, "label");
  for (size_t i = 0; i < labels.size(); ++i) {
    builder.Sample({Blob("sample " + std::to_string(i)), Int(labels[i])});
  }
  return builder;
}

BetonBuilder Named(const std::vector<std::string>& paths) {
  BetonBuilder builder;
  builder.Field(FieldType::kBytes, "data").Paths(paths);
  for (const std::string& path : paths) builder.Sample({Blob("contents of " + path)});
  return builder;
}

}  // namespace betonfs::test

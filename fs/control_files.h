// The hidden directory `.betonfs`: reachable by name, never listed by the root.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "fs/document.h"
#include "fs/tree.h"

namespace betonfs {

inline constexpr char kControlDirectory[] = ".betonfs";

// There is no OPEN on this mount (no_open holds for the whole connection), hence no state per
// opened file: a document's size must be exact when its name is looked up and its bytes must stay
// until the last reader is done.  So
//   a lasting document   is made at the first lookup of its name and kept;
//   a changing document  is made anew at every lookup, under an inode number of its own, with an
//                        entry the kernel may not keep; it lives until the kernel forgets it.
//
// Registration comes before the mount, by one thread; everything else from any thread.
class ControlFiles {
 public:
  using Maker = std::function<Result<std::shared_ptr<const Document>>()>;
  // nullptr: there is no such name.
  using NamedMaker = std::function<Result<std::shared_ptr<const Document>>(std::string_view name)>;

  // `tree` names the targets of by-index/<n>; borrowed.
  explicit ControlFiles(const Tree& tree);

  void AddLasting(std::string name, Maker make);
  void AddChanging(std::string name, Maker make);
  // A directory whose names are understood by `make` and never listed.  Its documents are changing
  // ones.
  void AddDirectory(std::string name, NamedMaker make);

  static constexpr Ino Directory() { return Ino::Control(0); }

  struct Found {
    Ino ino;
    Attributes attributes;
    bool lasting;  // the kernel may keep the entry
  };
  // nullopt: no such name.  Errors of all below: those of the makers; kNotFound  no such inode.
  Result<std::optional<Found>> Lookup(Ino directory, std::string_view name);
  void Forget(Ino ino, uint64_t num_lookups);
  Result<Attributes> AttributesOf(Ino ino) const;
  Result<std::string> Read(Ino ino, uint64_t offset, size_t size) const;
  Result<std::string> Readlink(Ino ino) const;
  // Makes no document.
  Status List(Ino directory, uint64_t cursor, const EntrySink& sink) const;

 private:
  struct Registered {
    std::string name;
    bool changing;
    Maker make;
    std::shared_ptr<const Document> document;  // of a lasting one, once made; under `mutex`
    std::unique_ptr<std::mutex> mutex = std::make_unique<std::mutex>();
  };
  struct NamedDirectory {
    std::string name;
    NamedMaker make;
  };
  struct Snapshot {
    std::shared_ptr<const Document> document;
    uint64_t num_lookups = 0;
    int64_t made_s = 0;
  };

  Result<std::optional<Found>> LookupTop(std::string_view name);
  Result<std::optional<Found>> LookupLink(std::string_view name) const;
  Result<Found> MakeLasting(size_t which);
  Found AddSnapshot(std::shared_ptr<const Document> document);
  Result<std::shared_ptr<const Document>> DocumentOf(Ino ino) const;
  Attributes DirectoryAttributes() const;
  Attributes LastingAttributes(const Document& document) const;

  const Tree& tree_;
  std::vector<Registered> documents_;
  std::vector<NamedDirectory> directories_;
  mutable std::mutex mutex_;  // of what follows
  std::map<uint64_t, Snapshot> snapshots_;
  uint64_t last_snapshot_ = 0;
};

}  // namespace betonfs

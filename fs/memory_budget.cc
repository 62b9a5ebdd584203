#include "fs/memory_budget.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

namespace betonfs {
namespace {

std::optional<uint64_t> Number(const std::string& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;  // "max" among others
  return value;
}

std::optional<uint64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word)) return std::nullopt;
  return Number(word);
}

// "key value" or "key: value kB" per line.
std::map<std::string, uint64_t> ReadTable(const std::string& path) {
  std::map<std::string, uint64_t> table;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key, unit;
    uint64_t value = 0;
    if (!(words >> key >> value)) continue;
    if (key.back() == ':') key.pop_back();
    if (words >> unit && unit == "kB") value *= 1024;
    table[key] = value;
  }
  return table;
}

// mountinfo writes space, tab, newline and backslash as \040 and the like.
std::string Unescape(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool ListHas(const std::string& comma_separated, const std::string& wanted) {
  std::istringstream list(comma_separated);
  for (std::string item; std::getline(list, item, ',');) {
    if (item == wanted) return true;
  }
  return false;
}

// What one cgroup allows; nullopt if it has no limit.
struct GroupMemory {
  uint64_t limit = 0, used = 0, cache = 0;
};

std::optional<GroupMemory> ReadVersion2(const std::string& dir) {
  const auto max = ReadNumber(dir + "/memory.max");
  const auto high = ReadNumber(dir + "/memory.high");  // beyond it writers are slowed to a crawl
  const auto used = ReadNumber(dir + "/memory.current");
  if ((!max && !high) || !used) return std::nullopt;
  auto stat = ReadTable(dir + "/memory.stat");
  return GroupMemory{std::min(max.value_or(UINT64_MAX), high.value_or(UINT64_MAX)), *used,
                     stat["inactive_file"] + stat["active_file"]};
}

std::optional<GroupMemory> ReadVersion1(const std::string& dir) {
  const auto limit = ReadNumber(dir + "/memory.limit_in_bytes");
  const auto used = ReadNumber(dir + "/memory.usage_in_bytes");
  if (!limit || !used || *limit >= uint64_t{1} << 62) return std::nullopt;  // LONG_MAX: none
  auto stat = ReadTable(dir + "/memory.stat");
  return GroupMemory{*limit, *used, stat["total_inactive_file"] + stat["total_active_file"]};
}

std::string Parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

MemoryBudget::MemoryBudget(std::string root) : root_(std::move(root)) {
  std::ifstream mounts(root_ + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    // id parent major:minor ROOT MOUNT_POINT options... - TYPE source SUPER_OPTIONS
    std::istringstream words(line);
    std::string skipped, mounted_root, mount_point, type, super_options;
    words >> skipped >> skipped >> skipped >> mounted_root >> mount_point;
    while (words >> skipped && skipped != "-") {
    }
    words >> type >> skipped >> super_options;
    if (type == "cgroup2" || (type == "cgroup" && ListHas(super_options, "memory"))) {
      hierarchies_.push_back({type == "cgroup2", Unescape(mounted_root), Unescape(mount_point)});
    }
  }
}

MemoryState MemoryBudget::Read() const {
  auto meminfo = ReadTable(root_ + "/proc/meminfo");
  MemoryState state;
  state.cache_bytes = meminfo["MemAvailable"];
  state.free_bytes = std::min(meminfo["MemFree"], state.cache_bytes);
  std::ifstream groups(root_ + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // id:controllers:/path
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    for (const Hierarchy& hierarchy : hierarchies_) {
      const bool ours = hierarchy.version_2 ? controllers.empty() : ListHas(controllers, "memory");
      if (ours) Bound(hierarchy, line.substr(second + 1), state);
    }
  }
  return state;
}

// Climbs from `cgroup` to the root of the mount, which is as far as this process can see.
void MemoryBudget::Bound(const Hierarchy& hierarchy, const std::string& cgroup,
                         MemoryState& state) const {
  std::string below = cgroup == "/" ? "" : cgroup;
  if (hierarchy.mounted_root != "/" && below.starts_with(hierarchy.mounted_root)) {
    below.erase(0, hierarchy.mounted_root.size());
  }
  while (true) {
    const std::string dir = root_ + hierarchy.mount_point + below;
    const auto group = hierarchy.version_2 ? ReadVersion2(dir) : ReadVersion1(dir);
    if (group) {
      const uint64_t free = group->limit - std::min(group->limit, group->used);
      state.free_bytes = std::min(state.free_bytes, free);
      if (free + group->cache < state.cache_bytes) {
        state.cache_bytes = free + group->cache;
        state.bounded_by = below.empty() ? "/" : below;
      }
    }
    if (below.empty()) return;
    below = Parent(below);
  }
}

}  // namespace betonfs

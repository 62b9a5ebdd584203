// What a commit did, in words and as JSON.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/escape_name.h"
#include "core/staging_commit.h"
#include "core/text.h"

namespace betonfs {
namespace {

constexpr size_t kMaxNamed = 20;  // in the text; the JSON has all

// Names and the like may be any bytes: what is not UTF-8 is replaced.
std::string Dump(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string Percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", share * 100);
  return text;
}

template <class Items, class Line>
void AppendNamed(std::string& out, const std::string& title, const Items& items, Line line) {
  if (items.empty()) return;
  out += Cat(title, ": ", items.size(), "\n");
  for (size_t i = 0; i < items.size() && i < kMaxNamed; ++i) {
    out += Cat("  ", line(items[i]), "\n");
  }
  if (items.size() > kMaxNamed) out += Cat("  and ", items.size() - kMaxNamed, " more\n");
}

const char* LinkKind(const PlannedLink& link) {
  return link.kind == PlannedLink::Kind::kSymlink ? "symlink" : "hard link";
}

// Throws nlohmann's exception where a value is of another type than ToJson() writes.
CommitReport ReportOf(const nlohmann::json& json) {
  CommitReport report;
  report.dry_run = json.value("dry_run", false);
  report.beton_path = json.value("path", "");
  report.num_samples = json.value("samples", uint64_t{0});
  report.payload_bytes = json.value("payload_bytes", uint64_t{0});
  report.file_size_bytes = json.value("file_size_bytes", uint64_t{0});
  report.schema = json.value("field", "");
  report.classes = json.value("classes", std::vector<std::string>());
  report.page_size_bytes = json.value("page_size_bytes", uint64_t{0});
  report.num_pages = json.value("pages", uint64_t{0});
  report.rewritten = json.value("rewritten", false);
  report.dead_bytes = json.value("dead_bytes", uint64_t{0});
  report.moved_bytes = json.value("moved_bytes", uint64_t{0});
  report.carried_bytes = json.value("carried_bytes", uint64_t{0});
  report.carried_by_reflink = json.value("carried_by", "") == "reflink";
  report.oversize = json.value("oversize", std::vector<std::string>());
  report.warnings = json.value("warnings", std::vector<std::string>());
  report.seconds = json.value("seconds", 0.0);
  for (const auto& skip : json.value("skipped", nlohmann::json::array())) {
    report.skipped.push_back({skip.value("path", ""), skip.value("reason", "")});
  }
  for (const auto& link : json.value("links", nlohmann::json::array())) {
    const bool is_symlink = link.value("kind", "") == "symlink";
    report.links.push_back({link.value("path", ""), link.value("target", ""),
                            is_symlink ? PlannedLink::Kind::kSymlink : PlannedLink::Kind::kHardLink,
                            link.value("followed", true)});
  }
  return report;
}

}  // namespace

std::string CommitReport::ToText() const {
  char seconds_text[32];
  std::snprintf(seconds_text, sizeof seconds_text, "%.2f", seconds);
  std::string out = dry_run
                        ? Cat("would commit ", EscapeName(beton_path), "\n")
                        : Cat("committed ", EscapeName(beton_path), " in ", seconds_text, " s\n");
  out += Cat("samples: ", num_samples, " (field '", schema, "'), ", payload_bytes, " bytes\n");
  if (!classes.empty()) out += Cat("classes: ", classes.size(), "\n");
  if (!dry_run) {
    out += Cat("pages: ", num_pages, " of ", page_size_bytes, " bytes, ", Percent(fill()),
               " full; file size ", file_size_bytes, "\n");
  }
  if (rewritten) {
    out += Cat(dry_run ? "would rewrite" : "rewrote", " all pages\n");
  } else if (carried_bytes > 0) {
    out += Cat("carried over: ", carried_bytes, " bytes by ",
               carried_by_reflink ? "reflink" : "copying", "\n");
  }
  if (dead_bytes > 0) {
    out += Cat("dead: ", dead_bytes, " bytes of overwritten or removed files",
               rewritten ? ", left behind\n" : ", now holes\n");
  }
  AppendNamed(out, "skipped", skipped,
              [](auto& skip) { return Cat(EscapeName(skip.path), " (", skip.reason, ")"); });
  AppendNamed(out, "links", links, [](const PlannedLink& link) {
    return Cat(EscapeName(link.path), " -> ", EscapeName(link.target), " (", LinkKind(link),
               link.followed ? ", stored as a copy)" : ", left out: leads to no file in the tree)");
  });
  AppendNamed(out, "larger than a page, FFCV needs os_cache=True", oversize,
              [](const std::string& path) { return EscapeName(path); });
  for (const std::string& warning : warnings) out += Cat("warning: ", warning, "\n");
  return out;
}

std::string CommitReport::ToJson() const {
  nlohmann::json json = {{"dry_run", dry_run},
                         {"path", beton_path},
                         {"samples", num_samples},
                         {"payload_bytes", payload_bytes},
                         {"file_size_bytes", file_size_bytes},
                         {"field", schema},
                         {"classes", classes},
                         {"page_size_bytes", page_size_bytes},
                         {"pages", num_pages},
                         {"fill", fill()},
                         {"rewritten", rewritten},
                         {"dead_bytes", dead_bytes},
                         {"moved_bytes", moved_bytes},
                         {"carried_bytes", carried_bytes},
                         {"carried_by", carried_bytes == 0   ? "nothing"
                                        : carried_by_reflink ? "reflink"
                                                             : "copy"},
                         {"oversize", oversize},
                         {"warnings", warnings},
                         {"seconds", seconds}};
  json["skipped"] = nlohmann::json::array();
  for (const PlannedSkip& skip : skipped) {
    json["skipped"].push_back({{"path", skip.path}, {"reason", skip.reason}});
  }
  json["links"] = nlohmann::json::array();
  for (const PlannedLink& link : links) {
    json["links"].push_back({{"path", link.path},
                             {"target", link.target},
                             {"kind", LinkKind(link)},
                             {"followed", link.followed}});
  }
  return Dump(json);
}

Result<CommitReport> CommitReport::FromJson(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("samples")) {
    return Fail(ErrorKind::kCorrupt, "not the report of a commit");
  }
  try {
    return ReportOf(json);
  } catch (const nlohmann::json::exception& error) {
    return Fail(ErrorKind::kCorrupt, Cat("not the report of a commit: ", error.what()));
  }
}

}  // namespace betonfs

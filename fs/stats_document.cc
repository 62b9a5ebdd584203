#include "fs/stats_document.h"

#include <fuse_lowlevel.h>
#include <sys/resource.h>

#include <cinttypes>
#include <cstdio>

namespace betonfs {
namespace {

constexpr double kPercentiles[] = {0.5, 0.9, 0.99};

template <class... Args>
std::string Format(const char* format, Args... args) {
  char line[512];
  const int size = std::snprintf(line, sizeof line, format, args...);
  return {line, static_cast<size_t>(std::min<int>(size, sizeof line - 1))};
}

// The counters that are plain numbers, under the name both formats use.
struct Figure {
  const char* name;
  const char* type;  // of Prometheus
  const char* help;
  uint64_t value;
};

std::vector<Figure> PushNumbers(const PushCounters& p) {
  return {
      {"push_units_total", "counter", "Units pushed into the kernel's cache", p.units_pushed},
      {"push_files_total", "counter", "Files pushed", p.files_pushed},
      {"push_bytes_total", "counter", "Bytes pushed", p.bytes_pushed},
      {"push_reads_avoided_at_most", "gauge", "Upper bound of READs that pushing made unnecessary",
       p.MostReadsAvoided()},
      {"push_reads_after_push_total", "counter", "READs for files that were pushed and evicted",
       p.reads_after_push},
      {"push_canary_reads_total", "counter", "READs for files left unpushed on purpose",
       p.canary_reads},
      {"push_units_used_total", "counter", "Units whose canaries were read", p.units_used},
      {"push_units_wasted_total", "counter", "Units evicted before they were used", p.units_wasted},
      {"push_units_skipped_total", "counter", "Units of which the kernel knew too few inodes",
       p.units_skipped},
      {"push_units_read_ahead_total", "counter", "Units read from disk ahead of need",
       p.units_read_ahead},
      {"push_offers_dropped_total", "counter", "Units not queued because the queue was busy",
       p.offers_dropped},
      {"push_offers_refused_total", "counter", "Units not pushed for want of budget",
       p.offers_refused},
      {"push_unknown_inodes_total", "counter", "Pushes for inodes the kernel had forgotten",
       p.files_unknown},
      {"push_failed_total", "counter", "Pushes that failed for other reasons", p.stores_failed},
      {"push_released_bytes_total", "counter", "Bytes of the store's own cache given back",
       p.bytes_released},
      {"push_outstanding_bytes", "gauge", "Pushed and not known to be used", p.outstanding_bytes},
      {"push_budget_bytes", "gauge", "What may be pushed ahead of use", p.budget_bytes},
      {"push_allowed_bytes", "gauge", "The same after backing off from waste", p.allowed_bytes},
      {"memory_cache_bytes", "gauge", "Most that page cache can grow to", p.memory_cache_bytes},
  };
}

std::vector<Figure> FaultNumbers(const FaultCounters& f) {
  return {
      {"pages_lost_total", "counter", "Pages of the files that could not be read", f.pages_lost},
      {"checks_failed_total", "counter", "Contents that failed their checksum", f.checks_failed},
      {"files_truncated", "gauge", "Mounted files that became shorter", f.files_truncated},
      {"files_modified", "gauge", "Mounted files that were written to", f.files_modified},
      {"files_replaced", "gauge", "Mounted files whose path names another", f.files_replaced},
      {"files_removed", "gauge", "Mounted files whose path names nothing", f.files_removed},
  };
}

std::vector<Figure> Numbers(const StatsSnapshot& stats) {
  std::vector<Figure> numbers = PushNumbers(stats.push);
  for (const Figure& number : FaultNumbers(stats.faults)) numbers.push_back(number);
  return numbers;
}

uint64_t ResidentAnonymousBytes() {
  uint64_t kib = 0;
  if (FILE* status = std::fopen("/proc/self/status", "re")) {
    char line[256];
    while (std::fgets(line, sizeof line, status)) {
      if (std::sscanf(line, "RssAnon: %" SCNu64, &kib) == 1) break;
    }
    std::fclose(status);
  }
  return kib * 1024;
}

// In label values.
std::string Escape(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    c == '\n' ? escaped += "\\n" : escaped += c;
  }
  return escaped;
}

std::string OpLines(const OpStats& ops) {
  std::string text = "# requests: count, bytes, and at most so many microseconds for 50 90 99 %\n";
  for (size_t k = 0; k < kNumOpKinds; ++k) {
    const auto kind = static_cast<OpKind>(k);
    const auto totals = ops.Totals(kind);
    if (totals.count == 0) continue;
    text += Format("%-12s %12" PRIu64 " %16" PRIu64, OpName(kind), totals.count, totals.bytes);
    for (double p : kPercentiles) {
      text += Format(" %10.1f", static_cast<double>(totals.DurationPercentileNs(p)) / 1000);
    }
    text += "\n";
  }
  return text;
}

// As a Prometheus histogram, whose buckets are cumulative.
std::string OpHistogram(OpKind kind, const OpStats::Counters& totals) {
  std::string text;
  uint64_t below = 0;
  for (size_t b = 0; b < OpStats::kNumBuckets; ++b) {
    below += totals.duration_buckets[b];
    if (b < 10 || b > 34) continue;  // 1 us to 17 s
    text += Format("betonfs_request_seconds_bucket{op=\"%s\",le=\"%.9g\"} %" PRIu64 "\n",
                   OpName(kind), static_cast<double>(uint64_t{1} << b) / 1e9, below);
  }
  text += Format("betonfs_request_seconds_bucket{op=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
                 OpName(kind), totals.count);
  text +=
      Format("betonfs_request_seconds_count{op=\"%s\"} %" PRIu64 "\n", OpName(kind), totals.count);
  return text;
}

}  // namespace

std::vector<Feature> KernelFeatures(uint32_t granted) {
  struct Wanted {
    const char* name;
    uint32_t flag;
    const char* without;
  };
  static constexpr Wanted kWanted[] = {
      {"no_open", FUSE_CAP_NO_OPEN_SUPPORT, "the kernel sends an OPEN for every file"},
      {"no_opendir", FUSE_CAP_NO_OPENDIR_SUPPORT, "the kernel sends an OPENDIR for every scan"},
      {"readdirplus", FUSE_CAP_READDIRPLUS, "the kernel sends a LOOKUP for every file"},
      {"parallel_dirops", FUSE_CAP_PARALLEL_DIROPS,
       "lookups in one directory wait for each other (libfuse asks for it from 3.16 on)"},
      {"async_read", FUSE_CAP_ASYNC_READ, "READs of one file wait for each other"},
      {"cache_symlinks", FUSE_CAP_CACHE_SYMLINKS, "links are read every time"},
  };
  std::vector<Feature> features;
  for (const Wanted& wanted : kWanted) {
    const bool has = (granted & wanted.flag) != 0;
    features.push_back({wanted.name, has, has ? "" : wanted.without});
  }
  return features;
}

std::string StatsText(const StatsSnapshot& stats) {
  std::string text = OpLines(*stats.ops);
  text += Format("\n# push=%s\n", PushModeName(stats.push_mode));
  if (!stats.push.off_reason.empty()) text += "push_off_because " + stats.push.off_reason + "\n";
  for (const Figure& number : Numbers(stats)) {
    text += Format("%-30s %" PRIu64 "\n", number.name, number.value);
  }
  text += Format("%-30s %s\n", "push_everything_fits", stats.push.everything_fits ? "yes" : "no");
  text += Format("%-30s ", "memory_bounded_by") + stats.push.memory_bounded_by + "\n";
  if (!stats.push.plan.empty()) {
    text += Format("%-30s ", "push_order") + stats.push.plan +
            Format(" reader at %" PRIu64 ", pushed up to %" PRIu64 "\n", stats.push.plan_position,
                   stats.push.plan_ahead);
  }
  text += Format("%-30s %" PRIu64 "\n", "rss_anon_bytes", ResidentAnonymousBytes());
  text += "\n# features\n";
  for (const Feature& feature : stats.features) {
    text += Format("%-30s %s", feature.name.c_str(), feature.granted ? "yes" : "no");
    text += feature.detail.empty() ? "\n" : ": " + feature.detail + "\n";
  }
  return text;
}

std::string StatsPrometheus(const StatsSnapshot& stats) {
  std::string text =
      "# HELP betonfs_request_seconds Time to answer a request\n"
      "# TYPE betonfs_request_seconds histogram\n";
  for (size_t k = 0; k < kNumOpKinds; ++k) {
    const auto kind = static_cast<OpKind>(k);
    const auto totals = stats.ops->Totals(kind);
    if (totals.count > 0) text += OpHistogram(kind, totals);
  }
  text +=
      "# HELP betonfs_request_bytes_total Bytes of data sent\n"
      "# TYPE betonfs_request_bytes_total counter\n";
  for (size_t k = 0; k < kNumOpKinds; ++k) {
    const auto kind = static_cast<OpKind>(k);
    const auto totals = stats.ops->Totals(kind);
    if (totals.bytes == 0) continue;
    text +=
        Format("betonfs_request_bytes_total{op=\"%s\"} %" PRIu64 "\n", OpName(kind), totals.bytes);
  }
  auto numbers = Numbers(stats);
  numbers.push_back(
      {"rss_anon_bytes", "gauge", "Memory that is the daemon's alone", ResidentAnonymousBytes()});
  for (const Figure& number : numbers) {
    text += Format("# HELP betonfs_%s %s\n# TYPE betonfs_%s %s\nbetonfs_%s %" PRIu64 "\n",
                   number.name, number.help, number.name, number.type, number.name, number.value);
  }
  text +=
      "# HELP betonfs_feature Whether the kernel granted it\n"
      "# TYPE betonfs_feature gauge\n";
  for (const Feature& feature : stats.features) {
    text += "betonfs_feature{name=\"" + Escape(feature.name) + "\",detail=\"" +
            Escape(feature.detail) + "\"} " + (feature.granted ? "1" : "0") + "\n";
  }
  return text;
}

}  // namespace betonfs

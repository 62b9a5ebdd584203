#include "tools/check_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/escape_name.h"
#include "tools/human.h"

namespace betonfs {
namespace {

using Json = nlohmann::ordered_json;

std::string Padded(const std::string& text, size_t width) {
  return text + std::string(width > text.size() ? width - text.size() : 1, ' ');
}

std::string FindingText(const Finding& finding) {
  std::string line = Padded(SeverityName(finding.severity), 9) + Padded(finding.kind, 15);
  if (finding.sample) line += "sample " + std::to_string(Number(*finding.sample)) + ": ";
  if (!finding.path.empty()) line += EscapeName(finding.path) + ": ";
  return line + finding.message + "\n";
}

std::string FindingsText(const std::vector<Finding>& findings, uint64_t num_findings) {
  std::string text;
  for (const Finding& finding : findings) text += FindingText(finding);
  if (num_findings > findings.size()) {
    text += "and " + HumanCount(num_findings - findings.size()) + " findings more\n";
  }
  return text;
}

Json FindingAsJson(const Finding& finding) {
  Json json{{"severity", SeverityName(finding.severity)}, {"kind", finding.kind}};
  if (finding.sample) json["sample"] = Number(*finding.sample);
  if (!finding.path.empty()) json["path"] = finding.path;
  json["message"] = finding.message;
  return json;
}

Json FindingsAsJson(const std::vector<Finding>& findings) {
  Json json = Json::array();
  for (const Finding& finding : findings) json.push_back(FindingAsJson(finding));
  return json;
}

Json VerdictAsJson(bool works, const std::string& why_not) {
  Json json{{"works", works}};
  if (!works) json["why_not"] = why_not;
  return json;
}

Json FfcvAsJson(const FfcvReport& report) {
  Json json{{"loads", report.loads}};
  if (!report.loads) json["why_not"] = report.why_not;
  json["fit"] = IsFitForFfcv(report);
  json["modes"] = Json::array();
  for (const FfcvMode& mode : report.modes) {
    Json one{{"os_cache", mode.os_cache}, {"order", FfcvOrderName(mode.order)}};
    one.update(VerdictAsJson(mode.works, mode.why_not));
    json["modes"].push_back(std::move(one));
  }
  json["fields"] = Json::array();
  for (const FfcvField& field : report.fields) {
    Json one{{"name", field.name}, {"decoder", field.decoder}};
    one.update(VerdictAsJson(field.works, field.why_not));
    json["fields"].push_back(std::move(one));
  }
  json["images"] = report.num_images;
  json["bad_images"] = report.num_bad_images;
  json["findings"] = FindingsAsJson(report.findings);
  json["num_findings"] = report.num_findings;
  return json;
}

std::string Verdict(bool works, const std::string& why_not) {
  return works ? "works\n" : "does not work: " + why_not + "\n";
}

}  // namespace

std::string CheckReportText(const std::string& path, const CheckReport& report) {
  std::string text = FindingsText(report.findings, report.num_findings);
  text += EscapeName(path) + ": " + HumanCount(report.num_samples) + " samples, ";
  text += report.has_checksums ? HumanBytes(report.num_payload_bytes) + " compared with checksums: "
                               : "structure only, the file has no checksums: ";
  if (report.num_damages == 0) return text + "no damage\n";
  return text + HumanCount(report.num_damages) + " damages, " +
         HumanCount(report.num_damaged_samples) + " samples damaged\n";
}

std::string FfcvReportText(const FfcvReport& report) {
  std::string text = FindingsText(report.findings, report.num_findings);
  if (!report.loads) return text + "FFCV does not load this file: " + report.why_not + "\n";
  text += "FFCV loads this file\n";
  for (const FfcvMode& mode : report.modes) {
    text += "  " + Padded(mode.os_cache ? "os_cache=True" : "os_cache=False", 16) +
            Padded(FfcvOrderName(mode.order), 14) + Verdict(mode.works, mode.why_not);
  }
  for (const FfcvField& field : report.fields) {
    text += "  field " + Padded(EscapeName(field.name), 16) + ' ' + Padded(field.decoder, 20) +
            Verdict(field.works, field.why_not);
  }
  if (report.num_images > 0) {
    text += "  images " + HumanCount(report.num_images) + " looked at, " +
            HumanCount(report.num_bad_images) + " that FFCV delivers wrong\n";
  }
  return text;
}

std::string CheckReportsAsJson(const std::string& path, const CheckReport& report,
                               const std::optional<FfcvReport>& ffcv) {
  Json json{{"file", path},
            {"check",
             {{"samples", report.num_samples},
              {"has_checksums", report.has_checksums},
              {"payload_bytes", report.num_payload_bytes},
              {"damages", report.num_damages},
              {"damaged_samples", report.num_damaged_samples},
              {"warnings", report.num_warnings},
              {"num_findings", report.num_findings},
              {"findings", FindingsAsJson(report.findings)}}}};
  if (ffcv) json["ffcv"] = FfcvAsJson(*ffcv);
  // Names come from anywhere; bytes that are no UTF-8 become U+FFFD instead of an exception.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool IsFitForFfcv(const FfcvReport& report) {
  const bool some_mode_works = std::any_of(report.modes.begin(), report.modes.end(),
                                           [](const FfcvMode& mode) { return mode.works; });
  return report.loads && some_mode_works && report.num_bad_images == 0;
}

}  // namespace betonfs

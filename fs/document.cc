#include "fs/document.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace betonfs {
namespace {

class Text : public Document {
 public:
  explicit Text(std::string text) : text_(std::move(text)) {}

  uint64_t size_bytes() const override { return text_.size(); }
  Result<std::string> Read(uint64_t offset, size_t size) const override {
    if (offset >= text_.size()) return std::string();
    return text_.substr(static_cast<size_t>(offset), size);
  }

 private:
  std::string text_;
};

class Lines : public Document {
 public:
  Lines(uint64_t num_lines, LineMaker line) : num_lines_(num_lines), line_(std::move(line)) {}

  // Makes every line once.
  Status Measure() {
    std::string text;
    for (uint64_t i = 0; i < num_lines_; ++i) {
      if (i % kStride == 0) marks_.push_back(size_bytes_);
      text.clear();
      RETURN_IF_ERROR(line_(i, text));
      size_bytes_ += text.size();
    }
    return {};
  }

  uint64_t size_bytes() const override { return size_bytes_; }

  Result<std::string> Read(uint64_t offset, size_t size) const override {
    if (offset >= size_bytes_) return std::string();
    const auto after = std::upper_bound(marks_.begin(), marks_.end(), offset);
    const auto mark = static_cast<uint64_t>(after - marks_.begin()) - 1;
    const uint64_t skip = offset - marks_[mark];
    std::string text;
    for (uint64_t i = mark * kStride; i < num_lines_ && text.size() < skip + size; ++i) {
      RETURN_IF_ERROR(line_(i, text));
    }
    return text.substr(std::min<uint64_t>(skip, text.size()), size);
  }

 private:
  static constexpr uint64_t kStride = 1024;

  uint64_t num_lines_;
  LineMaker line_;
  uint64_t size_bytes_ = 0;
  std::vector<uint64_t> marks_;  // offset of every kStride-th line
};

}  // namespace

std::shared_ptr<const Document> TextDocument(std::string text) {
  return std::make_shared<Text>(std::move(text));
}

Result<std::shared_ptr<const Document>> LineDocument(uint64_t num_lines, LineMaker line) {
  auto lines = std::make_shared<Lines>(num_lines, std::move(line));
  RETURN_IF_ERROR(lines->Measure());
  return lines;
}

}  // namespace betonfs

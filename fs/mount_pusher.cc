#include "fs/mount_pusher.h"

#include <algorithm>
#include <cerrno>

#include "fs/sigbus_guard.h"

namespace betonfs {
namespace {

constexpr std::string_view kOrderSuffix = ".txt";

int64_t StoreBytes(fuse_session* session, Ino ino, Bytes bytes) {
  fuse_bufvec buffer{};
  buffer.count = 1;
  buffer.buf[0].size = bytes.size();
  buffer.buf[0].mem = const_cast<std::byte*>(bytes.data());
  const int error =
      fuse_lowlevel_notify_store(session, ino.value(), 0, &buffer, FUSE_BUF_NO_SPLICE);
  return error != 0 ? error : static_cast<int64_t>(bytes.size());
}

// Header and payload in one piece, since a store takes no more.  (libfuse would put them together,
// but outside our guard: of a file that was cut short the kernel would get zeros.)
Result<std::vector<std::byte>> Joined(const FileContents& contents) {
  return ReadGuarded([&]() -> Result<std::vector<std::byte>> {
    std::vector<std::byte> joined(contents.size_bytes());
    const auto middle =
        std::copy(contents.header().begin(), contents.header().end(), joined.begin());
    std::copy(contents.payload().begin(), contents.payload().end(), middle);
    return joined;
  });
}

// Stores all of `contents` for `ino`; a payload alone goes to the kernel straight from the mapping.
int64_t StoreContents(fuse_session* session, Ino ino, const FileContents& contents) {
  if (contents.size_bytes() == 0) return 0;
  if (contents.header().empty()) return StoreBytes(session, ino, contents.payload());
  const auto joined = Joined(contents);
  return joined ? StoreBytes(session, ino, *joined) : -EIO;
}

// A list of sample numbers, and where in it the canaries stand.
class ListOrder {
 public:
  explicit ListOrder(std::vector<uint32_t> samples) : samples_(std::move(samples)) {
    for (uint32_t p = 0; p < samples_.size(); ++p) {
      if (IsCanary(SampleIndex{samples_[p]})) canaries_.emplace_back(samples_[p], p);
    }
    std::sort(canaries_.begin(), canaries_.end());
  }
  uint64_t size() const { return samples_.size(); }
  SampleIndex At(uint64_t position) const { return SampleIndex{samples_[position]}; }
  std::optional<uint64_t> PositionOf(SampleIndex sample) const {
    const auto wanted = std::pair<uint64_t, uint32_t>(Number(sample), 0);
    const auto found = std::lower_bound(canaries_.begin(), canaries_.end(), wanted);
    if (found == canaries_.end() || found->first != Number(sample)) return std::nullopt;
    return found->second;
  }

 private:
  std::vector<uint32_t> samples_;
  std::vector<std::pair<uint64_t, uint32_t>> canaries_;  // sample, position
};

// The order of the whole mount as one of its files sees it.
template <class Order>
PushPlan PlanFor(const Shard& shard, const std::string& name, std::shared_ptr<const Order> order) {
  const uint64_t first = shard.first_sample;
  const uint64_t count = shard.dataset->num_samples();
  PushPlan plan;
  plan.name = name;
  plan.size = order->size();
  plan.at = [order, first, count](uint64_t position) -> std::optional<SampleIndex> {
    const uint64_t sample = Number(order->At(position));
    if (sample < first || sample - first >= count) return std::nullopt;
    return SampleIndex{sample - first};
  };
  plan.position_of = [order, first](SampleIndex sample) {
    return order->PositionOf(SampleIndex{first + Number(sample)});
  };
  return plan;
}

}  // namespace

MountPusher::MountPusher(const Tree& tree, const PushOptions& options)
    : tree_(tree), options_(options) {
  const bool all_fields = tree.kind() == TreeKind::kSamples;
  // One more than there are fields, for the line of scalars.
  options_.files_per_sample =
      all_fields ? static_cast<uint32_t>(tree.shards().schema().fields().size()) + 1 : 1;
  options_.data_bytes = tree.shards().total_size_bytes();
}

MountPusher::~MountPusher() { Stop(); }

void MountPusher::Start(fuse_session* session) {
  session_ = session;
  for (const Shard& shard : tree_.shards().all()) {
    pushers_.push_back(
        std::make_unique<PagePusher>(*shard.dataset, memory_, options_,
                                     [this, &shard](uint64_t file) { return Store(shard, file); }));
  }
}

void MountPusher::Stop() {
  for (const auto& pusher : pushers_) pusher->Stop();
}

int64_t MountPusher::Store(const Shard& shard, uint64_t file) const {
  const SampleIndex sample{shard.first_sample + file / options_.files_per_sample};
  const uint64_t k = file % options_.files_per_sample;
  const Ino ino = options_.files_per_sample == 1 ? tree_.MainFile(sample)
                  : k + 1 == options_.files_per_sample
                      ? Ino::File(sample, kScalarsField)
                      : Ino::File(sample, static_cast<uint16_t>(k));
  const auto contents = tree_.Contents(ino);
  if (!contents) return -EIO;  // reading it will say why
  if (contents->size_bytes() > options_.max_unit_bytes) return -EFBIG;
  return StoreContents(session_, ino, *contents);
}

// The pusher that `file` belongs to and its number there; nullptr where there is none.  FORGET's
// numbers come from the kernel, unchecked.
std::pair<PagePusher*, uint64_t> MountPusher::Find(Ino file) const {
  if (pushers_.empty() || Number(file.sample()) >= tree_.shards().num_samples()) return {};
  const auto [shard, sample] = tree_.shards().Locate(file.sample());
  const uint64_t per_sample = options_.files_per_sample;
  const uint64_t k = std::min<uint64_t>(file.field(), per_sample - 1);
  return {pushers_[static_cast<size_t>(shard - tree_.shards().all().data())].get(),
          Number(sample) * per_sample + k};
}

void MountPusher::OnRead(Ino file, Extent payload) {
  if (const auto [pusher, number] = Find(file); pusher) pusher->OnRead(number, payload);
}

void MountPusher::OnReadAnswered(Ino file, Extent payload) {
  if (const auto [pusher, number] = Find(file); pusher) pusher->OnReadAnswered(payload);
}

void MountPusher::OnListed(Ino file) {
  if (const auto [pusher, number] = Find(file); pusher) pusher->OnListed(number);
}

void MountPusher::OnLookup(Ino file) {
  if (const auto [pusher, number] = Find(file); pusher) pusher->OnLookup(number);
}

void MountPusher::OnForgotten(Ino file) {
  if (const auto [pusher, number] = Find(file); pusher) pusher->OnForget(number);
}

Result<std::vector<uint64_t>> MountPusher::AllPageStarts() const {
  std::vector<uint64_t> all;
  for (const Shard& shard : tree_.shards().all()) {
    ASSIGN_OR_RETURN(const auto starts, ReadGuarded([&] { return PageStarts(*shard.dataset); }));
    if (!all.empty() && !starts.empty()) all.pop_back();  // the end of the one before
    for (uint64_t start : starts) all.push_back(shard.first_sample + start);
  }
  return all;
}

Result<std::shared_ptr<const Document>> MountPusher::Order(std::string_view name) {
  if (!name.ends_with(kOrderSuffix)) return nullptr;
  name.remove_suffix(kOrderSuffix.size());
  const auto spec = ParseOrderName(name);
  if (!spec) return nullptr;
  std::vector<uint64_t> page_starts;
  if (spec->kind == OrderKind::kQuasiRandom) {
    ASSIGN_OR_RETURN(page_starts, AllPageStarts());
  }
  ASSIGN_OR_RETURN(
      auto made, SamplingOrder::Make(*spec, tree_.shards().num_samples(), std::move(page_starts)));
  const auto order = std::make_shared<const SamplingOrder>(std::move(made));
  const LineMaker line = [this, order](uint64_t index, std::string& out) -> Status {
    ASSIGN_OR_RETURN(const auto path, tree_.PathOf(tree_.MainFile(order->At(index))));
    out += path;
    out += '\n';
    return {};
  };
  ASSIGN_OR_RETURN(auto document, LineDocument(order->size(), line));
  for (size_t i = 0; i < pushers_.size(); ++i) {
    pushers_[i]->Arm(PlanFor(tree_.shards().all()[i], std::string(name), order));
  }
  return document;
}

Status MountPusher::ArmList(std::vector<uint32_t> samples) {
  for (uint32_t sample : samples) {
    if (sample < tree_.shards().num_samples()) continue;
    return Fail(ErrorKind::kInvalidArgument, "order: sample " + std::to_string(sample) + " of " +
                                                 std::to_string(tree_.shards().num_samples()));
  }
  const auto order = std::make_shared<const ListOrder>(std::move(samples));
  for (size_t i = 0; i < pushers_.size(); ++i) {
    pushers_[i]->Arm(PlanFor(tree_.shards().all()[i], "list", order));
  }
  return {};
}

PushCounters MountPusher::counters() const {
  PushCounters all;
  all.off_reason = "not started";
  for (size_t i = 0; i < pushers_.size(); ++i) {
    i == 0 ? void(all = pushers_[i]->counters()) : void(all += pushers_[i]->counters());
  }
  return all;
}

}  // namespace betonfs

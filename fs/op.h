// A method of an operations object becomes libfuse's C callback.
//
//   ops.read = Op<&ReadOps::Read, OpKind::kRead>::Call;
//
// The method is `void Read(Reply reply, <libfuse's arguments after the request>)`, const or not.
// The session's userdata must be the object.  This is the one place where an exception is stopped
// before libfuse's C frames: only the allocator throws, and by then the Reply has answered ENOMEM.
#pragma once

#include <concepts>
#include <new>
#include <utility>

#include "fs/op_stats.h"
#include "fs/reply.h"

namespace betonfs {

// An object with `OpStats& stats()` has its operations counted and timed.
template <class Ops>
concept CountsOps = requires(Ops& ops) {
  { ops.stats() } -> std::same_as<OpStats&>;
};

namespace internal {

template <OpKind kKind, class Ops, class Handle>
void RunOp(fuse_req_t request, Handle handle) {
  Ops& ops = *static_cast<Ops*>(fuse_req_userdata(request));
  try {
    if constexpr (CountsOps<Ops>) {
      const OpStats::Scope scope(ops.stats(), kKind);
      handle(ops, Reply(request));
    } else {
      handle(ops, Reply(request));
    }
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace internal

template <auto kMethod, OpKind kKind = OpKind::kOther>
struct Op;

template <class Ops, class... Args, void (Ops::*kMethod)(Reply, Args...), OpKind kKind>
struct Op<kMethod, kKind> {
  static void Call(fuse_req_t request, Args... args) {
    internal::RunOp<kKind, Ops>(
        request, [&](Ops& ops, Reply reply) { (ops.*kMethod)(std::move(reply), args...); });
  }
};

template <class Ops, class... Args, void (Ops::*kMethod)(Reply, Args...) const, OpKind kKind>
struct Op<kMethod, kKind> {
  static void Call(fuse_req_t request, Args... args) {
    internal::RunOp<kKind, Ops>(
        request, [&](Ops& ops, Reply reply) { (ops.*kMethod)(std::move(reply), args...); });
  }
};

// The same for `void Init(fuse_conn_info&)`, which answers nothing.
template <auto kMethod>
struct InitOp;

template <class Ops, void (Ops::*kMethod)(fuse_conn_info&)>
struct InitOp<kMethod> {
  static void Call(void* userdata, fuse_conn_info* connection) {
    (static_cast<Ops*>(userdata)->*kMethod)(*connection);
  }
};

}  // namespace betonfs

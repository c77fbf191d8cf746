#pragma once

#include "proxy/http/head.h"
#include "proxy/net/buffer_pool.h"
#include "proxy/net/wheel.h"
#include "proxy/serve/input.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace drawbridge::serve {

// A buffer that is taken when its room is asked for.
class LazyBuffer {
 public:
  explicit LazyBuffer(net::BufferPool& pool) : pool_(pool) {}

  std::span<char> span() {
    if (!buffer_) buffer_ = pool_.take();
    return buffer_.span();
  }
  char* data() { return span().data(); }
  void reset() { buffer_.reset(); }

 private:
  net::BufferPool& pool_;
  net::Buffer buffer_;
};

class WorkspacePool;

// What a connection needs only while a request is on it: buffers and parsed heads. Idle connections have none, and
// a request holds a buffer only for what is on its way: the next one is served from the same warm block.
struct Workspace {
  Workspace(WorkspacePool& from, net::BufferPool& pool)
      : lender(from), client(pool), upstream(pool), request_out(pool), response_out(pool) {}

  // A request that waits keeps only its head. Thousands may wait.
  void rest() {
    upstream.give_buffer_back();
    request_out.reset();
    response_out.reset();
  }

  WorkspacePool& lender;
  Input client;             // request head (kept while the exchange lasts), then its body
  Input upstream;           // response head and body
  LazyBuffer request_out;   // the head that goes to the upstream
  LazyBuffer response_out;  // the head that goes to the client: the other may still be on its way
  http::RequestHead request;
  http::ResponseHead response;
  std::string text;  // answers of our own
};

// Workspaces, last used first; what nobody used for a while goes back. One a worker; worker thread only; outlives
// what it lent.
class WorkspacePool final : private net::Deadline::Owner {
 public:
  struct Return {
    void operator()(Workspace* workspace) const { workspace->lender.give_back(workspace); }
  };
  using Loan = std::unique_ptr<Workspace, Return>;

  WorkspacePool(net::Wheel& wheel, net::BufferPool& buffers)
      : wheel_(wheel), buffers_(buffers), blocks_(wheel, sizeof(Workspace)), look_(wheel, *this) {}
  ~WorkspacePool() {
    for (auto* workspace : free_) destroy(workspace);
  }
  WorkspacePool(const WorkspacePool&) = delete;
  WorkspacePool& operator=(const WorkspacePool&) = delete;

  Loan take() {
    if (free_.empty()) return Loan(new (blocks_.take()) Workspace(*this, buffers_));
    auto* workspace = free_.back();
    free_.pop_back();
    free_min_ = std::min(free_min_, free_.size());
    return Loan(workspace);
  }

 private:
  static constexpr std::size_t kept_max = 64;  // ready for use; the memory of more goes back
  static constexpr std::chrono::milliseconds look_interval{500};

  void give_back(Workspace* used) {
    used->rest();
    used->client.give_buffer_back();
    used->text.clear();
    if (free_.size() == kept_max) return destroy(used);
    free_.push_back(used);
    if (!look_.armed()) look_later();
  }
  void look_later() {
    free_min_ = free_.size();
    look_.arm(wheel_.now() + look_interval);
  }
  void deadline_passed(net::Deadline&) override {
    const auto unused = free_.begin() + static_cast<std::ptrdiff_t>(free_min_);
    std::for_each(free_.begin(), unused, [this](Workspace* workspace) { destroy(workspace); });
    free_.erase(free_.begin(), unused);
    if (!free_.empty()) look_later();
  }
  void destroy(Workspace* workspace) {
    workspace->~Workspace();
    blocks_.give_back(reinterpret_cast<char*>(workspace));
  }

  net::Wheel& wheel_;
  net::BufferPool& buffers_;
  net::BlockPool blocks_;
  std::vector<Workspace*> free_;
  std::size_t free_min_ = 0;  // since the last look
  net::Deadline look_;
};

}  // namespace drawbridge::serve

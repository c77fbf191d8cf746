#pragma once

#include "proxy/http/head.h"
#include "proxy/net/buffer_pool.h"
#include "proxy/serve/input.h"

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

// What a connection needs only while a request is on it: buffers and parsed heads. Idle connections have none, and
// a request holds a buffer only for what is on its way: the next one is served from the same warm block.
struct Workspace {
  explicit Workspace(net::BufferPool& pool) : client(pool), upstream(pool), request_out(pool), response_out(pool) {}

  // A request that waits keeps only its head. Thousands may wait.
  void rest() {
    upstream.give_buffer_back();
    request_out.reset();
    response_out.reset();
  }

  Input client;             // request head (kept while the exchange lasts), then its body
  Input upstream;           // response head and body
  LazyBuffer request_out;   // the head that goes to the upstream
  LazyBuffer response_out;  // the head that goes to the client: the other may still be on its way
  http::RequestHead request;
  http::ResponseHead response;
  std::string text;  // answers of our own
};

// Workspaces, last used first. One a worker; worker thread only; outlives what it lent.
class WorkspacePool {
 public:
  class Return {
   public:
    explicit Return(WorkspacePool* pool = nullptr) : pool_(pool) {}
    void operator()(Workspace* workspace) const { pool_->give_back(workspace); }

   private:
    WorkspacePool* pool_;
  };
  using Loan = std::unique_ptr<Workspace, Return>;

  WorkspacePool(net::Wheel& wheel, net::BufferPool& buffers)
      : buffers_(buffers), blocks_(wheel, sizeof(Workspace)) {}
  ~WorkspacePool() {
    for (auto* workspace : free_) destroy(workspace);
  }
  WorkspacePool(const WorkspacePool&) = delete;
  WorkspacePool& operator=(const WorkspacePool&) = delete;

  Loan take() {
    if (free_.empty()) return {new (blocks_.take()) Workspace(buffers_), Return(this)};
    auto* workspace = free_.back();
    free_.pop_back();
    return {workspace, Return(this)};
  }

 private:
  static constexpr std::size_t kept_max = 64;  // ready for use; the memory of more goes back

  void give_back(Workspace* used) {
    used->rest();
    used->client.give_buffer_back();
    used->text.clear();
    if (free_.size() == kept_max) return destroy(used);
    free_.push_back(used);
  }
  void destroy(Workspace* workspace) {
    workspace->~Workspace();
    blocks_.give_back(reinterpret_cast<char*>(workspace));
  }

  net::BufferPool& buffers_;
  net::BlockPool blocks_;
  std::vector<Workspace*> free_;
};

}  // namespace drawbridge::serve

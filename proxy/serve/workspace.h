#pragma once

#include "proxy/http/head.h"
#include "proxy/net/buffer_pool.h"
#include "proxy/serve/input.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace drawbridge::serve {

// What a connection needs only while a request is on it: buffers and parsed heads. Idle connections have none.
struct Workspace {
  explicit Workspace(net::BufferPool& pool) : buffers(pool) {}

  // While a head comes or a request waits there is only the client's input: thousands may wait. All else is taken
  // when the exchange begins, or goes on.
  void rest() {
    upstream.give_buffer_back();
    request_out.reset();
    response_out.reset();
  }
  void resume() {
    if (request_out) return;
    upstream.take_buffer(buffers);
    request_out = buffers.take();
    response_out = buffers.take();
  }

  net::BufferPool& buffers;
  Input client;              // request head (kept while the exchange lasts), then its body
  Input upstream;            // response head and body
  net::Buffer request_out;   // the head that goes to the upstream
  net::Buffer response_out;  // the head that goes to the client: the other may still be on its way
  http::RequestHead request;
  http::ResponseHead response;
  std::string text;  // answers of our own
};

// Used workspaces, last used first. One a worker; worker thread only; outlives what it lent.
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

  explicit WorkspacePool(net::BufferPool& buffers) : buffers_(buffers) {}

  Loan take() {
    std::unique_ptr<Workspace> workspace;
    if (free_.empty()) {
      workspace = std::make_unique<Workspace>(buffers_);
    } else {
      workspace = std::move(free_.back());
      free_.pop_back();
    }
    workspace->client.take_buffer(buffers_);
    return {workspace.release(), Return(this)};
  }

 private:
  static constexpr std::size_t kept_max = 256;

  void give_back(Workspace* used) {
    std::unique_ptr<Workspace> workspace(used);
    workspace->client.give_buffer_back();
    workspace->rest();
    workspace->text.clear();
    if (free_.size() < kept_max) free_.push_back(std::move(workspace));
  }

  net::BufferPool& buffers_;
  std::vector<std::unique_ptr<Workspace>> free_;
};

}  // namespace drawbridge::serve

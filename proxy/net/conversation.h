#pragma once

#include "proxy/base/failure.h"
#include "proxy/net/buffer_pool.h"
#include "proxy/net/signal.h"
#include "proxy/net/stream.h"
#include "proxy/net/task.h"

#include <cstddef>
#include <span>
#include <string_view>

namespace drawbridge::net {

// What a machine that knows no sockets says and hears on a stream, as HTTP/2 has it: one task reads, and one writes
// in as few writes as there are full buffers all that was said in a turn. Nothing is read before what is to be said
// was written: what comes could make that grow without bound. Without input or output there is no buffer. Loop
// thread only; outlived by what it refers to.
class Conversation {
 public:
  class Speaker {
   public:
    // False: there is no sense in hearing more. What there is to be said is still written.
    virtual bool hear(std::span<const char> bytes) = 0;
    // Fills the front of `into`; 0: there is nothing now. May be called when wants_to_speak() is false.
    virtual std::size_t speak(std::span<char> into) = 0;
    virtual bool wants_to_speak() const = 0;
    virtual bool finished() const = 0;                // nothing more is to be said or heard
    virtual base::Millis write_patience() const = 0;  // how long the other side may take nothing
    // It was asked whether it wants to speak, and has spoken once if it did.
    virtual void spoken() {}

   protected:
    ~Speaker() = default;
  };

  Conversation(BufferPool& buffers, Stream& stream, Speaker& speaker)
      : buffers_(buffers),
        stream_(stream),
        speaker_(speaker),
        output_(stream.loop(), Signal::Resume::last),
        flushed_(stream.loop()) {}
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // Until one side has ended it, and the stream is cancelled unless all was said; or until pause(), and the stream
  // goes on. `first` was read before.
  enum class Came : std::uint8_t { end, pause };
  Task<Came> run(std::string_view first = {});
  // The speaker may have something to say. Nothing happens while run() does not.
  void changed() { output_.tell(); }
  // Ends run() if nobody is in the midst of anything; then there is no task. It can be run again.
  void pause();
  bool runs() const { return runs_; }
  bool ending() const { return over_ && !pausing_; }  // nothing is heard any more

  // Why it ended, if not in order.
  base::Failure failure() const { return failure_; }

 private:
  Task<> read_all(std::string_view first);
  Task<bool> write_all();
  Task<bool> flushed();

  BufferPool& buffers_;
  Stream& stream_;
  Speaker& speaker_;
  Signal output_, flushed_;
  bool runs_ = false;
  bool pausing_ = false;
  bool writing_ = false;
  bool broken_ = false;  // nothing can be written any more
  bool over_ = false;    // the writer may end
  base::Failure failure_{.fault = base::Fault::upstream, .reason = base::Reason::closed};
};

}  // namespace drawbridge::net

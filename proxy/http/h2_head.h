#pragma once

#include "proxy/http/h2_session.h"
#include "proxy/http/head.h"
#include "proxy/http/reader.h"
#include "proxy/http/rules.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace drawbridge::http {

// Reads one header block, field by field as it is decompressed, and judges it as strictly as HTTP/1 is judged. One
// a connection: header blocks do not interleave. Allocates for trailers only.
class H2HeadReader {
 public:
  struct Verdict {
    enum class Kind : std::uint8_t { taken, refused, malformed };
    Kind kind = Kind::taken;
    Rule rule = {};  // but for `taken`
  };

  // A block begins. Until its end the room belongs to this reader.
  void begin_request(const H2HeadRoom& room, const HeadLimits& limits);
  void begin_response(const H2HeadRoom& room, const HeadLimits& limits);
  void begin_trailers();

  // The next field as it came. Copied.
  void add(std::string_view name, std::string_view value);

  // The block is complete; `ended`: and so is the message.
  Verdict end_request(bool ended);
  Verdict end_response(const Asked& asked, bool ended);
  Verdict end_trailers() const { return verdict_; }
  // After end_response(): another head follows.
  bool interim() const { return room_.response->interim(); }
  // Of the block at hand, lines that may be passed on, each ended by CRLF.
  std::string_view trailers() const { return trailers_; }

 private:
  enum class Block : std::uint8_t { request, response, trailers };
  enum Pseudo : std::uint8_t { method, scheme, path, authority, protocol, status, pseudo_count };

  void begin(Block block, const H2HeadRoom& room, const HeadLimits& limits);
  void add_pseudo(std::string_view name, std::string_view value);
  void add_field(std::string_view name, std::string_view value);
  void add_trailer(std::string_view name, std::string_view value);
  void add_cookie(std::string_view value);
  std::string_view keep(std::string_view text);
  bool has(Pseudo pseudo) const { return (seen_ & 1U << pseudo) != 0; }
  void malformed(Rule rule);
  void refused(Rule rule);
  Verdict refuse_later(Rule rule) const { return {.kind = Verdict::Kind::refused, .rule = rule}; }
  std::optional<Verdict> judge_line(RequestHead& head) const;
  std::optional<Verdict> judge_connect(RequestHead& head) const;
  std::optional<Verdict> judge_authority(RequestHead& head) const;

  Block block_ = Block::request;
  H2HeadRoom room_;
  HeadLimits limits_;
  HeaderList* headers_ = nullptr;
  std::size_t used_ = 0;  // of room_.text
  std::size_t list_bytes_ = 0;
  bool regular_ = false;  // a field that is no pseudo-field was seen: none may follow
  unsigned seen_ = 0;
  std::string_view pseudo_[pseudo_count];
  Header* cookie_ = nullptr;
  Verdict verdict_;
  std::size_t trailer_count_ = 0;
  std::string trailers_;
};

}  // namespace drawbridge::http

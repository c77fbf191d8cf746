#include "pages/escape.h"

#include "proxy/base/ascii.h"

#include <fmt/format.h>

#include <algorithm>

namespace drawbridge::pages {
namespace {

constexpr std::size_t id_bytes_max = 128;
constexpr std::size_t address_bytes_max = 2'048;

std::string_view html_reference(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_id_character(char c) {
  return base::is_digit(c) || base::is_alpha(c) || std::string_view{"-._~:/+=@"}.contains(c);
}

bool is_unreserved(char c) {
  return base::is_digit(c) || base::is_alpha(c) || std::string_view{"-._~"}.contains(c);
}

}  // namespace

void append_html(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (const auto reference = html_reference(c); !reference.empty()) {
      out += reference;
    } else {
      out += is_control(c) ? ' ' : c;
    }
  }
}

std::size_t html_bytes(std::string_view text) {
  std::size_t bytes = text.size();
  for (const char c : text) {
    if (const auto reference = html_reference(c); !reference.empty()) bytes += reference.size() - 1;
  }
  return bytes;
}

std::string html(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  append_html(text, out);
  return out;
}

bool is_plain_id(std::string_view id) {
  return id.size() <= id_bytes_max && std::ranges::all_of(id, is_id_character);
}

std::string_view local_address(std::string_view target) {
  if (target.empty() || target.front() != '/' || target.size() > address_bytes_max) return "/";
  if (target.starts_with("//")) return "/";
  const auto visible = [](char c) { return c > ' ' && c < 0x7f && c != '\\'; };
  return std::ranges::all_of(target, visible) ? target : "/";
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c) || c == ' ') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace drawbridge::pages

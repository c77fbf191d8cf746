#include "proxy/http/head.h"

#include "proxy/base/ascii.h"

namespace drawbridge::http {

const Header* HeaderList::find(Field field) const {
  if (!has(field)) return nullptr;
  for (const auto& header : all()) {
    if (header.field == field) return &header;
  }
  return nullptr;
}

const Header* HeaderList::find(std::string_view name) const {
  for (const auto& header : all()) {
    if (base::iequals(header.name, name)) return &header;
  }
  return nullptr;
}

std::string_view HeaderList::value(Field field) const {
  const auto* header = find(field);
  return header != nullptr ? header->value : std::string_view{};
}

Method method_of(std::string_view text) {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::get;
      if (text == "PUT") return Method::put;
      break;
    case 4:
      if (text == "HEAD") return Method::head;
      if (text == "POST") return Method::post;
      break;
    case 5:
      if (text == "PATCH") return Method::patch;
      if (text == "TRACE") return Method::trace;
      break;
    case 6:
      if (text == "DELETE") return Method::delete_;
      break;
    case 7:
      if (text == "OPTIONS") return Method::options;
      if (text == "CONNECT") return Method::connect;
      break;
    default:
      break;
  }
  return Method::other;
}

}  // namespace drawbridge::http

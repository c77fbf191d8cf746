#include "proxy/app/demo/shop.h"

#include "proxy/app/demo/shop_page.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace drawbridge::demo {
namespace {

constexpr std::size_t item_bytes_max = 80;
constexpr std::uint32_t quantity_max = 99;

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

std::string decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (text[i] == '%' && high >= 0 && low >= 0) {
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

struct Wish {
  std::string item;
  std::uint32_t quantity = 1;
};

std::uint32_t quantity_of(std::string_view text) {
  std::uint32_t quantity = 1;
  std::from_chars(text.data(), text.data() + text.size(), quantity);
  return std::clamp(quantity, 1U, quantity_max);
}

Wish wish_of(const Ask& ask) {
  Wish wish;
  if (ask.content_type.starts_with("application/json")) {
    boost::system::error_code failed;
    const auto value = boost::json::parse({ask.body.data(), ask.body.size()}, failed);
    if (failed || !value.is_object()) return wish;
    const auto& object = value.as_object();
    if (const auto* item = object.if_contains("item"); item != nullptr && item->is_string()) {
      wish.item = std::string(item->as_string());
    }
    if (const auto* count = object.if_contains("quantity"); count != nullptr && count->is_int64()) {
      wish.quantity = static_cast<std::uint32_t>(std::clamp<std::int64_t>(count->as_int64(), 1, quantity_max));
    }
  } else {
    wish.item = form_value(ask.body, "item");
    wish.quantity = quantity_of(form_value(ask.body, "quantity"));
  }
  if (wish.item.size() > item_bytes_max) wish.item.resize(item_bytes_max);
  return wish;
}

boost::json::object order_json(const Order& order) {
  return {{"id", order.id},
          {"item", order.item},
          {"quantity", order.quantity},
          {"taken_by", order.taken_by},
          {"at", base::format_time(order.at)}};
}

Reply json_reply(unsigned status, const boost::json::value& value) {
  return {status, "application/json", boost::json::serialize(value) + "\n", ""};
}

Reply list_orders(const Version& version, const OrderBook& book) {
  boost::json::array orders;
  for (const Order& order : book.orders()) orders.emplace_back(order_json(order));
  return json_reply(200, {{"served_by", version.name}, {"count", book.count()}, {"orders", std::move(orders)}});
}

Reply take_order(const Version& version, OrderBook& book, const Ask& ask) {
  Wish wish = wish_of(ask);
  if (wish.item.empty()) return {422, "text/plain; charset=utf-8", "an order needs an item\n", ""};
  const Order& order = book.add(std::move(wish.item), wish.quantity, version.name, ask.at);
  const bool wants_json = ask.content_type.starts_with("application/json") ||
                          ask.accept.find("application/json") != std::string_view::npos;
  if (wants_json) return json_reply(201, order_json(order));
  std::string said =
      fmt::format("order {}: {} x {}, taken by {}\n", order.id, order.quantity, order.item, order.taken_by);
  return {303, "text/plain; charset=utf-8", std::move(said), "/"};
}

// A search is a POST that changes nothing: the demo's configuration names it as a read.
Reply search(const Version& version, const Ask& ask) {
  const std::string wanted = form_value(ask.body, "q");
  boost::json::array found;
  for (const std::string_view item : items()) {
    if (item.find(wanted) != std::string_view::npos) found.emplace_back(boost::json::string_view(item));
  }
  return json_reply(200, {{"served_by", version.name}, {"found", std::move(found)}});
}

Reply not_found(const Version& version, const Ask& ask) {
  return {404, "text/plain; charset=utf-8", fmt::format("{} has no {}\n", version.name, ask.path), ""};
}

}  // namespace

const Order& OrderBook::add(std::string item, std::uint32_t quantity, std::string_view taken_by,
                            base::WallTime at) {
  if (orders_.size() == kept_max) orders_.pop_front();
  return orders_.emplace_back(Order{++count_, std::move(item), quantity, std::string(taken_by), at});
}

Reply answer(const Version& version, OrderBook& book, const Ask& ask) {
  const bool reads = ask.method == "GET" || ask.method == "HEAD";
  const bool posts = ask.method == "POST";
  if (ask.path.starts_with("/api/devices/")) {
    return json_reply(200, {{"served_by", version.name}, {"device", std::string(ask.path.substr(13))}});
  }
  if (reads && ask.path == "/") return {200, "text/html; charset=utf-8", shop_page(version, book), ""};
  if (reads && ask.path == "/healthz") return {200, "text/plain; charset=utf-8", version.name + " is well\n", ""};
  if (reads && ask.path == "/api/orders") return list_orders(version, book);
  // A visitor whose order was refused comes back to this address with a GET.
  if (reads && ask.path == "/orders") return {303, "text/plain; charset=utf-8", "", "/"};
  if (posts && (ask.path == "/orders" || ask.path == "/api/orders")) return take_order(version, book, ask);
  if (posts && ask.path == "/search") return search(version, ask);
  return not_found(version, ask);
}

std::string form_value(std::string_view form, std::string_view key) {
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == key) {
      return equals == std::string_view::npos ? "" : decode(pair.substr(equals + 1));
    }
  }
  return "";
}

}  // namespace drawbridge::demo

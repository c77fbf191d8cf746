#include "proxy/app/demo/shop_page.h"

#include <fmt/format.h>

#include <array>
#include <ranges>

namespace drawbridge::demo {
namespace {

constexpr std::array<std::string_view, 4> all_items = {"tea", "coffee", "honey", "biscuits"};
constexpr std::size_t shown_max = 8;

constexpr std::string_view style = R"css(
:root { color-scheme: light dark; --ink: #1d2433; --paper: #f6f7f9; --card: #fff; --line: #dde1e8; --soft: #5a6475; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eaf0; --paper: #12151b; --card: #1b2029; --line: #2e3541; --soft: #a3adbd; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: center; margin-bottom: 1.5rem; }
h1 { font-size: 1.9rem; margin: 0; flex: 1 1 auto; }
h2 { font-size: 1.1rem; margin: 0 0 .75rem; }
.badge { background: var(--version); color: #fff; border-radius: 999px; padding: .25rem .9rem; font-weight: 600; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .9rem; padding: 1.1rem 1.25rem;
  margin-bottom: 1.1rem; }
form { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .6rem; margin: 0; }
button { font: inherit; padding: .7rem; border: 1px solid var(--line); border-radius: .6rem; background: none;
  color: inherit; cursor: pointer; text-transform: capitalize; }
button:hover, button:focus-visible { border-color: var(--version); outline: 2px solid var(--version); }
ol { margin: 0; padding: 0; list-style: none; }
li { display: flex; justify-content: space-between; gap: 1rem; padding: .35rem 0; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
p { margin: 0; color: var(--soft); }
)css";

// The stream shows which version it hangs on. When the proxy ends it for good, the page asks for itself again, and
// the visitor sees what the public sees now.
constexpr std::string_view script = R"js(
const line = document.getElementById("stream");
const source = new EventSource("/events");
source.onmessage = (event) => { line.textContent = event.data; };
source.onerror = () => {
  line.textContent = "the stream ended; trying again";
  if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 1000);
};
)js";

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string order_buttons() {
  std::string buttons;
  for (const std::string_view item : all_items) {
    buttons += fmt::format("<button name=\"item\" value=\"{0}\">{0}</button>\n", item);
  }
  return buttons;
}

std::string latest_orders(const OrderBook& book) {
  if (book.orders().empty()) return "<p>None yet.</p>";
  std::string list = "<ol>\n";
  for (const Order& order : book.orders() | std::views::reverse | std::views::take(shown_max)) {
    list += fmt::format("<li><span>{}. {} × {}</span><span>{}</span></li>\n", order.id, order.quantity,
                        escape(order.item), escape(order.taken_by));
  }
  return list + "</ol>";
}

}  // namespace

std::span<const std::string_view> items() {
  return all_items;
}

std::string shop_page(const Version& version, const OrderBook& book) {
  return fmt::format(R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The little shop · {name}</title>
<style>:root {{ --version: {colour}; }}{style}</style>
</head>
<body>
<main>
<header><h1>The little shop</h1><span class="badge">{name}</span></header>
<section>
<h2>Order something</h2>
<form method="post" action="/orders">
{buttons}</form>
</section>
<section>
<h2>Latest orders ({count})</h2>
{orders}
</section>
<section>
<h2>Event stream</h2>
<p id="stream" role="status">connecting</p>
</section>
</main>
<script>{script}</script>
</body>
</html>
)html",
                     fmt::arg("name", escape(version.name)), fmt::arg("colour", version.colour),
                     fmt::arg("style", style), fmt::arg("buttons", order_buttons()),
                     fmt::arg("count", book.count()), fmt::arg("orders", latest_orders(book)),
                     fmt::arg("script", script));
}

}  // namespace drawbridge::demo

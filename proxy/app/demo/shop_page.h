#pragma once

#include "proxy/app/demo/shop.h"

#include <span>
#include <string>
#include <string_view>

namespace drawbridge::demo {

// What the shop sells.
std::span<const std::string_view> items();

// The one page of the shop: which version answered, what can be ordered, the latest orders. No outside resource.
std::string shop_page(const Version& version, const OrderBook& book);

}  // namespace drawbridge::demo

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace drawbridge::control {

// Small numbers for names: given when a name first appears, never to another one. A copy that is dropped gives the
// numbers of its new names back, so a configuration that is refused uses none up.
class NameIds {
 public:
  explicit NameIds(std::size_t count_max) : count_max_(count_max) {}

  // nullopt when all numbers are given away.
  std::optional<std::uint16_t> of(const std::string& name) {
    const auto found = ids_.find(name);
    if (found != ids_.end()) return found->second;
    if (ids_.size() >= count_max_) return std::nullopt;
    return ids_.emplace(name, static_cast<std::uint16_t>(ids_.size())).first->second;
  }

  // Of a name that has one.
  std::optional<std::uint16_t> find(const std::string& name) const {
    const auto found = ids_.find(name);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

  template <class Call>
  void for_each(Call call) const {
    for (const auto& [name, id] : ids_) call(name, id);
  }

 private:
  std::size_t count_max_;
  std::map<std::string, std::uint16_t> ids_;
};

}  // namespace drawbridge::control

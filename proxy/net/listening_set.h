#pragma once

#include "proxy/base/failure.h"
#include "proxy/net/handed_over.h"
#include "proxy/net/unique_fd.h"

#include <cstddef>
#include <string>
#include <vector>

namespace drawbridge::net {

// The sockets that workers listen with on one address: between them all of them, at least one each.
struct ListeningSet {
  std::string address;  // as bound (port 0 resolved)
  std::vector<std::vector<UniqueFd>> of_worker;
  std::vector<int> opened;  // those that were not handed over; `of_worker` owns them
};

// Uses every socket handed over for the address, for each has a queue of its own in which clients wait; opens what
// is missing to one a worker, if `may_add` says so and the port can be shared. Where they do not come out even,
// those left over belong to all workers: connections stay spread evenly.
base::Expected<ListeningSet> open_listening_set(const std::string& address, std::size_t workers,
                                                std::vector<HandedSocket> handed, bool may_add);

}  // namespace drawbridge::net

#pragma once

#include "proxy/ctl/look.h"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>

// The daemon's documents (docs/ADMIN.md) as text for people. Pure: the same document gives the same text. Each ends
// with a line end.
namespace drawbridge::ctl {

std::string print_status(const boost::json::object& status, const Look& look);
std::string print_pools(const boost::json::object& pools, const Look& look);
std::string print_receipt(const boost::json::object& receipt, const Look& look);
// The last `changes_max` changes, newest first; 0: all.
std::string print_history(const boost::json::object& history, const Look& look, std::uint64_t changes_max = 0);
std::string print_explanation(const boost::json::object& explained, const Look& look);
std::string print_doctor(const boost::json::object& doctor, const Look& look);
std::string print_event(const boost::json::object& event, const Look& look);
std::string print_waited(const boost::json::object& waited, const Look& look);
std::string print_versions(const boost::json::object& daemon);

// Why the daemon refused; ready to follow "proxyctl: ".
std::string print_problem(const boost::json::object& problem, const Look& look);

// One line without a line end, to be drawn over: "readonly: waiting for 2 writes, 3s of 30s".
std::string print_progress(const boost::json::object& progress);

// "2 writes, 1 tunnel"; "nothing" when all are zero.
std::string print_counts(const boost::json::object& counts);

// The receipt of a cutover or rollback; one line of its progress.
std::string print_cutover(const boost::json::object& receipt, const Look& look);
// Writes that did not have to end before the command began, of a receipt or a progress; empty: none.
std::string print_open_at_run(const boost::json::object& object, const Look& look);
std::string print_aborted(const boost::json::object& aborted);
std::string print_cutover_progress(const boost::json::object& progress);

// What a receipt names: cut, not answered, still open, or unknown from before.
std::string print_lists(const boost::json::object& receipt, const Look& look);
// Of `earlier_unknown`: how many, how long ago; no line end.
std::string print_earlier(const boost::json::object& earlier);
// A list of requests in flight, as in receipts.
std::string print_requests(const boost::json::array& requests, const Look& look);

}  // namespace drawbridge::ctl

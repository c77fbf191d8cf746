#include "proxy/ctl/print.h"

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <string>

using namespace drawbridge::ctl;

namespace {

boost::json::object document(const char* text) {
  return boost::json::parse(text).as_object();
}

constexpr const char* quiet_night = R"json({
  "version": "0.1.0", "epoch": 7, "now": "2026-03-01T02:04:10Z", "started_at": "2026-02-27T11:00:00Z",
  "sites": [{"site": "shop", "mode": "live", "since": "2026-03-01T01:00:00Z", "by": "config", "pool": "blue",
             "in_flight": {"reads": 12, "writes": 1, "tunnels": 0},
             "oldest_writes": [{"request_id": "5f0c", "method": "POST", "path": "/orders", "age_ms": 120}]}],
  "pools": [{"pool": "blue", "sites": ["shop"],
             "servers": [{"address": "127.0.0.1:9001", "weight": 1, "admin": "ready", "in_flight": 13, "health": "up",
                          "health_since": "2026-03-01T02:00:00Z"}]}],
  "warnings": []})json";

constexpr const char* bad_night = R"json({
  "version": "0.1.0", "epoch": 43, "now": "2026-03-01T02:04:10Z", "started_at": "2026-02-27T11:00:00Z",
  "sites": [
    {"site": "ide", "mode": "maintenance", "since": "2026-03-01T02:00:00Z", "by": "alice (uid 1000)",
     "reason": "database upgrade", "until": "2026-03-01T02:10:00Z", "ends_in_ms": 350000, "then": "live",
     "pool": "blue", "in_flight": {"reads": 0, "writes": 2, "tunnels": 1},
     "oldest_writes": [{"request_id": "5f0c", "method": "POST", "path": "/orders", "age_ms": 42000}],
     "draining": {"change": "maintenance", "elapsed_ms": 250000, "left_ms": 0,
                  "open": {"reads": 0, "writes": 2, "tunnels": 1}}},
    {"site": "shop", "mode": "live", "since": "2026-03-01T01:00:00Z", "by": "config", "pool": "green",
     "in_flight": {"reads": 3, "writes": 0, "tunnels": 0}, "oldest_writes": []}],
  "pools": [
    {"pool": "blue", "sites": ["ide"], "servers": [
      {"address": "127.0.0.1:9001", "weight": 1, "admin": "ready", "in_flight": 2, "health": "up"},
      {"address": "127.0.0.1:9002", "weight": 2, "admin": "drain", "in_flight": 1, "health": "up"}]},
    {"pool": "green", "sites": ["shop"], "servers": [
      {"address": "127.0.0.1:9101", "weight": 1, "admin": "ready", "health": "down",
       "health_reason": "connect refused", "health_since": "2026-03-01T02:01:10Z"}]}],
  "warnings": ["the state was read from its previous copy"]})json";

}  // namespace

TEST_CASE("a quiet night is one line, then the tables") {
  CHECK("\n" + print_status(document(quiet_night), {}) == R"json(
Nothing unusual.

SITE  MODE  SINCE      POOL  READS  WRITES  TUNNELS  OLDEST WRITE  BY
shop  live  1h 4m ago  blue  12     1       0        120ms         config

POOL  SERVER          WEIGHT  ADMIN  REQUESTS  HEALTH  SINCE       SITES
blue  127.0.0.1:9001  1       ready  13        up      4m 10s ago  shop

epoch 7 · proxyd 0.1.0, up 1d 15h · 2026-03-01T02:04:10Z
)json");
}

TEST_CASE("what is unusual comes first, the worst of it at the top") {
  CHECK("\n" + print_status(document(bad_night), {}) == R"json(
! the state was read from its previous copy
! pool green has no server that can answer: shop is down
! 127.0.0.1:9101 of pool green is down for 3m: connect refused
! ide: the drain deadline of maintenance has passed with 2 writes, 1 tunnel open
! 127.0.0.1:9002 of pool blue is set to drain
! ide is maintenance for 4m 10s, live in 5m 50s, by alice (uid 1000): database upgrade
! ide has a write open for 42s: POST /orders (5f0c)

SITE  MODE         SINCE       THEN            POOL   READS  WRITES  TUNNELS  OLDEST WRITE  BY                WHY
ide   maintenance  4m 10s ago  live in 5m 50s  blue   0      2       1        42s           alice (uid 1000)  database upgrade
shop  live         1h 4m ago                   green  3      0       0                      config

POOL   SERVER          WEIGHT  ADMIN  REQUESTS  HEALTH  SINCE   WHY              SITES
blue   127.0.0.1:9001  1       ready  2         up                               ide
blue   127.0.0.1:9002  2       drain  1         up                               ide
green  127.0.0.1:9101  1       ready  ?         down    3m ago  connect refused  shop

epoch 43 · proxyd 0.1.0, up 1d 15h · 2026-03-01T02:04:10Z
)json");
}

TEST_CASE("a receipt is a few lines for the log of the night") {
  CHECK("\n" + print_receipt(document(R"json({"epoch": 43, "change": "readonly", "sites": ["search", "shop"],
      "published_at": "2026-03-01T02:00:00Z", "fenced_ms": 1, "drained_ms": 212,
      "drained": {"reads": 0, "writes": 3, "tunnels": 0}, "cut": [], "outstanding": [], "result": "done"})json"),
                             {}) ==
        R"json(
search, shop: readonly at 2026-03-01T02:00:00Z, epoch 43
fence passed after 1ms, drained after 212ms; ended meanwhile: 3 writes
done
)json");
}

TEST_CASE("a receipt names what is still open") {
  CHECK("\n" + print_receipt(document(R"json({"epoch": 43, "change": "readonly", "sites": ["shop"],
      "published_at": "2026-03-01T02:00:00Z", "fenced_ms": 1, "drained_ms": 5000,
      "drained": {"reads": 0, "writes": 1, "tunnels": 0}, "cut": [],
      "outstanding": [{"request_id": "5f0c", "site": "shop", "class": "write", "method": "POST", "path": "/orders", "age_ms": 7000}],
      "outstanding_counts": {"reads": 0, "writes": 1, "tunnels": 0}, "result": "outstanding"})json"),
                             {}) ==
        R"json(
shop: readonly at 2026-03-01T02:00:00Z, epoch 43
fence passed after 1ms, waited 5s; ended meanwhile: 1 write
in force, but the drain deadline passed with 1 write open
still open:
  REQUEST ID  SITE  CLASS  AGE  METHOD  PATH
  5f0c        shop  write  7s   POST    /orders
)json");
}

TEST_CASE(
    "a receipt names the writes whose outcome is unknown, of the drain and of before, and who may be at them") {
  CHECK("\n" + print_receipt(document(R"json({"epoch": 43, "change": "readonly", "sites": ["shop"],
      "published_at": "2026-03-01T02:00:00Z", "fenced_ms": 1, "drained_ms": 2000,
      "drained": {"reads": 0, "writes": 0, "tunnels": 0}, "cut": [], "outstanding": [],
      "unknown": [{"request_id": "5f0c", "site": "shop", "class": "write", "method": "POST", "path": "/orders", "age_ms": 2000,
                   "server": "127.0.0.1:9001"}],
      "unknown_counts": {"reads": 0, "writes": 1, "tunnels": 0},
      "earlier_unknown": {"count": 2, "at_least": true, "newest_ms": 12000, "requests": [
        {"request_id": "4e1b", "site": "shop", "class": "write", "method": "POST", "path": "/pay", "age_ms": 30000,
         "server": "127.0.0.1:9002", "ended_ago_ms": 12000}]},
      "result": "unknown"})json"),
                             {}) ==
        R"json(
shop: readonly at 2026-03-01T02:00:00Z, epoch 43
fence passed after 1ms, drained after 2s; ended meanwhile: nothing
in force, but the outcome of 1 write is unknown: the server may still be at it
not answered by their server, their outcome unknown:
  REQUEST ID  SITE  CLASS  AGE  METHOD  PATH     SERVER
  5f0c        shop  write  2s   POST    /orders  127.0.0.1:9001
before this command at least 2 writes ended without their servers' whole answer, the last one 12s ago; it may still be at work:
  REQUEST ID  SITE  CLASS  AGE  METHOD  PATH  SERVER
  4e1b        shop  write  30s  POST    /pay  127.0.0.1:9002
)json");
}

TEST_CASE("history joins a change with its end") {
  CHECK("\n" + print_history(document(R"json({"entries": [
      {"at": "2026-03-01T02:00:05Z", "kind": "ended", "epoch": 43, "change": "readonly", "sites": ["shop"], "result": "done",
       "drained_ms": 5000, "drained": {"reads": 0, "writes": 3, "tunnels": 0}},
      {"at": "2026-03-01T02:00:00Z", "kind": "changed", "epoch": 43, "change": "readonly", "sites": ["shop"], "user": "alice",
       "uid": 1000, "pid": 4711, "reason": "schema patch", "before": {"shop": "live"}, "after": {"shop": "readonly"}},
      {"at": "2026-03-01T01:00:00Z", "kind": "changed", "epoch": 42, "change": "start", "sites": [], "user": "proxyd",
       "before": {"shop": "readonly"}, "after": {"shop": "live"}}]})json"),
                             {}) ==
        R"json(
TIME                  EPOCH  CHANGE           SITES  BY                          END                           WHY
2026-03-01T02:00:00Z  43     live → readonly  shop   alice (uid 1000, pid 4711)  done in 5s, drained 3 writes  schema patch
2026-03-01T01:00:00Z  42     start                   proxyd
)json");
}

TEST_CASE("of a pool that nobody can answer from, only what is on it is down") {
  const auto printed = print_status(document(R"json({
      "sites": [{"site": "shop", "mode": "live", "pool": "blue",
                 "slices": [{"match": "header:X-Tenant=acme", "pool": "green"}]},
                {"site": "forum", "mode": "live", "pool": "blue", "notice_pool": "page"}],
      "pools": [{"pool": "green", "sites": ["shop"], "servers": [{"address": "a:1", "admin": "drain"}]},
                {"pool": "page", "sites": ["forum"], "servers": [{"address": "b:1", "admin": "drain"}]},
                {"pool": "old", "sites": [], "servers": [{"address": "c:1", "admin": "drain"}]}]})json"),
                                    {});
  CHECK(printed.find("! pool green has no server that can answer: header:X-Tenant=acme of shop is down\n") !=
        std::string::npos);
  CHECK(printed.find("! pool page has no server that can answer: the maintenance pool of forum is down\n") !=
        std::string::npos);
  CHECK(printed.find("pool old has no") == std::string::npos);
}

TEST_CASE("a receipt names the writes that a move back leaves, whichever command it was") {
  const auto printed = [](const std::string& cutover, const char* result) {
    const auto text = R"({"sites": ["shop"], "result": ")" + std::string(result) +
                      R"(", "cutover": {"from": "green", "to": "blue", "mode": "live")" + cutover + "}}";
    return print_cutover(document(text.c_str()), {});
  };
  const auto has = [](const std::string& text, const char* words) { return text.find(words) != std::string::npos; };
  for (const char* result : {"done", "returned"}) {
    CAPTURE(result);
    CHECK(has(printed(R"(, "discarded_writes": 3)", result), "left behind on green: 3 writes\n"));
    CHECK(has(printed(R"(, "discarded_writes": 0, "discarded_writes_at_least": true)", result),
              "left behind on green: at least 0 writes\n"));
    CHECK_FALSE(has(printed(R"(, "discarded_writes": 0)", result), "left behind"));
  }
  CHECK(has(printed(R"(, "discarded_writes": 3, "dry_run": true)", "done"),
            "\nwould be left behind on green: 3 writes\n"));
  CHECK(has(printed(R"(, "accepted_writes": 1)", "done"),
            "green was sent 1 write since it was cut over to; blue has it"));
  const char* accepted = R"(, "accepted_writes": 29)";
  CHECK(has(printed(accepted, "done"), "green was sent 29 writes since it was cut over to; blue has them only if"));
  CHECK(has(printed(R"(, "accepted_writes": 29, "dry_run": true)", "done"), "green was sent 29 writes"));
}

TEST_CASE("history shows as many changes as were asked for, however many ends stand between them") {
  const auto history = document(R"json({"entries": [
      {"at": "T4", "kind": "ended", "epoch": 3, "change": "live", "result": "done"},
      {"at": "T3", "kind": "ended", "epoch": 2, "change": "readonly", "result": "superseded"},
      {"at": "T2", "kind": "changed", "epoch": 3, "change": "live", "uid": 0},
      {"at": "T1", "kind": "changed", "epoch": 2, "change": "readonly", "uid": 0}]})json");
  const auto one = print_history(history, {}, 1);
  CHECK(one.find("T2") != std::string::npos);
  CHECK(one.find("T1") == std::string::npos);
  const auto two = print_history(history, {}, 2);
  CHECK(two.find("T1") != std::string::npos);
  CHECK(two.find("superseded") != std::string::npos);
}

TEST_CASE("the doctor says what to do about each finding") {
  CHECK("\n" + print_doctor(document(R"json({"result": "fail", "checks": [
      {"check": "clock", "result": "ok", "text": "right"},
      {"check": "descriptors", "result": "warn", "text": "few", "advice": "raise the limit"}]})json"),
                            {}) ==
        R"json(
ok    clock        right
warn  descriptors  few
                   → raise the limit
)json");
}

TEST_CASE("an explanation begins with the verdict") {
  CHECK("\n" + print_explanation(
                   document(R"json({"verdict": "refuse", "why": "method", "site": "shop", "mode": "readonly",
      "class": "write", "class_why": "method", "status": 503, "path": "/b", "readings": ["/b"],
      "sentence": "A write. Refused by mode readonly."})json"),
                   {}) ==
        R"json(
refuse, answer 503
  site   shop (readonly)
  class  write, by method
  path   /b
  A write. Refused by mode readonly.
)json");
}

TEST_CASE("errors show the hint and the lines of the file") {
  CHECK(
      print_problem(
          document(
              R"json({"title": "Not found", "detail": "there is no site 'shpo'", "hint": "did you mean 'shop'?"})json"),
          {}) == "there is no site 'shpo'\nDid you mean 'shop'?\n");
  CHECK(
      print_problem(
          document(
              R"json({"detail": "nothing was changed", "problems": [{"text": "a.toml:1:1: error\n  1 | x\n"}]})json"),
          {}) == "nothing was changed\na.toml:1:1: error\n  1 | x\n");
}

TEST_CASE("progress fits one line and says how long it may take") {
  CHECK(print_progress(document(R"json({"stage": "draining", "elapsed_ms": 3400, "timeout_ms": 30000,
      "open": {"reads": 0, "writes": 2, "tunnels": 1}})json")) ==
        "waiting for 2 writes, 1 tunnel to end, 3s of 30s");
}

TEST_CASE("colours are only for terminals") {
  Look terminal;
  terminal.colour = true;
  CHECK(print_status(document(bad_night), terminal).find("\x1b[") != std::string::npos);
  CHECK(print_status(document(bad_night), {}).find('\x1b') == std::string::npos);
}

TEST_CASE("what people and requests wrote cannot drive the terminal") {
  const auto printed = print_status(
      document(R"json({"sites": [{"site": "a", "mode": "readonly", "reason": "\u001b[2Jgone\nok"}]})json"), {});
  CHECK(printed.find('\x1b') == std::string::npos);
  CHECK(printed.find("?[2Jgone?ok") != std::string::npos);
}

TEST_CASE("documents with missing or strange members still print") {
  for (const char* text :
       {"{}", R"json({"sites": 1, "pools": [1, {}], "epoch": "x"})json", R"json({"sites": [{"site": 1}]})json"}) {
    CAPTURE(text);
    for (const auto& printed :
         {print_status(document(text), {}), print_history(document(text), {}), print_pools(document(text), {})}) {
      CHECK(printed.ends_with("\n"));
    }
  }
}

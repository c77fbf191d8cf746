#include "pages/negotiate.h"

#include <doctest/doctest.h>

#include <string_view>

namespace {

using drawbridge::core::AnswerForm;
using drawbridge::pages::ClientHints;
using drawbridge::pages::negotiate;

constexpr auto html = AnswerForm::html;
constexpr auto json = AnswerForm::problem_json;
constexpr auto text = AnswerForm::text;
constexpr auto grpc = AnswerForm::grpc;

struct Row {
  std::string_view client;
  ClientHints hints;
  AnswerForm form;
};

constexpr std::string_view firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
constexpr std::string_view chrome =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7";

// {Accept, Content-Type, Sec-Fetch-Dest, X-Requested-With, path}
constexpr Row rows[] = {
    {"Firefox loading a page", {firefox, "", "document", "", "/"}, html},
    {"Chrome loading a page", {chrome, "", "document", "", "/"}, html},
    {"a browser that sends no Sec-Fetch fields", {firefox, "", "", "", "/"}, html},
    {"a page in a frame", {firefox, "", "iframe", "", "/"}, html},
    {"a form sent by a browser", {chrome, "application/x-www-form-urlencoded", "document", "", "/api/x"}, html},
    {"a browser on an api path", {firefox, "", "", "", "/api/orders"}, html},
    {"a page load with an open Accept", {"*/*", "", "document", "", "/"}, html},
    {"HTML alone", {"text/html", "", "", "", "/"}, html},
    {"XHTML alone", {"application/xhtml+xml", "", "", "", "/"}, html},
    {"HTML in capitals", {"TEXT/HTML", "", "", "", "/"}, html},
    {"HTML with a charset", {"text/html;charset=utf-8", "", "", "", "/"}, html},
    {"HTML and JSON rated equal", {"application/json, text/html", "", "", "", "/"}, html},
    {"HTML heavier than JSON", {"application/json;q=0.5, text/html;q=0.6", "", "", "", "/"}, html},
    {"HTML with little weight before nothing", {"text/html;q=0.001", "", "", "", "/"}, html},
    {"curl", {"*/*", "", "", "", "/"}, text},
    {"nothing said", {"", "", "", "", "/"}, text},
    {"blanks said", {" ", "", "", "", "/"}, text},
    {"plain text", {"text/plain", "", "", "", "/"}, text},
    {"any text", {"text/*", "", "", "", "/"}, text},
    {"plain text on an api path", {"text/plain", "", "", "", "/api"}, text},
    {"plain text heavier than HTML", {"text/html;q=0.4, text/plain;q=0.9", "", "", "", "/"}, text},
    {"an image", {"image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8", "", "image", "", "/logo.png"}, text},
    {"an image and nothing else", {"image/png", "", "image", "", "/logo.png"}, text},
    {"a style sheet", {"text/css,*/*;q=0.1", "", "style", "", "/a.css"}, text},
    {"HTML refused, anything else taken", {"text/html;q=0, */*", "", "", "", "/"}, text},
    {"everything refused", {"*/*;q=0", "", "", "", "/"}, text},
    {"rubbish", {";;,,/,q=", "", "", "", "/"}, text},
    {"a weight that is none", {"text/html;q=high, text/plain;q=0.1", "", "", "", "/"}, text},
    {"a weight above one", {"text/html;q=1.5, text/plain;q=0.1", "", "", "", "/"}, text},
    {"JSON", {"application/json", "", "", "", "/"}, json},
    {"problem details", {"application/problem+json", "", "", "", "/"}, json},
    {"JSON of a vendor", {"application/vnd.shop.v2+json", "", "", "", "/"}, json},
    {"JSON:API", {"application/vnd.api+json;ext=\"bulk\"", "", "", "", "/"}, json},
    {"axios", {"application/json, text/plain, */*", "", "empty", "", "/orders"}, json},
    {"axios outside a browser", {"application/json, text/plain, */*", "", "", "", "/orders"}, json},
    {"jQuery asking for JSON",
     {"application/json, text/javascript, */*; q=0.01", "", "empty", "XMLHttpRequest", "/"},
     json},
    {"JSON heavier than HTML", {"text/html;q=0.8, application/json", "", "", "", "/"}, json},
    {"JSON heavier by a thousandth", {"text/html;q=0.998, application/json;q=0.999", "", "", "", "/"}, json},
    {"any application type", {"application/*", "", "", "", "/"}, json},
    {"fetch() in a page", {"*/*", "", "empty", "", "/"}, json},
    {"an XMLHttpRequest", {"*/*", "", "", "XMLHttpRequest", "/"}, json},
    {"a script that takes HTML and JSON alike", {"text/html, application/json", "", "empty", "", "/"}, json},
    {"a client that sends JSON", {"*/*", "application/json", "", "", "/orders"}, json},
    {"a client that sends JSON with a charset", {"", "application/json; charset=utf-8", "", "", "/orders"}, json},
    {"a client that sends JSON of a vendor", {"", "application/ld+json", "", "", "/"}, json},
    {"an api path", {"*/*", "", "", "", "/api/orders"}, json},
    {"a deeper api path", {"", "", "", "", "/v2/api"}, json},
    {"a path that only begins like one", {"*/*", "", "", "", "/apiary"}, text},
    {"a client that sends a form from a script outside a browser",
     {"*/*", "application/x-www-form-urlencoded", "", "", "/orders"},
     text},
    {"a script that wants HTML", {"text/html", "", "empty", "XMLHttpRequest", "/"}, html},
    {"gRPC", {"", "application/grpc", "", "", "/shop.Orders/Add"}, grpc},
    {"gRPC with a codec", {"*/*", "application/grpc+proto", "", "", "/"}, grpc},
    {"gRPC with a parameter", {"", "application/grpc;charset=utf-8", "", "", "/"}, grpc},
    {"gRPC for the web", {"application/grpc-web-text", "application/grpc-web-text+proto", "empty", "", "/"}, grpc},
    {"gRPC in capitals", {"", "Application/GRPC", "", "", "/"}, grpc},
    {"a type that only begins like gRPC", {"", "application/grpcx", "", "", "/"}, text},
};

}  // namespace

TEST_CASE("each client gets the form it can read") {
  for (const Row& row : rows) {
    CAPTURE(row.client);
    CHECK(static_cast<int>(negotiate(row.hints)) == static_cast<int>(row.form));
  }
}

TEST_CASE("the more precise range counts, wherever it stands") {
  CHECK(negotiate({.accept = "*/*;q=0.9, text/html;q=0.1, application/json;q=0.5, text/plain;q=0.5"}) == json);
  CHECK(negotiate({.accept = "text/html;q=0.1, text/*;q=0.9"}) == text);
}

TEST_CASE("an Accept without end is read only so far") {
  std::string accept;
  for (int i = 0; i < 10'000; ++i) accept += "a/b,";
  CHECK(negotiate({.accept = accept + "text/html"}) == text);
}

#pragma once

#include <string_view>

// The files of pages/builtin/, put into the program by the build (pages/embed.cmake).
namespace drawbridge::pages::builtin {

extern const std::string_view page;   // modes and no_server; placeholders of page_values, {{style}}, {{script}}
extern const std::string_view error;  // short page of a plain failure: {{status}} {{title}} {{detail}} {{style}}
extern const std::string_view style;
extern const std::string_view script;
extern const std::string_view style_sha256;  // base64, for the Content-Security-Policy
extern const std::string_view script_sha256;

}  // namespace drawbridge::pages::builtin

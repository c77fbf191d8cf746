// Writes docs/CONFIG.md to standard output.

#include "config/manual.h"

#include <cstdio>

int main() {
  const auto text = drawbridge::config::manual();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}

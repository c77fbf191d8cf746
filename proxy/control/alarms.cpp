#include "proxy/control/alarms.h"

#include <fstream>

namespace drawbridge::control {

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace drawbridge::control

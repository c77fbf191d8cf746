#include "proxy/obs/byte_ring.h"

#include "proxy/base/check.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace drawbridge::obs {
namespace {

base::Error no_memory(std::size_t bytes) {
  return {fmt::format("no memory for a log ring of {} bytes: {}", bytes, std::strerror(errno))};
}

// Two views of the same memory, one right after the other; nullptr (and errno) if the kernel refuses.
char* map_twice(int memory, std::size_t bytes) {
  void* room = mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return nullptr;
  auto* first = static_cast<char*>(room);
  for (char* view : {first, first + bytes}) {
    if (mmap(view, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0) == MAP_FAILED) {
      munmap(room, 2 * bytes);
      return nullptr;
    }
  }
  return first;
}

}  // namespace

base::Expected<std::unique_ptr<ByteRing>> ByteRing::make(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  DRAWBRIDGE_CHECK(bytes >= page && (bytes & (bytes - 1)) == 0);
  const int memory = memfd_create("drawbridge-ring", MFD_CLOEXEC);
  if (memory < 0) return std::unexpected(no_memory(bytes));
  char* mapped = nullptr;
  if (ftruncate(memory, static_cast<off_t>(bytes)) == 0) mapped = map_twice(memory, bytes);
  const int failed = errno;
  close(memory);  // the mappings keep it
  errno = failed;
  if (mapped == nullptr) return std::unexpected(no_memory(bytes));
  return std::unique_ptr<ByteRing>(new ByteRing(mapped, bytes));
}

ByteRing::~ByteRing() {
  munmap(memory_, 2 * bytes_);
}

char* ByteRing::reserve(std::size_t bytes) {
  const auto written = written_.load(std::memory_order_relaxed);
  if (bytes_ - (written - known_read_) < bytes) {
    known_read_ = read_.load(std::memory_order_acquire);
    if (bytes_ - (written - known_read_) < bytes) return nullptr;
  }
  return memory_ + (written & (bytes_ - 1));
}

void ByteRing::commit(std::size_t bytes) {
  written_.store(written_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
}

std::size_t ByteRing::waiting() const {
  const auto read = read_.load(std::memory_order_acquire);
  return written_.load(std::memory_order_acquire) - read;
}

std::string_view ByteRing::readable() const {
  const auto read = read_.load(std::memory_order_relaxed);
  const auto written = written_.load(std::memory_order_acquire);
  return {memory_ + (read & (bytes_ - 1)), written - read};
}

void ByteRing::release(std::size_t bytes) {
  read_.store(read_.load(std::memory_order_relaxed) + bytes, std::memory_order_release);
}

}  // namespace drawbridge::obs

#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace drawbridge::net {

class Region;

// Memory for objects of one size, many of which come and go in bursts: slabs straight from the kernel, or from
// a region, each given back when nothing is left in it, whatever else the process has allocated meanwhile. Last
// used first. Belongs to one thread; outlives what it lent.
class Slabs {
 public:
  static constexpr std::size_t slab_bytes = 64 * 1024;

  // `bytes` of each object: a multiple of 16, at most an eighth of a slab, less 64. From a region there may be
  // nothing: then take() returns null. `owner`: for who knows it.
  explicit Slabs(std::size_t bytes, Region* region = nullptr, void* owner = nullptr)
      : bytes_(bytes), region_(region), owner_(owner) {}
  ~Slabs();
  Slabs(const Slabs&) = delete;
  Slabs& operator=(const Slabs&) = delete;

  void* take() {
    if (free_ == nullptr) return take_from_slab();
    if (--free_count_ < unused_) unused_ = free_count_;
    return std::exchange(free_, free_->next);
  }
  void give_back(void* object) noexcept {
    free_ = new (object) Free{free_};
    ++free_count_;
  }

  std::size_t object_bytes() const { return bytes_; }
  void* owner() const { return owner_; }
  // Who lent it.
  static Slabs& of(void* object) { return *slab_of(object).lender; }

  // Puts away some of what nobody has used since the last call. True if there is more.
  bool put_away();

 private:
  struct Free {
    Free* next;
  };
  struct Slab {
    Slabs* lender;
    Slab* previous;
    Slab* next;
    Free* free;
    std::uint32_t used;     // out of the slab: lent, or in free_
    std::uint32_t touched;  // places that were used at least once
  };

  static Slab& slab_of(void* object) {
    const auto offset = reinterpret_cast<std::uintptr_t>(object) & (slab_bytes - 1);
    return *reinterpret_cast<Slab*>(static_cast<char*>(object) - offset);
  }
  [[gnu::noinline]] void* take_from_slab();
  void return_to_slab(void* object);
  Slab* map() const;
  void unmap(Slab& slab) const;
  void link(Slab& slab);
  void unlink(Slab& slab);

  std::size_t bytes_;
  Region* region_;
  void* owner_;
  Free* free_ = nullptr;  // ready for use, from any slab
  std::size_t free_count_ = 0;
  std::size_t unused_ = 0;  // least of free_count_ since the last put_away()
  Slab* roomy_ = nullptr;   // slabs with room
};

}  // namespace drawbridge::net

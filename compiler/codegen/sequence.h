// sequence.h - a growing array of plain data, as far as compiles need one: std::vector without its initialisation.
//
// Elements are trivially copyable; those that `extend` and `resize` make hold no particular value until they are
// written. Room for several elements is asked for once. Storage is kept by clear(). Amortised O(1) an element; copying
// is a memcpy. Tested in compiler/codegen/tests/sequence_test.cpp.
#pragma once

#include "assay/types.h"
#include "compiler/ir/always_inline.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <type_traits>

namespace assay::codegen {

template <typename T> class Sequence {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
  using value_type = T;

  Sequence() = default;
  Sequence(const Sequence& other) { append(other.begin(), other.end()); }
  Sequence(Sequence&& other) noexcept { swap(other); }
  Sequence& operator=(const Sequence& other) {
    if (this == &other) return *this;
    clear();
    append(other.begin(), other.end());
    return *this;
  }
  Sequence& operator=(Sequence&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Sequence() = default;

  T* data() { return first_; }
  const T* data() const { return first_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - first_); }
  bool empty() const { return end_ == first_; }
  T* begin() { return first_; }
  T* end() { return end_; }
  const T* begin() const { return first_; }
  const T* end() const { return end_; }
  T& operator[](std::size_t index) { return first_[index]; }
  const T& operator[](std::size_t index) const { return first_[index]; }
  T& back() { return end_[-1]; }
  const T& back() const { return end_[-1]; }

  void clear() { end_ = first_; }
  /// `count` more elements, yet to be written; gives the first. References to older ones may dangle.
  T* extend(std::size_t count) {
    if (static_cast<std::size_t>(limit_ - end_) < count) grow(count);
    T* const added = end_;
    end_ += count;
    return added;
  }
  void push_back(const T& value) {
    const T copy = value;
    *extend(1) = copy;
  }
  void pop_back() { --end_; }
  void append(const T* from, const T* to) {
    const std::size_t count = static_cast<std::size_t>(to - from);
    if (count != 0) std::memcpy(static_cast<void*>(extend(count)), from, count * sizeof(T));
  }
  /// What lies beyond the old size is yet to be written.
  void resize(std::size_t count) {
    if (count > size()) extend(count - size());
    end_ = first_ + count;
  }
  void assign(std::size_t count, const T& value) {
    const T copy = value;
    resize(count);
    std::fill(first_, end_, copy);
  }
  friend bool operator==(const Sequence& a, const Sequence& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

private:
  void swap(Sequence& other) {
    std::swap(storage_, other.storage_);
    std::swap(first_, other.first_);
    std::swap(end_, other.end_);
    std::swap(limit_, other.limit_);
  }
  void grow(std::size_t more) {
    const std::size_t old = size(), room = std::max<std::size_t>(old + more, std::max<std::size_t>(64, 2 * old));
    // Raw bytes: objects of T begin with the writing of them (T is trivially copyable and destructible).
    std::unique_ptr<std::byte[]> storage(new std::byte[room * sizeof(T)]);
    if (old != 0) std::memcpy(storage.get(), first_, old * sizeof(T));
    storage_ = std::move(storage);
    first_ = reinterpret_cast<T*>(storage_.get());
    end_ = first_ + old;
    limit_ = first_ + room;
  }

  std::unique_ptr<std::byte[]> storage_;
  T* first_ = nullptr;
  T* end_ = nullptr;
  T* limit_ = nullptr; // the end of the storage
};

} // namespace assay::codegen

// errors.h - how the library says that something went wrong.
//
// Three kinds, never mixed: bad input or a missing host ability is a Result with an Error; a broken
// invariant is ASSAY_CHECK, which prints and aborts; a trap or exception of the *program* is an
// Outcome, or one of the C++ exceptions below when it reaches a host caller.
// Tested in compiler/ir/tests/errors_test.cpp.
#pragma once

#include "assay/types.h"

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace assay {

/// Class of an error; the `assay` command maps it to its exit status.
enum class ErrorKind : u8 {
  BadInput,    ///< the input is wrong; file, line and column say where
  Unsupported, ///< well formed, but this build or host cannot do it; the message says why
  Io,          ///< the system refused (message holds its reason)
  Internal,    ///< a defect of ours
};

/// An error with its place. `line` and `column` count from 1; 0 means "not about a place in text".
struct Error {
  ErrorKind kind = ErrorKind::BadInput;
  std::string file;
  u32 line = 0;
  u32 column = 0;
  std::string message; ///< what was found, and what was expected

  /// "file:line:column: message", leaving out what is not known.
  std::string to_string() const;
};

/// A value or an Error. Test it before use; `value()` of an error is a broken invariant.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(state_); }

private:
  std::variant<T, Error> state_;
};

/// Success or an Error. Success allocates nothing.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : error_(std::make_unique<Error>(std::move(error))) {}

  bool ok() const { return error_ == nullptr; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return *error_; }

private:
  std::unique_ptr<Error> error_;
};

/// Thrown through the host when an AIR program traps (air.md, "Traps").
class TrapException : public std::exception {
public:
  TrapException(TrapKind kind, Position position) : kind_(kind), position_(position) {}
  TrapKind kind() const { return kind_; }
  Position position() const { return position_; }
  const char* what() const noexcept override;

private:
  TrapKind kind_;
  Position position_;
};

/// An AIR exception in flight, as host functions between AIR frames and the caller see it (air.md, "Exceptions"). A
/// host function may throw one: it is of the first module that it meets, if that has such a tag.
class AirException final : public std::exception {
public:
  /// `module`: what tells modules apart whose tags have the same number; null: of any.
  AirException(TagId tag, std::vector<u64> payload, const void* module = nullptr)
      : tag_(tag), payload_(std::move(payload)), module_(module) {}
  TagId tag() const { return tag_; }
  const std::vector<u64>& payload() const { return payload_; }
  const void* module() const { return module_; }
  const char* what() const noexcept override { return "assay: an AIR exception left its module"; }

private:
  TagId tag_;
  std::vector<u64> payload_;
  const void* module_;
};

namespace detail {
[[noreturn]] void check_failed(const char* file, int line, const char* what);
}

/// A broken invariant of ours: prints the place and ends the process. Always on.
#define ASSAY_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::assay::detail::check_failed(__FILE__, __LINE__, #condition))

/// The same, in builds that verify (`dev`, `fuzz`); nothing in release.
#ifdef ASSAY_VERIFY
#define ASSAY_DCHECK(condition) ASSAY_CHECK(condition)
#else
#define ASSAY_DCHECK(condition) static_cast<void>(0)
#endif

} // namespace assay

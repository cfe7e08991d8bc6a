// engine.h - the JIT for an application: load AIR, bind C++ functions, call compiled functions as C++ functions.
//
//   assay::Engine engine;
//   engine.bind("add4", [](int64_t x) { return x + 4; });
//   auto program = engine.load_text("import @add4(i64) -> i64 ...");          // Result<Instance>
//   auto f = program->function<int64_t(int64_t)>("f");                        // Result<TypedFunction<...>>
//   int64_t y = (*f)(38);                                                     // throws TrapException
//   auto r = f->try_call(38);                                                 // CallResult: value, trap or exception
//
// C++ and AIR types: int8_t..int64_t and uint8_t..uint64_t are i8..i64, bool is i8, float is f32, double is f64, any
// pointer is ptr; void is no result, std::tuple several. A signature that does not fit is an Error, found when the
// function is asked for or the module loaded, never at the call.
// Exceptions of bound functions pass through compiled frames to whoever called in. A trap arrives as TrapException.
// Handles share ownership: an Instance and its TypedFunctions keep the code alive, the code its engine; when the
// last is dropped everything is given back.
// Threads: an Engine with all that it loaded is used by one thread at a time; different Engines are independent.
// Cost of a call: about 0.1 us. Tested in compiler/jit/tests/engine_test.cpp; see compiler/examples/.
#pragma once

#include "assay/code_tools.h"
#include "assay/compiler.h"
#include "assay/errors.h"
#include "assay/exception_model.h"
#include "assay/module.h"

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace assay {

class Instance;

namespace detail {

struct EngineState;
struct InstanceState;

template <typename T> constexpr Type air_type() {
  static_assert(std::is_arithmetic_v<T> || std::is_pointer_v<T>, "AIR has integers, float, double and pointers");
  if constexpr (std::is_pointer_v<T>) {
    return Type::Ptr;
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "AIR has no long double");
    return sizeof(T) == 4 ? Type::F32 : Type::F64;
  } else {
    return sizeof(T) == 1 ? Type::I8 : sizeof(T) == 2 ? Type::I16 : sizeof(T) == 4 ? Type::I32 : Type::I64;
  }
}

template <typename T> u64 to_bits(T value) {
  u64 bits = 0;
  std::memcpy(&bits, &value, sizeof value); // little-endian hosts only, as the compiler's targets are
  return bits;
}

template <typename T> T from_bits(u64 bits) {
  if constexpr (std::is_same_v<T, bool>) {
    return bits != 0;
  } else {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
}

/// What R is as a list of AIR results.
template <typename R> struct Results {
  static std::vector<Type> types() { return {air_type<R>()}; }
  static void store(const R& value, u64* out) { out[0] = to_bits(value); }
  static R load(const u64* in) { return from_bits<R>(in[0]); }
  static constexpr size_t kCount = 1;
};
template <> struct Results<void> {
  static std::vector<Type> types() { return {}; }
  static void load(const u64*) {}
  static constexpr size_t kCount = 0;
};
template <typename... T> struct Results<std::tuple<T...>> {
  static std::vector<Type> types() { return {air_type<T>()...}; }
  static void store(const std::tuple<T...>& value, u64* out) {
    std::apply([&](const T&... each) { ((*out++ = to_bits(each)), ...); }, value);
  }
  static std::tuple<T...> load(const u64* in) { return load(in, std::index_sequence_for<T...>{}); }
  static constexpr size_t kCount = sizeof...(T);

private:
  template <size_t... I> static std::tuple<T...> load([[maybe_unused]] const u64* in, std::index_sequence<I...>) {
    return {from_bits<T>(in[I])...};
  }
};

/// A bound function without its C++ type.
struct HostFunction {
  std::vector<Type> params, results;
  std::function<void(const u64* args, u64* results)> call;
};

template <typename R, typename... A, size_t... I>
void call_host(const std::function<R(A...)>& function, [[maybe_unused]] const u64* args, [[maybe_unused]] u64* results,
               std::index_sequence<I...>) {
  if constexpr (std::is_void_v<R>) {
    function(from_bits<std::decay_t<A>>(args[I])...);
  } else {
    Results<R>::store(function(from_bits<std::decay_t<A>>(args[I])...), results);
  }
}

template <typename R, typename... A> HostFunction make_host_function(std::function<R(A...)> function) {
  HostFunction out;
  out.params = {air_type<std::decay_t<A>>()...};
  out.results = Results<R>::types();
  out.call = [held = std::move(function)](const u64* args, u64* results) {
    call_host(held, args, results, std::index_sequence_for<A...>{});
  };
  return out;
}

void invoke(InstanceState& state, FunctionId function, std::span<const u64> args, std::span<u64> results);
/// The trap, when there was one that passed no host frame.
std::optional<TrapException> try_invoke(InstanceState& state, FunctionId function, std::span<const u64> args,
                                        std::span<u64> results);
Result<FunctionId> find_export(const InstanceState& state, std::string_view name, std::span<const Type> params,
                               std::span<const Type> results);

} // namespace detail

/// How a call ended, as a value.
template <typename R> class CallResult {
public:
  using Value = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

  static CallResult returned(Value value) { return CallResult(std::move(value)); }
  static CallResult trapped(TrapException trap) { return CallResult(std::move(trap)); }
  static CallResult threw(std::exception_ptr exception) { return CallResult(std::move(exception)); }

  /// Whether the call returned.
  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  /// Only when ok().
  const Value& value() const { return std::get<0>(state_); }
  bool has_trapped() const { return state_.index() == 1; }
  /// Only when has_trapped().
  TrapKind trap() const { return std::get<1>(state_).kind(); }
  Position position() const { return std::get<1>(state_).position(); }
  /// What a host function threw, or an AIR exception (AirException); null otherwise.
  std::exception_ptr exception() const { return state_.index() == 2 ? std::get<2>(state_) : nullptr; }

private:
  template <typename T> explicit CallResult(T state) : state_(std::move(state)) {}
  std::variant<Value, TrapException, std::exception_ptr> state_;
};

/// A compiled function with its C++ type. Copyable; keeps its instance alive.
template <typename Signature> class TypedFunction;

template <typename R, typename... A> class TypedFunction<R(A...)> {
public:
  /// Throws TrapException, AirException, or what a host function threw.
  R operator()(A... args) const {
    const u64 arg_bits[sizeof...(A) + 1] = {detail::to_bits(args)...};
    u64 result_bits[detail::Results<R>::kCount + 1];
    detail::invoke(*state_, function_, {arg_bits, sizeof...(A)}, {result_bits, detail::Results<R>::kCount});
    return detail::Results<R>::load(result_bits);
  }

  /// Throws nothing that the program is the cause of. A trap costs ten times less than by operator().
  CallResult<R> try_call(A... args) const {
    const u64 arg_bits[sizeof...(A) + 1] = {detail::to_bits(args)...};
    u64 result_bits[detail::Results<R>::kCount + 1];
    try {
      auto trap =
          detail::try_invoke(*state_, function_, {arg_bits, sizeof...(A)}, {result_bits, detail::Results<R>::kCount});
      if (trap) return CallResult<R>::trapped(*trap);
      if constexpr (std::is_void_v<R>) {
        return CallResult<R>::returned({});
      } else {
        return CallResult<R>::returned(detail::Results<R>::load(result_bits));
      }
    } catch (const TrapException& trap) {
      return CallResult<R>::trapped(trap);
    } catch (...) {
      return CallResult<R>::threw(std::current_exception());
    }
  }

private:
  friend class Instance;
  TypedFunction(std::shared_ptr<detail::InstanceState> state, FunctionId function)
      : state_(std::move(state)), function_(function) {}
  std::shared_ptr<detail::InstanceState> state_;
  FunctionId function_;
};

/// A loaded module: code, memory, globals. A handle; copies mean the same instance.
class Instance {
public:
  /// The exported function of that name. BadInput when there is none or its type is another (the message shows both).
  template <typename Signature> Result<TypedFunction<Signature>> function(std::string_view name) const {
    return typed(name, static_cast<Signature*>(nullptr));
  }

  const Module& module() const;
  /// The linear memory. The span is valid until the memory grows.
  std::span<u8> memory() const;
  /// A global variable by name. BadInput when there is none of that name and type.
  template <typename T> Result<T> global(std::string_view name) const {
    auto slot = global_slot(name, detail::air_type<T>());
    if (!slot) return slot.error();
    return detail::from_bits<T>(**slot);
  }
  template <typename T> Result<void> set_global(std::string_view name, T value) const {
    auto slot = global_slot(name, detail::air_type<T>());
    if (!slot) return slot.error();
    **slot = detail::to_bits(value);
    return {};
  }
  /// How exceptions pass its frames: Unwind or Defer.
  ExceptionModel exceptions() const;
  /// The budget of `fuel` operations; not limited in a new instance.
  u64 fuel() const;
  void set_fuel(u64 fuel) const;
  /// Memory, globals and table as in a new instance. Not during a call.
  void reset() const;

private:
  friend class Engine;
  explicit Instance(std::shared_ptr<detail::InstanceState> state) : state_(std::move(state)) {}
  Result<u64*> global_slot(std::string_view name, Type type) const;
  template <typename R, typename... A> Result<TypedFunction<R(A...)>> typed(std::string_view name, R (*)(A...)) const {
    const std::vector<Type> params = {detail::air_type<A>()...}, results = detail::Results<R>::types();
    auto found = detail::find_export(*state_, name, params, results);
    if (!found) return found.error();
    return TypedFunction<R(A...)>(state_, *found);
  }
  std::shared_ptr<detail::InstanceState> state_;
};

/// How code memory is kept apart from writable memory (compiler/os/exec_memory.h).
enum class CodeMemory : u8 {
  Protect, // mapped writable, then made executable; DualMap where the system refuses that
  DualMap, // two views of the same memory
};

struct EngineOptions {
  Level level = Level::O2;
  bool use_host_features = true; // instructions beyond the target's baseline that this processor has
  CodeMemory code_memory = CodeMemory::Protect;
  /// How far below its caller compiled code may go, in bytes; what would go further traps stack_overflow. Of a thread's
  /// stack 256 KiB are left to the host, or half of what there is if that is less. On a stack that the embedder made
  /// (a fiber's, a coroutine's) only this bounds it: say what there is without what host functions need.
  u64 stack_bytes = 1u << 20;
  ToolOptions tools; // debuggers and profilers that are told about the code; each function has its frame then
  ExceptionModel exceptions = ExceptionModel::Automatic;
};

class Engine {
public:
  explicit Engine(const EngineOptions& options = {});

  /// Imports of that name in modules loaded from now on call `function`: anything with one call operator.
  template <typename F> void bind(std::string name, F&& function) {
    bind_erased(std::move(name), detail::make_host_function(std::function(std::forward<F>(function))));
  }
  /// Verifies, compiles and installs. An Error when the module is not valid, an import is not bound or has another
  /// type, the target cannot compile it, or there is no memory (Io); the engine can be used on. With `source` debuggers
  /// and profilers show its lines; its `module` is not looked at.
  Result<Instance> load(Module module, const DebugSource* source = nullptr);
  /// `file`: the name in errors, and what debuggers show.
  Result<Instance> load_text(std::string_view air, std::string_view file = "<text>");

private:
  void bind_erased(std::string name, detail::HostFunction function);
  std::shared_ptr<detail::EngineState> state_;
};

} // namespace assay

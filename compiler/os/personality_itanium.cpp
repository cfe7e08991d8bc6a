// personality_itanium.cpp - the personality routine by the Itanium C++ ABI, for libstdc++ and libc++abi.
//
// On Windows (mingw-w64) the system unwinds, by structured exceptions: what the tables name there is a
// language-specific handler (Microsoft, "x64 exception handling"), and libgcc, or LLVM's libunwind, makes of its
// arguments the call of a personality routine: _GCC_specific_handler. The language-specific data are then what lies
// behind the handler's address. The ABI ("Itanium C++ ABI: Exception Handling", 1.6 and 2.2.1): what flies is an
// _Unwind_Exception, right before the thrown object and at the end of a header that begins with the object's
// std::type_info. std::rethrow_exception throws a dependent exception (the class's last byte is 1) that refers to the
// primary object; where, differs between the two libraries, which the class tells apart. Tested in
// compiler/jit/tests/exceptions_test.cpp.
#include "compiler/os/personality.h"

#include "assay/planted.h"

#include <cstdint>
#include <cstring>
#include <cxxabi.h>
#include <typeinfo>
#include <unwind.h>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#endif

namespace assay::os {

namespace {

constexpr u64 class_of(const char (&text)[8], u64 last) {
  u64 value = 0;
  for (u32 i = 0; i < 7; ++i) value = value << 8 | static_cast<u8>(text[i]);
  return value << 8 | last;
}
constexpr u64 kGnu = class_of("GNUCC++", 0), kGnuDependent = class_of("GNUCC++", 1);
constexpr u64 kClang = class_of("CLNGC++", 0), kClangDependent = class_of("CLNGC++", 1);

// Distances below the _Unwind_Exception, on systems with 64-bit pointers.
constexpr u64 kTypeBefore = 80;         // exceptionType of __cxa_exception, and of libc++abi's dependent one
constexpr u64 kGnuPrimaryBefore = 80;   // primaryException of libstdc++'s __cxa_dependent_exception
constexpr u64 kClangPrimaryBefore = 88; // of libc++abi's
constexpr u64 kHeaderBytes = sizeof(_Unwind_Exception);

const void* read_pointer(const u8* at) {
  const void* value = nullptr;
  std::memcpy(&value, at, sizeof value);
  return value;
}

struct Thrown {
  const std::type_info* type = nullptr; // null: not a C++ exception
  const void* object = nullptr;
};

/// `object`: as thrown, or where std::exception_ptr points, which is the primary object in both libraries.
Thrown thrown_object(const void* object) {
  const u8* primary = static_cast<const u8*>(object) - kHeaderBytes;
  return {static_cast<const std::type_info*>(read_pointer(primary - kTypeBefore)), object};
}

Thrown thrown_by(u64 exception_class, const void* exception) {
  const u8* header = static_cast<const u8*>(exception);
  const void* object = header + kHeaderBytes;
  switch (exception_class) {
  case kGnu:
  case kClang: break;
  case kGnuDependent: object = read_pointer(header - kGnuPrimaryBefore); break;
  case kClangDependent: object = read_pointer(header - kClangPrimaryBefore); break;
  default: return {};
  }
  return thrown_object(object);
}

FlyingException flying(const Thrown& thrown) {
  FlyingException out;
  if (*thrown.type == typeid(AirException)) out.air = static_cast<const AirException*>(thrown.object);
  out.is_trap = *thrown.type == typeid(TrapException);
  return out;
}

const LandingPads* landing_pads_of(_Unwind_Context* context) {
  const void* data = reinterpret_cast<const void*>(_Unwind_GetLanguageSpecificData(context));
#if defined(_WIN32)
  data = read_pointer(static_cast<const u8*>(data));
#endif
  return static_cast<const LandingPads*>(data);
}

_Unwind_Reason_Code route(int version, _Unwind_Action actions, _Unwind_Exception_Class exception_class,
                          _Unwind_Exception* exception, _Unwind_Context* context) {
  if (version != 1) return _URC_FATAL_PHASE1_ERROR;
  if ((actions & _UA_FORCE_UNWIND) != 0) return _URC_CONTINUE_UNWIND;
  const bool searches = (actions & _UA_SEARCH_PHASE) != 0;
  if (!searches && (actions & _UA_HANDLER_FRAME) == 0) return _URC_CONTINUE_UNWIND;
  const Thrown thrown = thrown_by(exception_class, exception);
  const auto* pads = landing_pads_of(context);
  int before_instruction = 0;
  const u64 pc = _Unwind_GetIPInfo(context, &before_instruction);
  // A frame that was interrupted, and not by a call, has no handler.
  if (thrown.type == nullptr || pads == nullptr || before_instruction != 0) return _URC_CONTINUE_UNWIND;
  const u64 site = ASSAY_PLANTED(eh_site_at_call) ? pc - 1 : pc;
  const u64 pad = pads->find(pads->owner, site, flying(thrown));
  if (pad == 0) return _URC_CONTINUE_UNWIND;
  if (searches) return _URC_HANDLER_FOUND;
  _Unwind_SetGR(context, __builtin_eh_return_data_regno(0), reinterpret_cast<std::uintptr_t>(exception));
  _Unwind_SetIP(context, pad + (ASSAY_PLANTED(eh_pad_behind) ? 1 : 0));
  return _URC_INSTALL_CONTEXT;
}

#if defined(_WIN32)
extern "C" EXCEPTION_DISPOSITION _GCC_specific_handler(EXCEPTION_RECORD*, void*, CONTEXT*, DISPATCHER_CONTEXT*,
                                                       _Unwind_Personality_Fn);

EXCEPTION_DISPOSITION handle(EXCEPTION_RECORD* exception, void* frame, CONTEXT* context,
                             DISPATCHER_CONTEXT* dispatcher) {
  return _GCC_specific_handler(exception, frame, context, dispatcher, &route);
}
#else
constexpr auto handle = &route;
#endif

} // namespace

u64 personality() { return reinterpret_cast<u64>(handle); }

const AirException* air_exception(void* exception) {
  u64 exception_class = 0;
  std::memcpy(&exception_class, exception, 8);
  return flying(thrown_by(exception_class, exception)).air;
}

const AirException* air_exception(const std::exception_ptr& exception) {
  static_assert(sizeof exception == sizeof(void*), "a pointer to the primary object");
  const void* object = read_pointer(reinterpret_cast<const u8*>(&exception));
  return object == nullptr ? nullptr : flying(thrown_object(object)).air;
}

std::exception_ptr take_exception(void* exception) {
  abi::__cxa_begin_catch(exception);
  std::exception_ptr out = std::current_exception();
  abi::__cxa_end_catch();
  return out;
}

} // namespace assay::os

// debugger.cpp - see debugger.h. Layouts, names and the order of steps are the interface's (GDB manual, "Declarations",
// "Registering Code", "Unregistering Code"): the list is changed first, then relevant_entry and action say what, then
// the function is called. Tested in compiler/debug/tools/tests/debugger_test.cpp.
#include "compiler/os/debugger.h"

#include <mutex>

// Weak, so that another JIT in the program may have them too; a call of a weak function is not optimised away.
#if defined(_MSC_VER)
#define ASSAY_DEBUGGER_SYMBOL __declspec(selectany)
#define ASSAY_DEBUGGER_FUNCTION __declspec(noinline)
#elif defined(_WIN32) // whose object files have no such weak symbols
#define ASSAY_DEBUGGER_SYMBOL [[gnu::used]]
#define ASSAY_DEBUGGER_FUNCTION [[gnu::used, gnu::noinline]]
#else
#define ASSAY_DEBUGGER_SYMBOL [[gnu::weak, gnu::used, gnu::visibility("default")]]
#define ASSAY_DEBUGGER_FUNCTION [[gnu::weak, gnu::used, gnu::noinline, gnu::visibility("default")]]
#endif

extern "C" {

struct jit_code_entry {
  jit_code_entry* next_entry;
  jit_code_entry* prev_entry;
  const char* symfile_addr;
  std::uint64_t symfile_size;
};

struct jit_descriptor {
  std::uint32_t version;
  std::uint32_t action_flag;
  jit_code_entry* relevant_entry;
  jit_code_entry* first_entry;
};

void __jit_debug_register_code();
extern jit_descriptor __jit_debug_descriptor;

ASSAY_DEBUGGER_SYMBOL jit_descriptor __jit_debug_descriptor = {1, 0, nullptr, nullptr};

ASSAY_DEBUGGER_FUNCTION void __jit_debug_register_code() {
  // Something that must be done: else a compiler that sees through the function makes it and its calls go away.
  static volatile std::uint32_t calls;
  calls = calls + 1;
}

} // extern "C"

namespace assay::os {

namespace {

enum Action : std::uint32_t { kNothing = 0, kRegister = 1, kUnregister = 2 };

/// Never destroyed: objects with static storage may hold code.
std::mutex& list_mutex() {
  static std::mutex* const mutex = new std::mutex;
  return *mutex;
}

void announce(jit_code_entry& entry, Action action) {
  __jit_debug_descriptor.relevant_entry = &entry;
  __jit_debug_descriptor.action_flag = action;
  __jit_debug_register_code();
  __jit_debug_descriptor.action_flag = kNothing;
  __jit_debug_descriptor.relevant_entry = nullptr;
}

} // namespace

struct DebuggerObject::Entry {
  jit_code_entry link{};
};

DebuggerObject::DebuggerObject(std::vector<u8> file) : file_(std::move(file)), entry_(std::make_unique<Entry>()) {
  jit_code_entry& entry = entry_->link;
  entry.symfile_addr = reinterpret_cast<const char*>(file_.data());
  entry.symfile_size = file_.size();
  const std::lock_guard lock(list_mutex());
  entry.next_entry = __jit_debug_descriptor.first_entry;
  if (entry.next_entry != nullptr) entry.next_entry->prev_entry = &entry;
  __jit_debug_descriptor.first_entry = &entry;
  announce(entry, kRegister);
}

DebuggerObject::~DebuggerObject() {
  jit_code_entry& entry = entry_->link;
  const std::lock_guard lock(list_mutex());
  if (entry.prev_entry != nullptr) entry.prev_entry->next_entry = entry.next_entry;
  else __jit_debug_descriptor.first_entry = entry.next_entry;
  if (entry.next_entry != nullptr) entry.next_entry->prev_entry = entry.prev_entry;
  announce(entry, kUnregister);
}

u64 debugger_object_count() {
  const std::lock_guard lock(list_mutex());
  u64 count = 0;
  for (const jit_code_entry* e = __jit_debug_descriptor.first_entry; e != nullptr; e = e->next_entry) ++count;
  return count;
}

} // namespace assay::os

// windows_step_a64_test.cpp - RtlVirtualUnwind against the truth, at every instruction of compiled functions on Windows
// ARM64.
//
// This system has no single steps: every instruction of the code is replaced by a breakpoint. A vectored handler puts
// the one that is due back, and the one before away again. It keeps a stack of the frames as they truly are (a call
// pushes one: its registers are what unwinding must give until the return) and asks the system for the caller's. A
// missing entry would be taken for a leaf, so that one is there is checked first. Where the frame is gone and only
// stack arguments are left to pop, sp is what the caller finds. Controls: each unwind code changed must be noticed. The
// twin for x64 is windows_step_test.cpp.
#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/jit/instance.h"
#include "compiler/unwind/tests/corpus_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#endif

namespace assay::jit {
namespace {

#if defined(_WIN32) && (defined(__aarch64__) || defined(_M_ARM64))

constexpr u32 kBreakpoint = 0xd43e0000; // brk #0xf000
constexpr u32 kMostSteps = 400;         // of one call; those of a loop are alike

/// What the frame's caller has in its callee-saved registers, and where it goes on.
struct Registers {
  u64 pc = 0, sp = 0;
  u64 general[11] = {}; // x19-x29
  u64 vector[8] = {};   // d8-d15
};

Registers registers_of(const CONTEXT& c) {
  Registers out;
  out.pc = c.Pc;
  out.sp = c.Sp;
  for (u32 i = 0; i < 11; ++i) out.general[i] = c.X[19 + i];
  for (u32 i = 0; i < 8; ++i) std::memcpy(&out.vector[i], &c.V[8 + i], 8);
  return out;
}

bool is_call(u32 word) { return word >> 26 == 0x25 || (word & 0xfffffc1f) == 0xd63f0000; } // bl, blr

/// Some code that has breakpoints instead of its instructions for as long as this lives.
class Broken {
public:
  Broken(u64 begin, u64 end) : begin_(begin), words_((end - begin) / 4) {
    std::memcpy(words_.data(), at(begin_), 4 * words_.size());
    EXPECT_TRUE(VirtualProtect(at(begin_), 4 * words_.size(), PAGE_EXECUTE_READWRITE, &before_));
    const std::vector<u32> breakpoints(words_.size(), kBreakpoint);
    std::memcpy(at(begin_), breakpoints.data(), 4 * words_.size());
    FlushInstructionCache(GetCurrentProcess(), at(begin_), 4 * words_.size());
  }
  ~Broken() {
    mend();
    VirtualProtect(at(begin_), 4 * words_.size(), before_, &before_);
  }
  Broken(const Broken&) = delete;
  Broken& operator=(const Broken&) = delete;

  bool has(u64 pc) const { return pc - begin_ < 4 * words_.size(); }
  u32 word(u64 pc) const { return words_[(pc - begin_) / 4]; }
  void put(u64 pc, u32 word) {
    std::memcpy(at(pc), &word, 4);
    FlushInstructionCache(GetCurrentProcess(), at(pc), 4);
  }
  /// All is as it was: the rest runs by itself.
  void mend() {
    std::memcpy(at(begin_), words_.data(), 4 * words_.size());
    FlushInstructionCache(GetCurrentProcess(), at(begin_), 4 * words_.size());
  }

private:
  static void* at(u64 pc) { return reinterpret_cast<void*>(pc); }
  u64 begin_;
  std::vector<u32> words_;
  DWORD before_ = 0;
};

/// Goes through installed code on this thread. One at a time.
class Stepper {
public:
  Stepper() {
    self_ = this;
    handler_ = AddVectoredExceptionHandler(1, &Stepper::on_exception);
  }
  ~Stepper() {
    RemoveVectoredExceptionHandler(handler_);
    self_ = nullptr;
  }

  /// From the next call of the instance's code on, and with the stubs through these as well, until end().
  void begin(Instance& instance, bool with_stubs) {
    const Installed& code = instance.code();
    entries_.clear();
    popped_.clear();
    for (const FunctionCode& function : code.object()->functions) {
      entries_.push_back(code.base() + function.begin);
      popped_.push_back(instance.layout_of(function.function).stack_bytes);
      broken_.push_back(std::make_unique<Broken>(code.base() + function.begin, code.base() + function.end));
    }
    if (with_stubs) {
      const Stubs& stubs = **process_stubs();
      const u64 base = reinterpret_cast<u64>(stubs.base);
      const u64 literal = 8; // the last of the trap entries
      for (const FunctionCode& f : stubs.object->functions)
        broken_.push_back(std::make_unique<Broken>(base + f.begin, base + f.end - (f.begin == 0 ? 0 : literal)));
    }
    frames_.clear();
    open_ = 0;
    gone_ = 0;
  }
  void end() { broken_.clear(); }
  u64 steps() const { return steps_; }
  u64 mismatches() const { return mismatches_; }
  const std::string& first_mismatch() const { return text_; }
  void clear() {
    mismatches_ = 0;
    text_.clear();
  }

private:
  static LONG CALLBACK on_exception(EXCEPTION_POINTERS* info) {
    if (info->ExceptionRecord->ExceptionCode != static_cast<DWORD>(EXCEPTION_BREAKPOINT))
      return EXCEPTION_CONTINUE_SEARCH;
    // Whether the context's pc is that of the breakpoint or behind it depends on the system.
    const u64 pc = reinterpret_cast<u64>(info->ExceptionRecord->ExceptionAddress);
    Broken* const place = self_->find(pc);
    if (place == nullptr) return EXCEPTION_CONTINUE_SEARCH;
    info->ContextRecord->Pc = pc;
    self_->step(*info->ContextRecord, *place);
    return EXCEPTION_CONTINUE_EXECUTION;
  }
  Broken* find(u64 pc) const {
    for (const auto& one : broken_)
      if (one->has(pc)) return one.get();
    return nullptr;
  }

  void step(CONTEXT& context, Broken& place) {
    const u64 pc = context.Pc, sp = context.Sp;
    Broken* const last = open_ == 0 ? nullptr : find(open_);
    const bool called = last != nullptr && is_call(last->word(open_)) && pc != open_ + 4 && context.Lr == open_ + 4;
    if (frames_.empty() || called) push(context);
    else if (pc == frames_.back().pc && sp >= frames_.back().sp && frames_.size() > 1) frames_.pop_back();
    else if (std::find(entries_.begin(), entries_.end(), pc) != entries_.end() && context.Lr == frames_.back().pc)
      frames_.back() = entered(context); // by a tail call
    check(context);
    if (++gone_ == kMostSteps) {
      for (const auto& one : broken_) one->mend();
      return;
    }
    if (last != nullptr) last->put(open_, kBreakpoint);
    place.put(pc, place.word(pc));
    open_ = pc;
  }

  static Registers entered(const CONTEXT& context) {
    Registers out = registers_of(context);
    out.pc = context.Lr;
    return out;
  }
  void push(const CONTEXT& context) { frames_.push_back(entered(context)); }

  void check(const CONTEXT& context) {
    ++steps_;
    CONTEXT up = context;
    DWORD64 base = 0;
    auto* const entry = RtlLookupFunctionEntry(context.Pc, &base, nullptr);
    if (entry == nullptr) return differs(context, "no entry");
    void* data = nullptr;
    DWORD64 establisher = 0;
    RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, context.Pc, entry, &up, &data, &establisher, nullptr);
    const Registers found = registers_of(up);
    const Registers& truth = frames_.back();
    if (found.pc != truth.pc) return differs(context, "pc");
    const bool popped = found.sp == context.Sp || found.sp == truth.sp + popped_at(context.Pc);
    if (found.sp != truth.sp && !popped) return differs(context, "sp");
    for (u32 i = 0; i < 11; ++i)
      if (found.general[i] != truth.general[i]) return differs(context, "x" + std::to_string(19 + i));
    for (u32 i = 0; i < 8; ++i)
      if (found.vector[i] != truth.vector[i]) return differs(context, "d" + std::to_string(8 + i));
  }
  u64 popped_at(u64 pc) const {
    const auto behind = std::upper_bound(entries_.begin(), entries_.end(), pc);
    return behind == entries_.begin() ? 0 : popped_[static_cast<std::size_t>(behind - entries_.begin()) - 1];
  }
  void differs(const CONTEXT& context, const std::string& what) {
    if (mismatches_++ != 0) return;
    std::ostringstream out;
    out << what << " at 0x" << std::hex << context.Pc << ", function 0x";
    const auto behind = std::upper_bound(entries_.begin(), entries_.end(), context.Pc);
    out << (behind == entries_.begin() ? 0 : behind[-1]);
    text_ = out.str();
  }

  static Stepper* self_;
  void* handler_ = nullptr;
  std::vector<std::unique_ptr<Broken>> broken_;
  std::vector<u64> entries_, popped_; // of each function: address, and bytes of stack arguments
  std::vector<Registers> frames_;
  u64 open_ = 0; // the instruction that stands there
  u32 gone_ = 0; // since it began
  u64 steps_ = 0, mismatches_ = 0;
  std::string text_; // of the first mismatch
};
Stepper* Stepper::self_ = nullptr;

class SteppingA64 : public testing::Test, protected ImportHandler {
protected:
  void on_import(Instance&, FunctionId, std::span<const u64>, std::span<u64>) override { ++imports_; }

  bool load(std::string_view text, Level level) {
    EXPECT_TRUE(installer_->uninstall(code_));
    auto module = parse_and_verify(text);
    if (!module || !module->tags.empty()) return false; // who throws goes past the calls that are waited for
    module_ = std::move(module).value();
    CompileOptions options;
    options.level = level;
    const auto compiled = Compiler(options).compile(module_, object_);
    EXPECT_TRUE(compiled) << compiled.error().to_string();
    EXPECT_TRUE(installer_->install(object_, code_));
    EXPECT_TRUE(instance_.load(module_, code_, *this));
    return true;
  }
  /// Every exported function, with small numbers for arguments.
  void run_all(u64 fuel, bool with_stubs = false) {
    for (FunctionId id = 0; id < module_.functions.size(); ++id) {
      const Function& function = module_.functions[id];
      if (function.imported || !function.exported) continue;
      std::vector<u64> args(module_.params_of(function).size());
      for (std::size_t i = 0; i < args.size(); ++i) args[i] = 3 + i;
      instance_.reset();
      instance_.set_fuel(fuel);
      EntryFrame frame; // no two registers are alike, so that none can be taken for another
      for (u32 r = 0; r < EntryFrame::kRegisters; ++r) {
        frame.gpr_in[r] = 0x1000 + r;
        frame.fpr_in[r][0] = 0x2000 + r;
        frame.fpr_in[r][1] = 0x3000 + r;
      }
      instance_.place(id, args, frame);
      TrapValue trap;
      stepper_.begin(instance_, with_stubs);
      static_cast<void>(instance_.try_enter(id, frame, trap));
      stepper_.end();
    }
  }
  ~SteppingA64() override { EXPECT_TRUE(installer_->uninstall(code_)); }

  static InstallOptions
  protect() { // the emulator that runs this in tests follows changes at the address that runs only
    InstallOptions options;
    options.strategy = os::MemoryStrategy::Protect;
    return options;
  }
  Result<Installer> installer_ = Installer::create(protect(), (*process_stubs())->trap_entry);
  Module module_;
  CodeObject object_;
  Installed code_;
  Instance instance_;
  Stepper stepper_;
  u64 imports_ = 0;
};

TEST_F(SteppingA64, TheSystemFindsTheCallerInStubs) {
  ASSERT_TRUE(load("import @host()\nexport func @f(i64) {\n^e(%a: i64):\n  call @host()\n  return\n}\n"
                   "export func @g() {\n^e:\n  trap user3\n}\n",
                   Level::O2));
  run_all(40);
  const u64 without = stepper_.steps();
  run_all(40, true);
  EXPECT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch();
  EXPECT_GT(stepper_.steps(), 2 * without + 200); // some 100 moves each way
}

/// Saves integers and vectors: many values go round a loop with a call in it.
std::string frame_program() {
  constexpr u32 kIntegers = 9, kFloats = 8;
  std::string parameters = "%p0: i64", first = "%n", next = "%r0", body = "  %r0 = sub.i64 %p0, %one\n";
  for (u32 i = 1; i < kIntegers; ++i) {
    const std::string n = std::to_string(i);
    parameters += ", %p" + n + ": i64";
    first += ", %a";
    next += ", %r" + n;
    body += "  %r" + n + " = add.i64 %p" + n + ", %p" + std::to_string(i - 1) + "\n";
  }
  for (u32 i = 0; i < kFloats; ++i) {
    const std::string n = std::to_string(i);
    parameters += ", %q" + n + ": f64";
    first += ", %x";
    next += ", %s" + n;
    body += "  %s" + n + " = fadd.f64 %q" + n + ", %q" + std::to_string((i + 1) % kFloats) + "\n";
  }
  return "import @host()\nfunc @leaf() {\n^e:\n  call @host()\n  return\n}\n"
         "export func @f(i64, f64) -> i64, f64 {\n^e(%a: i64, %x: f64):\n  %n = const.i64 2\n  jump ^head(" +
         first + ")\n^head(" + parameters + "):\n  call @leaf()\n  %one = const.i64 1\n" + body +
         "  branch %r0, ^head(" + next + "), ^out\n^out:\n  return %r8, %s7\n}\n";
}

TEST_F(SteppingA64, TheSystemFindsTheCallerWhereManyRegistersAreSaved) {
  for (const Level level : {Level::O0, Level::O2}) {
    ASSERT_TRUE(load(frame_program(), level));
    run_all(1000);
    EXPECT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch();
  }
  EXPECT_GT(stepper_.steps(), 100u);
}

TEST_F(SteppingA64, TheSystemFindsTheCallerAtEveryInstructionOfTheCorpus) {
  u32 programs = 0;
  for (const std::string& text : unwind::corpus_programs("run")) {
    for (const Level level : {Level::O0, Level::O2}) {
      if (!load(text, level)) continue;
      ++programs;
      run_all(40);
      ASSERT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch() << " in\n" << text;
    }
  }
  RecordProperty("steps", static_cast<int>(stepper_.steps()));
  EXPECT_GT(programs, 50u);
  EXPECT_GT(imports_, 10u);
  EXPECT_GT(stepper_.steps(), 20000u);
}

/// The unwind codes of a function, writable. Its memory is code memory, which is made executable again at the end.
class Codes {
public:
  explicit Codes(u64 pc) {
    DWORD64 base = 0;
    auto* const entry = RtlLookupFunctionEntry(pc, &base, nullptr);
    u8* const record = reinterpret_cast<u8*>(base + entry->UnwindData);
    u32 head = 0;
    std::memcpy(&head, record, 4);
    EXPECT_NE(head >> 22, 0u) << "one word tells how many codes and epilogues there are";
    EXPECT_EQ(head >> 21 & 1, 0u) << "the epilogues have records of their own";
    size_ = 4 * (head >> 27);
    codes_ = record + 4 + 4 * (head >> 22 & 31);
    EXPECT_TRUE(VirtualProtect(codes_, size_, PAGE_EXECUTE_READWRITE, &before_));
  }
  ~Codes() { VirtualProtect(codes_, size_, before_, &before_); }
  u32 size() const { return size_; }
  u8* at(u32 i) { return codes_ + i; }

private:
  u8* codes_ = nullptr;
  u32 size_ = 0;
  DWORD before_ = 0;
};

enum class Kind { Allocate, SavePair, SaveFrame, SetFrame, Nop, End, Other };
struct Code {
  Kind kind = Kind::Other;
  u32 at = 0, bytes = 1; // the first one's place
};
/// Microsoft, "ARM64 exception handling", unwind codes.
Code code_of(u8 first) {
  if (first < 0x20) return {Kind::Allocate, 0, 1};
  if (first >= 0x40 && first < 0xc0) return {Kind::SaveFrame, 0, 1};
  if (first >= 0xc0 && first < 0xc8) return {Kind::Allocate, 0, 2};
  if ((first >= 0xc8 && first < 0xd0) || (first >= 0xd8 && first < 0xdc)) return {Kind::SavePair, 0, 2};
  if (first == 0xe1) return {Kind::SetFrame, 0, 1};
  if (first == 0xe2) return {Kind::SetFrame, 0, 2};
  if (first == 0xe3) return {Kind::Nop, 0, 1};
  if (first == 0xe4) return {Kind::End, 0, 1};
  return {};
}

/// What the last byte of code `i` may be made: another place, register or size, or another operation. Not what makes no
/// difference: where sp is taken from the frame register next, or was before; behind the last epilogue.
std::vector<u8> changes_of(std::span<const Code> codes, std::size_t i, u8 last) {
  const auto is_set = [](const Code& code) { return code.kind == Kind::SetFrame; };
  const auto keeps = [](const Code& code) { return code.kind == Kind::Nop || code.kind == Kind::Allocate; };
  const auto ends = [](const Code& code) { return code.kind == Kind::End; };
  const auto next = std::find_if_not(codes.begin() + static_cast<std::ptrdiff_t>(i) + 1, codes.end(), keeps);
  const bool sp_matters = next == codes.end() || !is_set(*next);
  const bool was_set = std::any_of(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(i), is_set);
  const bool more_follow = std::any_of(codes.begin() + static_cast<std::ptrdiff_t>(i) + 1, codes.end(), ends);
  std::vector<u8> out;
  const u8 size = last ^ 1;
  switch (codes[i].kind) {
  case Kind::SavePair: out = {static_cast<u8>(last ^ 0x40)}; [[fallthrough]];
  case Kind::Allocate:
    if (sp_matters) out.push_back(size);
    break;
  case Kind::SaveFrame: out = {size}; break;
  case Kind::SetFrame:
    if (codes[i].bytes == 2 && sp_matters) out = {size};
    if (codes[i].bytes == 1 && !was_set) out = {0xe3};
    break;
  case Kind::Nop:
    if (sp_matters && more_follow) out = {0x01}; // an allocation
    break;
  case Kind::End:
    if (more_follow) out = {0xe3}; // and on into the epilogue's codes
    break;
  case Kind::Other: ADD_FAILURE() << "an unwind code that this test does not know"; break;
  }
  return out;
}

TEST_F(SteppingA64, EachUnwindCodeThatIsChangedIsNoticed) {
  ASSERT_TRUE(load(frame_program(), Level::O2));
  run_all(1000);
  ASSERT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch();
  Codes bytes(code_.entry(module_.find_function("f")));
  std::vector<Code> codes;
  for (u32 at = 0; at < bytes.size(); at += codes.back().bytes) {
    codes.push_back(code_of(*bytes.at(at)));
    codes.back().at = at;
  }
  u32 kinds = 0, changed = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    u8* const last = bytes.at(codes[i].at + codes[i].bytes - 1);
    const u8 right = *last;
    for (const u8 other : changes_of(codes, i, right)) {
      *last = other;
      stepper_.clear();
      run_all(1000);
      EXPECT_GT(stepper_.mismatches(), 0u) << "code " << i << ", " << u32{right} << " made " << u32{other};
      kinds |= 1u << static_cast<u32>(codes[i].kind);
      ++changed;
    }
    *last = right;
  }
  EXPECT_EQ(kinds & 14, 14u) << "pairs, the frame record and the frame register must be among them: " << kinds;
  EXPECT_GT(changed, 30u);
  stepper_.clear();
  run_all(1000);
  EXPECT_EQ(stepper_.mismatches(), 0u) << stepper_.first_mismatch();
}

#endif

} // namespace
} // namespace assay::jit

// verify.cpp - validity of a module outside function bodies, and how the verdict is reported.
//
// Signatures come first, since everything else refers to them; then names, memory, globals, tags, table; then
// bodies (verify_function.cpp). Near linear, no recursion. An error names the place in AIR terms, and line and
// column when a source map is given: parse_and_verify reads the text a second time to get one, so that good
// programs do not pay for it. Tested in tests/verify_test.cpp.
#include "assay/verify.h"

#include "assay/outcome.h"
#include "compiler/ir/verifier.h"

#include <algorithm>

namespace assay {

namespace ir {

bool Verifier::run() {
  if (!signatures() || !memory() || !globals() || !tags() || !function_headers() || !table()) return false;
  for (FunctionId id = 0; id < m_.functions.size(); ++id)
    if (!m_.functions[id].imported && !function(id)) return false;
  return true;
}

bool Verifier::fail(std::string message) {
  message_ = std::move(message);
  return false;
}

bool Verifier::fail_value(const char* expected, ValueId value) {
  return fail(std::string("expected ") + expected + ", found value number " + std::to_string(value) + " of " +
              std::to_string(f_->value_types.size()));
}

std::string Verifier::type_names(TypeMask mask) const {
  std::string names;
  for (u32 i = 1; i < kTypeCount; ++i) {
    if ((mask >> i & 1) == 0) continue;
    if (!names.empty()) names += " or ";
    names += name_of(static_cast<Type>(i));
  }
  return names;
}

std::string Verifier::operation(const Inst& inst) const { return "'" + std::string(info(inst.op).name) + "'"; }

Error Verifier::error(std::string_view file, const SourceMap* map) const {
  Error error;
  error.file = file;
  error.message = message_;
  if (function_ == kNone) return error;
  const Function& f = *f_;
  Position position{function_, block_, kNone};
  if (block_ != kNone && inst_ != kNone) position.inst = inst_ - f.blocks[block_].first_inst;
  error.message += " (" + to_string(m_, position) + ")";
  if (map == nullptr || function_ >= map->function_lines.size()) return error;
  error.line = map->function_lines[function_];
  error.column = 1;
  if (block_ != kNone && block_ < map->block_lines[function_].size()) error.line = map->block_lines[function_][block_];
  if (inst_ != kNone && inst_ < map->lines[function_].size()) {
    error.line = map->lines[function_][inst_];
    error.column = map->columns[function_][inst_];
  }
  return error;
}

bool Verifier::memory() {
  if (!m_.has_memory) return m_.data.empty() || fail("expected a memory line for the data, found none");
  if (m_.memory_max > kMemoryLimit)
    return fail("expected a memory maximum of at most " + std::to_string(kMemoryLimit) + " bytes, found " +
                std::to_string(m_.memory_max));
  if (m_.memory_size > m_.memory_max)
    return fail("expected a memory size of at most its maximum " + std::to_string(m_.memory_max) + ", found " +
                std::to_string(m_.memory_size));
  for (const DataSegment& d : m_.data) {
    if (!inside(d.offset, d.bytes.size(), m_.memory_size))
      return fail("expected data within the " + std::to_string(m_.memory_size) + " bytes of memory, found " +
                  std::to_string(d.bytes.size()) + " bytes at " + std::to_string(d.offset));
  }
  return true;
}

bool Verifier::signature_types(const Signature& s, u32 id) {
  const std::string who = "signature " + std::to_string(id);
  if (!inside(s.params, s.param_count, m_.signature_types.size()) ||
      !inside(s.results, s.result_count, m_.signature_types.size()))
    return fail("expected types of " + who + " within signature_types, found a range outside");
  if (s.param_count > kMaxParams || s.result_count > kMaxParams)
    return fail("expected at most " + std::to_string(kMaxParams) +
                " parameters and as many results in a signature, found " +
                std::to_string(std::max(s.param_count, s.result_count)));
  return true;
}

bool Verifier::signatures() {
  for (Type type : m_.signature_types)
    if (!valid_type(type))
      return fail("expected a type in signature_types, found number " + std::to_string(static_cast<u32>(type)));
  for (u32 id = 0; id < m_.signatures.size(); ++id) {
    const Signature& s = m_.signatures[id];
    const bool good = inside(s.params, s.param_count, m_.signature_types.size()) &&
                      inside(s.results, s.result_count, m_.signature_types.size()) && s.param_count <= kMaxParams &&
                      s.result_count <= kMaxParams;
    if (!good) return signature_types(s, id);
  }
  return distinct_signatures();
}

bool Verifier::distinct_signatures() {
  if (m_.signatures.empty()) return true;
  std::size_t size = 16;
  while (size < m_.signatures.size() * 2) size *= 2;
  s_.signature_table.assign(size, kNone);
  for (u32 id = 0; id < m_.signatures.size(); ++id) {
    const auto p = params_of(id), r = results_of(id);
    const u64 hash = hash_bytes(reinterpret_cast<const char*>(p.data()), p.size()) * 31 +
                     hash_bytes(reinterpret_cast<const char*>(r.data()), r.size());
    std::size_t at = hash & (size - 1);
    for (; s_.signature_table[at] != kNone; at = (at + 1) & (size - 1)) {
      const u32 other = s_.signature_table[at];
      const auto op = params_of(other), orr = results_of(other);
      if (std::equal(p.begin(), p.end(), op.begin(), op.end()) &&
          std::equal(r.begin(), r.end(), orr.begin(), orr.end()))
        return fail("expected distinct signatures, found " + std::to_string(other) + " and " + std::to_string(id) +
                    " equal");
    }
    s_.signature_table[at] = id;
  }
  return true;
}

bool Verifier::name(const std::string& name, const char* what) {
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_name))
    return fail(std::string("expected ") + what + " name of letters, digits, '_', '.' and '$', found '" + name + "'");
  u32& known = s_.names.find(name, kNone);
  if (known != kNone) return fail("expected each symbol to be declared once, found '@" + name + "' again");
  known = 0;
  return true;
}

bool Verifier::globals() {
  s_.names.reset(0);
  for (const Global& g : m_.globals) {
    if (!name(g.name, "a global")) return false;
    if (!valid_type(g.type) || g.type == Type::Ptr)
      return fail("expected an integer or float type of global '@" + g.name + "', found " +
                  std::string(name_of(g.type)));
    if ((g.initial & ~bit_mask(g.type)) != 0)
      return fail("expected an initial value within " + std::string(name_of(g.type)) + " of global '@" + g.name +
                  "', found higher bits");
  }
  return true;
}

bool Verifier::tags() {
  for (const Tag& tag : m_.tags) {
    if (!name(tag.name, "a tag")) return false;
    if (tag.signature >= m_.signatures.size())
      return fail("expected a signature of tag '@" + tag.name + "', found none of that number");
    if (!results_of(tag.signature).empty()) return fail("expected no results of tag '@" + tag.name + "', found some");
    const auto payload = params_of(tag.signature);
    if (std::find(payload.begin(), payload.end(), Type::Ptr) != payload.end())
      return fail("expected a payload of integers and floats in tag '@" + tag.name + "', found ptr");
  }
  return true;
}

bool Verifier::function_headers() {
  bool bodies = false;
  for (FunctionId id = 0; id < m_.functions.size(); ++id) {
    const Function& f = m_.functions[id];
    function_ = id;
    if (!name(f.name, "a function")) return false;
    if (f.signature >= m_.signatures.size()) {
      function_ = kNone;
      return fail("expected a signature of '@" + f.name + "', found none of that number");
    }
    if (f.imported && bodies) return fail("expected imports before all functions with a body, found this one after");
    if (f.imported && (!f.blocks.empty() || !f.insts.empty()))
      return fail("expected an import without a body, found blocks or instructions");
    if (f.imported && f.exported) return fail("expected an import not to be exported, found both");
    bodies |= !f.imported;
  }
  function_ = kNone;
  return true;
}

bool Verifier::table() {
  if (!m_.has_table) return m_.table.empty() || fail("expected no table entries without a table, found some");
  for (FunctionId id : m_.table)
    if (id != kNone && id >= m_.functions.size())
      return fail("expected a function or null in the table, found number " + std::to_string(id));
  return true;
}

} // namespace ir

Result<void> verify(const Module& module, std::string_view file, const SourceMap* map) {
  thread_local ir::VerifierScratch scratch;
  ir::Verifier verifier(module, scratch);
  if (verifier.run()) return {};
  return verifier.error(file, map);
}

Result<Module> parse_and_verify(std::string_view text, std::string_view file) {
  Result<Module> module = parse_module(text, file);
  if (!module || verify(*module, file).ok()) return module;
  SourceMap map;
  module = parse_module(text, file, &map);
  return verify(*module, file, &map).error();
}

} // namespace assay

// module_image.cpp - see module_image.h. Fields in the order of module.h, signatures first because the rest refers to
// them.
#include "qemu/protocol/module_image.h"

namespace assay::qemu::protocol {

namespace {

void write_signatures(const Module& module, Writer& w) {
  w.u32_(module.signatures.size());
  for (const Signature& s : module.signatures) {
    for (const std::span<const Type> types : {module.params(s), module.results(s)}) {
      w.u32_(types.size());
      for (const Type type : types) w.u8_(static_cast<u8>(type));
    }
  }
}

/// Types of parameters or results, appended to the module's; their number.
u32 read_types(Reader& r, Module& out) {
  const u32 count = r.count(1);
  if (count > kMaxParams) r.fail();
  if (r.failed()) return 0;
  for (u32 i = 0; i < count; ++i) {
    const Type type = r.choice<Type>(kTypeCount);
    if (type == Type::None) r.fail();
    out.signature_types.push_back(type);
  }
  return count;
}

void read_signatures(Reader& r, Module& out) {
  out.signatures.resize(r.count(8));
  for (Signature& s : out.signatures) {
    s.params = static_cast<u32>(out.signature_types.size());
    s.param_count = read_types(r, out);
    s.results = static_cast<u32>(out.signature_types.size());
    s.result_count = read_types(r, out);
  }
}

void read_memory(Reader& r, Module& out) {
  out.has_memory = r.flag();
  out.memory_size = r.u64_();
  out.memory_max = r.u64_();
  if (out.memory_max > kMemoryLimit || out.memory_size > out.memory_max || (!out.has_memory && out.memory_max != 0))
    r.fail();
  out.data.resize(r.count(12));
  for (DataSegment& data : out.data) {
    data.offset = r.u64_();
    r.text(data.bytes);
    if (data.offset > out.memory_size || data.bytes.size() > out.memory_size - data.offset) r.fail();
  }
}

void read_functions(Reader& r, Module& out) {
  out.functions.resize(r.count(10));
  bool bodies = false;
  for (Function& f : out.functions) {
    r.text(f.name);
    f.signature = r.index(out.signatures.size());
    f.exported = r.flag();
    f.imported = r.flag();
    bodies |= !f.imported;
    if (bodies && f.imported) r.fail(); // imports come first
  }
}

} // namespace

void write_module(const Module& module, Writer& w) {
  write_signatures(module, w);
  w.u8_(module.has_memory);
  w.u64_(module.has_memory ? module.memory_size : 0);
  w.u64_(module.has_memory ? module.memory_max : 0);
  w.u32_(module.data.size());
  for (const DataSegment& data : module.data) w.u64_(data.offset), w.text(data.bytes);
  w.u32_(module.globals.size());
  for (const Global& global : module.globals) w.u8_(static_cast<u8>(global.type)), w.u64_(global.initial);
  w.u32_(module.tags.size());
  for (const Tag& tag : module.tags) w.u32_(tag.signature);
  w.u32_(module.functions.size());
  for (const Function& f : module.functions) w.text(f.name), w.u32_(f.signature), w.u8_(f.exported), w.u8_(f.imported);
  w.u8_(module.has_table);
  w.u32_(module.table.size());
  for (const FunctionId function : module.table) w.u32_(function);
}

void read_module(Reader& r, Module& out) {
  out.clear();
  read_signatures(r, out);
  read_memory(r, out);
  out.globals.resize(r.count(9));
  for (Global& global : out.globals) {
    global.type = r.choice<Type>(kTypeCount);
    global.initial = r.u64_();
    if (!is_int(global.type) && !is_float(global.type)) r.fail();
  }
  out.tags.resize(r.count(4));
  for (Tag& tag : out.tags) tag.signature = r.index(out.signatures.size());
  read_functions(r, out);
  out.has_table = r.flag();
  out.table.resize(r.count(4));
  for (FunctionId& function : out.table) function = r.index(out.functions.size(), true);
}

} // namespace assay::qemu::protocol

// compact.cpp - the pages of __unwind_info. What an encoding means is compact_encoding.cpp. See compact.h.
// Tested in oracle/unwind/tests/compact_test.cpp.
#include "oracle/unwind/compact.h"

#include "oracle/unwind/bytes.h"

#include <algorithm>

namespace assay::oracle {

namespace {

constexpr u32 kVersion = 1, kRegularPage = 2, kCompressedPage = 3;
constexpr u64 kHeaderBytes = 28, kIndexBytes = 12;

} // namespace

Result<std::unique_ptr<CompactTables>> CompactTables::open(Target target, const CompactImage& image,
                                                           std::span<const CodeRange> functions) {
  std::unique_ptr<CompactTables> tables(new CompactTables(target, image, functions));
  if (auto parsed = tables->parse(); !parsed) return parsed.error();
  if (image.eh_frame.bytes.empty()) return tables;
  auto dwarf = DwarfTables::open(target, image.eh_frame, image.code, functions);
  if (!dwarf) return dwarf.error();
  tables->dwarf_ = std::move(*dwarf);
  return tables;
}

Result<void> CompactTables::parse() {
  const std::span<const u8> section = image_.unwind_info.bytes;
  Bytes head(section);
  const u32 version = head.word(), common_at = head.word(), common_count = head.word();
  const u32 personality_at = head.word(), personality_count = head.word();
  const u32 index_at = head.word(), index_count = head.word();
  if (head.failed()) return malformed(0, "a header that is cut off");
  if (version != kVersion) return malformed(0, "version " + std::to_string(version) + ", expected 1");
  if (personality_count != 0) return malformed(16, "personality functions, which are not read here");
  std::vector<u32> common;
  Bytes encodings(section, common_at, section.size());
  if (u64{common_count} * 4 > encodings.left()) return malformed(8, "more common encodings than bytes");
  for (u32 i = 0; i < common_count; ++i) common.push_back(encodings.word());
  part(0, kHeaderBytes, "header");
  part(common_at, 4 * u64{common_count}, "common encodings");
  part(personality_at, 0, "personalities");
  common_used_.assign(common_count, false);
  Bytes index(section, index_at, section.size());
  if (index_count == 0 || u64{index_count} * kIndexBytes > index.left())
    return malformed(24, "an index of no entries, or of more than bytes");
  part(index_at, kIndexBytes * u64{index_count}, "index");
  u32 first = index.word(), page = index.word(), lsda = index.word();
  for (u32 i = 0; i + 1 < index_count; ++i) {
    const u32 next = index.word(), next_page = index.word(), next_lsda = index.word();
    if (next < first) return malformed(index.at() - kIndexBytes, "an index out of order");
    if (next_lsda != lsda) return malformed(index.at() - 4, "language-specific data, which is not read here");
    if (page == 0) return malformed(index.at() - 2 * kIndexBytes, "an index entry without a page");
    if (auto parsed = parse_page(page, image_.base + first, image_.base + next, common); !parsed) return parsed;
    first = next, page = next_page, lsda = next_lsda;
  }
  if (page != 0) return malformed(index.at() - 8, "the last index entry has a page");
  part(lsda, 0, "LSDA index");
  const auto unused = std::find(common_used_.begin(), common_used_.end(), false);
  if (unused != common_used_.end()) unused_at_ = common_at + 4 * static_cast<u64>(unused - common_used_.begin());
  end_ = image_.base + first;
  return {};
}

Result<void> CompactTables::parse_page(u64 page, u64 first, u64 end, std::span<const u32> common) {
  const std::span<const u8> section = image_.unwind_info.bytes;
  Bytes head(section, page, section.size());
  const u32 kind = head.word();
  const u16 entries_at = head.half(), count = head.half();
  u16 encodings_at = 0, encoding_count = 0;
  if (kind == kCompressedPage) encodings_at = head.half(), encoding_count = head.half();
  else if (kind != kRegularPage) return malformed(page, "a page of kind " + std::to_string(kind));
  if (head.failed()) return malformed(page, "a page that is cut off");
  const u64 entry_bytes = kind == kCompressedPage ? 4 : 8;
  const u64 entries = page + entries_at, own = page + encodings_at;
  if (entries + entry_bytes * count > section.size() || own + 4 * u64{encoding_count} > section.size())
    return malformed(page, "a page longer than the section");
  part(page, kind == kCompressedPage ? 12 : 8, "page header");
  part(entries, entry_bytes * count, "page entries");
  if (kind == kCompressedPage) part(own, 4 * u64{encoding_count}, "page encodings");
  std::vector<bool> own_used(encoding_count);
  Bytes bytes(section, entries, section.size());
  for (u32 i = 0; i < count; ++i) {
    Entry entry;
    entry.at = bytes.at();
    if (kind == kRegularPage) {
      entry.begin = image_.base + bytes.word();
      entry.encoding = bytes.word();
    } else {
      const u32 word = bytes.word(), which = word >> 24;
      entry.begin = first + (word & 0xffffff);
      if (which >= common.size() + encoding_count) return malformed(entry.at, "an encoding that is not there");
      if (which < common.size()) common_used_[which] = true;
      else own_used[which - common.size()] = true;
      entry.encoding = which < common.size() ? common[which]
                                             : Bytes(section, own + 4 * (which - common.size()), section.size()).word();
    }
    if (entry.begin < first || entry.begin >= end) return malformed(entry.at, "a function outside its page");
    if (!entries_.empty() && entry.begin <= entries_.back().begin) return malformed(entry.at, "an entry out of order");
    entries_.push_back(entry);
  }
  const auto unused = std::find(own_used.begin(), own_used.end(), false);
  if (unused != own_used.end()) unused_at_ = own + 4 * static_cast<u64>(unused - own_used.begin());
  return {};
}

Result<const CompactTables::Entry*> CompactTables::entry_of(u64 pc) const {
  const auto behind =
      std::upper_bound(entries_.begin(), entries_.end(), pc, [](u64 at, const Entry& e) { return at < e.begin; });
  if (behind == entries_.begin() || pc >= end_)
    return Error{ErrorKind::BadInput, {}, 0, 0, "no entry covers " + hex(pc)};
  return &*(behind - 1);
}

Result<void> CompactTables::boundaries(std::vector<u64>& out) const {
  for (const Entry& entry : entries_) out.push_back(entry.begin);
  out.push_back(end_);
  return dwarf_ == nullptr ? Result<void>() : dwarf_->boundaries(out);
}

/// Parts must lie one behind the other, empty ones between two.
Result<void> CompactTables::lint_parts() const {
  std::vector<CodeRange> parts = parts_;
  std::sort(parts.begin(), parts.end(), [](const CodeRange& a, const CodeRange& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  u64 done = 0;
  for (const CodeRange& p : parts) {
    if (p.begin != done)
      return malformed(p.begin, "a part that overlaps another, or bytes before it that nothing refers to");
    done = p.end;
  }
  if (done != image_.unwind_info.bytes.size()) return malformed(done, "bytes that nothing refers to");
  if (unused_at_ != 0) return malformed(unused_at_, "an encoding that nobody uses");
  return {};
}

Result<void> CompactTables::lint() const {
  if (auto done = lint_parts(); !done) return done;
  if (entries_.size() != expected_.size())
    return malformed(0, std::to_string(entries_.size()) + " entries for " + std::to_string(expected_.size()) +
                            " functions");
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (auto done = lint_entry(entries_[i], i); !done) return done;
  }
  if (!expected_.empty() && end_ != image_.code.at + expected_.back().end)
    return malformed(kHeaderBytes, "the last page does not end where the code does");
  return dwarf_ == nullptr ? Result<void>() : dwarf_->lint();
}

} // namespace assay::oracle

// symbols.h - what a function of the program that has the name of a library's function needs to call the library's.
//
// Where the system looks symbols up in the program before its libraries (ELF), a program can put a function in the
// place of one that a library calls by name. Cost: a look-up by name; keep what it gives. One file a system. Tested in
// qemu/os/tests/.
#pragma once

namespace assay::qemu {

/// The definition of `symbol` in the libraries, which the program's own definition hides; null: there is none, or the
/// system does not look symbols up so.
void* hidden_definition(const char* symbol);

} // namespace assay::qemu

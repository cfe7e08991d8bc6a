# cli_test.cmake - the `assay` command end to end: exit statuses, standard input, places of errors, JSON.
#
#   cmake -D ASSAY=... -D SOURCE=... -D WORK=... -D NATIVE=... -D MUTANTS=... -P cli_test.cmake
#
# Each expect() runs the command once and compares exit status, output and error output with regular expressions.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})

file(WRITE ${WORK}/add.air "; run: @main(2, 3) == 5\nimport @log(i64)\nmemory 32\nexport func @main(i64, i64) -> i64 {\n^entry(%a: i64, %b: i64):\n  %r = add.i64 %a, %b\n  call @log(%r)\n  %z = const.i32 4\n  store.i64 %z, 0, %r\n  return %r\n}\nexport func @half(f64) -> f64 {\n^entry(%x: f64):\n  %two = const.f64 0x1p+1\n  %r = fdiv.f64 %x, %two\n  return %r\n}\nexport func @div(i32) -> i32 {\n^entry(%x: i32):\n  %z = const.i32 0\n  %r = div_s.i32 %x, %z\n  return %r\n}\n")
file(WRITE ${WORK}/wrong.air "; run: @main() == 6\nexport func @main() -> i64 {\n^entry:\n  %r = const.i64 5\n  return %r\n}\n")
file(WRITE ${WORK}/broken.air "export func @main() -> i64 {\n^entry:\n  %r = bogus.i64 5\n  return %r\n}\n")
file(WRITE ${WORK}/refused.air "; error: 4:8 bogus\nexport func @main() -> i64 {\n^entry:\n  %r = bogus.i64 5\n  return %r\n}\n")
file(WRITE ${WORK}/empty.ore "")

function(expect status)
  cmake_parse_arguments(ARG "" "OUT;ERR;INPUT" "RUN" ${ARGN})
  set(input)
  if(ARG_INPUT)
    set(input INPUT_FILE ${ARG_INPUT})
  endif()
  execute_process(COMMAND ${ASSAY} ${ARG_RUN} ${input} WORKING_DIRECTORY ${WORK}
    RESULT_VARIABLE got OUTPUT_VARIABLE out ERROR_VARIABLE err)
  list(JOIN ARG_RUN " " line)
  if(NOT got EQUAL status)
    message(SEND_ERROR "assay ${line}\n  expected status ${status}, found ${got}\n${out}${err}")
  endif()
  if(ARG_OUT AND NOT out MATCHES "${ARG_OUT}")
    message(SEND_ERROR "assay ${line}\n  expected output like ${ARG_OUT}, found\n${out}")
  endif()
  if(ARG_ERR AND NOT err MATCHES "${ARG_ERR}")
    message(SEND_ERROR "assay ${line}\n  expected error output like ${ARG_ERR}, found\n${err}")
  endif()
  set(out "${out}" PARENT_SCOPE)
  set(err "${err}" PARENT_SCOPE)
endfunction()

set(oracle --subject=oracle)

# usage
expect(2 RUN)
expect(2 RUN nonsense)
expect(2 RUN run)
expect(2 RUN run add.air --no-such-option)
expect(0 RUN --help OUT "check")
expect(0 RUN run --help OUT "--subject")
expect(0 RUN --version OUT "assay [0-9]")

# results that cannot be written are a failure
if(EXISTS /dev/full)
  execute_process(COMMAND ${ASSAY} gen --seed 3 OUTPUT_FILE /dev/full RESULT_VARIABLE got ERROR_VARIABLE err)
  if(NOT got EQUAL 4 OR NOT err MATCHES "cannot write to standard output")
    message(SEND_ERROR "assay gen on a full device: status ${got}, ${err}")
  endif()
endif()

# run
expect(0 RUN run add.air main 2 3 ${oracle} OUT "^returned 5\n$")
expect(0 RUN run - main -2 3 ${oracle} INPUT ${WORK}/add.air OUT "^returned 1\n$")
expect(0 RUN run add.air half -inf ${oracle} OUT "^returned -inf\n$")
expect(0 RUN run add.air half 3.0 ${oracle} OUT "^returned 0x1.8p\\+0\n$")
expect(0 RUN run add.air div 1 ${oracle} OUT "^trapped div_by_zero at @div \\^b0 #1\n$")
expect(0 RUN run add.air main 2 3 ${oracle} --trace --memory OUT "@log\\(5\\).*memory 32 bytes, digest [0-9a-f]+\n  \\[0x4, 0x5\\): 05")
expect(0 RUN run add.air main 2 3 ${oracle} --json OUT "\"kind\": \"returned\"")
expect(2 RUN run add.air main 2 ${oracle} ERR "takes 2 arguments")
expect(2 RUN run add.air main x 2 ${oracle} ERR "argument 1")
expect(2 RUN run add.air nobody ${oracle} ERR "no function @nobody")
expect(2 RUN run add.air main 2 3 --subject=nothing ERR "no subject 'nothing'")
expect(2 RUN run add.air main 2 3 --target=z80 ERR "z80")
expect(3 RUN run broken.air ${oracle} ERR "broken.air:3:[0-9]+: .*\n    %r = bogus.i64 5\n +\\^")
expect(3 RUN run missing.air ${oracle} ERR "missing.air")
expect(4 RUN run empty.ore ${oracle} ERR "Ore")

# check
expect(0 RUN check add.air --subject=oracle OUT "1 files, 1 calls")
expect(1 RUN check wrong.air --subject=oracle ERR "wrong.air:1: .*expected returned 6, found returned 5")
expect(3 RUN check broken.air --subject=oracle ERR "broken.air:3:")
expect(0 RUN check refused.air --subject=oracle OUT "1 error lines")
expect(3 RUN check no-such-folder --subject=oracle)
expect(0 RUN check add.air --subject=oracle --json OUT "\"failures\": 0")

# gen
expect(0 RUN gen --seed 7)
set(first "${out}")
expect(0 RUN gen --seed 7)
if(NOT first STREQUAL out)
  message(SEND_ERROR "assay gen --seed 7 gave two different programs")
endif()
expect(0 RUN gen --seed 7 --count 3 --out ${WORK}/generated)
file(READ ${WORK}/generated/7.air seventh)
if(NOT seventh STREQUAL first)
  message(SEND_ERROR "assay gen wrote another program than it printed")
endif()
expect(2 RUN gen)
expect(2 RUN gen --seed 1 --preset nothing ERR "small")
expect(0 RUN check ${WORK}/generated --subject=oracle OUT "3 files")

# compile
expect(0 RUN compile add.air --emit=air OUT "export func @main")
expect(2 RUN compile add.air --emit=jpeg ERR "jpeg")
expect(4 RUN compile add.air --emit=ssa)
expect(4 RUN compile add.air --level=O2)
expect(3 RUN compile broken.air ERR "broken.air:3:")

# subjects
expect(0 RUN subjects OUT "^oracle +yes")
expect(0 RUN subjects OUT "\na64-O0-unicorn-linux +(yes|no) ")
if(out MATCHES "\na64-O0-unicorn-linux +yes ")
  expect(0 RUN run add.air main 2 3 --subject=a64-O0-unicorn-linux OUT "^returned 5\n$")
  expect(0 RUN run add.air div 1 --target=a64 --exec=unicorn OUT "a64-O0-unicorn-linux: trapped div_by_zero at @div \\^b0 #1\n")
endif()
expect(0 RUN subjects --json OUT "\"name\": \"oracle\"")

# replay of what is no finding
expect(3 RUN replay add.air ERR "not a finding")
expect(3 RUN replay missing.air)

# mutants: a build without the bank refuses it however it is asked, and says how to get one that has it
if(NOT MUTANTS)
  foreach(asked "" --list --json ra_cycle_dropped no_such_bug)
    expect(4 RUN mutants ${asked} ERR "no planted bugs: configure with -DASSAY_MUTANTS=ON")
  endforeach()
else()
  expect(0 RUN mutants --list OUT "ra_cycle_dropped +regalloc +53 ")
  expect(2 RUN mutants no_such_bug ERR "no planted bug 'no_such_bug'")
endif()

# fuzz, where a finding folder cannot be made
file(WRITE ${WORK}/a-file "")
if(NATIVE)
  expect(4 RUN fuzz --programs 5 --findings ${WORK}/a-file ERR "a-file")
  expect(0 RUN run add.air main 2 3 OUT "^returned 5\n$")
  expect(0 RUN run add.air half nan --exec=native OUT "x64-O0-native-linux: returned nan")
  expect(0 RUN check add.air OUT "0 failures")
  expect(0 RUN compile add.air --emit=lir,asm,unwind OUT "@main")
  expect(0 RUN compile add.air --emit=obj --out ${WORK}/add.obj)
  file(READ ${WORK}/add.obj magic LIMIT 8 HEX)
  if(NOT magic STREQUAL "41535341594f424a")
    message(SEND_ERROR "assay compile --emit=obj wrote ${magic}, not ASSAYOBJ")
  endif()
  expect(0 RUN fuzz --plain --programs 200 --seed 1 --findings ${WORK}/findings --json OUT "\"findings\": 0")
  expect(0 RUN fuzz --plain --programs 100 --seed 1 --findings ${WORK}/findings --events ${WORK}/events.jsonl OUT "findings  none")
  expect(0 RUN bench --programs 5 --rounds 1 --corpus ${SOURCE}/corpus/real
    OUT "^reference: dependent 64-bit add or xor, before .* ns\n.*mutated programs .*compile -O0, real programs .*compile -O0, generated module of 1,000 functions .*compile -O0, random programs .*whole check, 1 subject .*add or xor, after ")
  expect(0 RUN bench --programs 5 --rounds 1 --corpus no_such_folder ERR "no programs in 'no_such_folder'" OUT "compile -O0, random programs")
  expect(0 RUN bench --programs 5 --rounds 1 --json OUT "\"name\": \"reference: dependent 64-bit add or xor, before\"")
  if(MUTANTS)
    expect(0 RUN mutants abi_host_arg_junk --programs 300 --control 0
      OUT "^abi_host_arg_junk +host calls +62  found .* programs  miscompile: host call .*\n1 of 1 planted bugs found in ")
    expect(0 RUN mutants abi_host_arg_junk --programs 300 --control 0 --json OUT "\"check\": \"miscompile\"")
    # One program does not show it: missed, and told.
    expect(1 RUN mutants isel_narrow_min_div --programs 1 --control 0 OUT "0 of 1 .*; not found: isel_narrow_min_div")
    expect(0 RUN mutants isel_narrow_min_div --programs 1 --control 0 --min-found 0)
    # What a dying worker says is part of the result, not of the error stream.
    expect(0 RUN mutants unwind_row_not_restored --programs 300 --control 1 OUT "none +control .*unwind_row_not_restored .* crash: ")
    if(NOT err STREQUAL "")
      message(SEND_ERROR "assay mutants wrote to the error stream:\n${err}")
    endif()
  endif()
  # A finding that is no longer there, and one that is malformed.
  file(WRITE ${WORK}/old.air "; assay finding\n; kind: miscompile\n; subject: x64-O0-native-linux\n; call: @main()\n; fuel: 10\n\nexport func @main() -> i64 {\n^entry:\n  %r = const.i64 5\n  return %r\n}\n")
  expect(0 RUN replay old.air OUT "^gone: miscompile on x64-O0-native-linux")
  file(WRITE ${WORK}/odd.air "; assay finding\n; kind: sadness\n")
  expect(3 RUN replay odd.air ERR "odd.air:2:")
endif()

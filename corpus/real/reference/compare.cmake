# Runs a reference program and compares what it prints with the check lines of the AIR or Ore program.
# Needs -D REFERENCE, FORM (air or ore, its argument), PROGRAM.
execute_process(COMMAND ${EMULATOR} ${REFERENCE} ${FORM} OUTPUT_VARIABLE printed RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${REFERENCE} failed with ${result}")
endif()
# Semicolons would make lists of the lines, and brackets would keep them from being told apart.
file(READ ${PROGRAM} text)
foreach(name printed text)
  string(REPLACE ";" "#" ${name} "${${name}}")
  string(REPLACE "[" "<" ${name} "${${name}}")
  string(REPLACE "]" ">" ${name} "${${name}}")
endforeach()
string(REGEX MATCHALL "# run: [^\n]*\n" lines "${text}")
list(JOIN lines "" expected)
if(NOT printed STREQUAL expected OR expected STREQUAL "")
  message(FATAL_ERROR "${PROGRAM} has\n${expected}\nbut the reference prints\n${printed}")
endif()

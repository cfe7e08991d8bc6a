# Runs a reference program and compares what it prints with the check lines of the AIR program.
# Needs -D PROGRAM, AIR.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} failed with ${result}")
endif()
# Semicolons would make lists of the lines.
string(REPLACE ";" "#" printed "${printed}")
file(READ ${AIR} text)
string(REPLACE ";" "#" text "${text}")
string(REGEX MATCHALL "# run: [^\n]*\n" lines "${text}")
list(JOIN lines "" expected)
if(NOT printed STREQUAL expected OR expected STREQUAL "")
  message(FATAL_ERROR "${AIR} has\n${expected}\nbut the reference prints\n${printed}")
endif()

# One ctest entry "lit/FOLDER" for each folder of test/ that holds .mlir or .test files; see test/lit.cfg.py.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
set(PARTITA_ONNX_TESTDATA /usr/lib/python3/dist-packages/onnx/backend/test/data CACHE PATH
  "The official ONNX backend test models")
configure_file(lit.site.cfg.py.in lit.site.cfg.py @ONLY)

file(GLOB_RECURSE lit_files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}
  ${CMAKE_CURRENT_SOURCE_DIR}/*.mlir ${CMAKE_CURRENT_SOURCE_DIR}/*.test)
list(FILTER lit_files EXCLUDE REGEX "(^|/)(Inputs|graphs)/")
list(TRANSFORM lit_files REPLACE "/.*" "" OUTPUT_VARIABLE lit_folders)
list(REMOVE_DUPLICATES lit_folders)
math(EXPR lit_timeout "900 * ${PARTITA_SLOWNESS}")
foreach(folder ${lit_folders})
  add_test(NAME lit/${folder}
    COMMAND ${Python3_EXECUTABLE} ${LLVM_TOOLS_BINARY_DIR}/lit -v --workers=2 ${CMAKE_CURRENT_BINARY_DIR}/${folder})
  set_tests_properties(lit/${folder} PROPERTIES TIMEOUT ${lit_timeout})
endforeach()

# How Partita's targets are declared: one folder is one library.
#
#   partita_add_tablegen(NAME Graph.td -gen-op-decls Graph.h.inc ...)   generated headers of a dialect
#   partita_add_library(PartitaGraph Ops.cpp ... LINK PartitaInterfaces TABLEGEN PartitaGraphIncGen)
#   partita_add_plain_library(...)  the same without LLVM or MLIR (placement algebra, memory, runtime)
#   partita_add_tool(partita Main.cpp LINK ...)
#   partita_add_unit_test(PlacementTests A.cpp ... LINK PartitaPlacement)

# Public headers live in include/partita and (those of a dialect beside its .td) in dialects/; both are
# included as "partita/...". The link gives the second its prefix without moving files.
set(PARTITA_INCLUDE_ROOT ${CMAKE_BINARY_DIR}/include)
set(PARTITA_GENERATED_ROOT ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${PARTITA_INCLUDE_ROOT}/partita ${PARTITA_GENERATED_ROOT})
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/dialects ${PARTITA_INCLUDE_ROOT}/partita/dialects SYMBOLIC)

add_library(PartitaOptions INTERFACE)
target_include_directories(PartitaOptions INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${PARTITA_INCLUDE_ROOT}>
  $<BUILD_INTERFACE:${PARTITA_GENERATED_ROOT}>)
target_compile_options(PartitaOptions INTERFACE -Wall -Wextra -Wno-unused-parameter -fno-exceptions
  -ffunction-sections -fdata-sections)
if(PARTITA_SANITIZE)
  # MLIR's packages are built without these checks; vptr needs type information they do not share.
  target_compile_options(PartitaOptions INTERFACE -fsanitize=${PARTITA_SANITIZE} -fno-sanitize=vptr
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(PartitaOptions INTERFACE -fsanitize=${PARTITA_SANITIZE} -fno-sanitize=vptr)
endif()
# How much longer tests may take than without sanitizers.
set(PARTITA_SLOWNESS 1)
if(PARTITA_SANITIZE)
  set(PARTITA_SLOWNESS 10)
endif()

# Everything that includes LLVM or MLIR headers. The shared libraries are linked explicitly: the CMake
# targets of single MLIR libraries would pull in archives that clash with libMLIR.so at start.
add_library(PartitaMLIROptions INTERFACE)
target_include_directories(PartitaMLIROptions SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_definitions(PartitaMLIROptions INTERFACE ${PARTITA_LLVM_DEFINITIONS})
target_link_directories(PartitaMLIROptions INTERFACE ${LLVM_LIBRARY_DIRS})
target_link_options(PartitaMLIROptions INTERFACE -Wl,-rpath,${LLVM_LIBRARY_DIRS})
target_link_libraries(PartitaMLIROptions INTERFACE PartitaOptions)

file(WRITE ${CMAKE_BINARY_DIR}/PrecompiledAnchor.cpp "// Carries the precompiled header.\n")
add_library(PartitaPrecompiled OBJECT ${CMAKE_BINARY_DIR}/PrecompiledAnchor.cpp)
target_link_libraries(PartitaPrecompiled PRIVATE PartitaMLIROptions)
# Without timestamps in it the header is the same bytes at every build, so that ccache finds what was built on it.
target_compile_options(PartitaPrecompiled PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
target_precompile_headers(PartitaPrecompiled PRIVATE
  <mlir/IR/Builders.h> <mlir/IR/BuiltinAttributes.h> <mlir/IR/BuiltinOps.h> <mlir/IR/BuiltinTypes.h>
  <mlir/IR/Dialect.h> <mlir/IR/DialectImplementation.h> <mlir/IR/OpImplementation.h> <mlir/IR/PatternMatch.h>
  <mlir/Interfaces/InferTypeOpInterface.h> <mlir/Interfaces/SideEffectInterfaces.h>
  <mlir/Dialect/Func/IR/FuncOps.h> <mlir/Pass/Pass.h>
  <llvm/ADT/STLExtras.h> <llvm/ADT/StringExtras.h> <llvm/ADT/TypeSwitch.h> <llvm/Support/Error.h>
  <map> <string> <vector> <functional>)

# Executables share the header that was precompiled for the libraries, and clang refuses it where one has
# -fPIE and the other -fPIC.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)

add_custom_target(PartitaTablegen)

# partita_add_tablegen(TARGET FILE.td [GENERATOR-FLAG OUTPUT]...): outputs land in the generated root
# under the source folder's own path, so they are included as "partita/dialects/x/Y.h.inc".
function(partita_add_tablegen target td)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(out_dir ${PARTITA_GENERATED_ROOT}/partita/${folder})
  file(MAKE_DIRECTORY ${out_dir})
  set(arguments ${ARGN})
  set(outputs)
  while(arguments)
    list(POP_FRONT arguments flags output)
    separate_arguments(flags)
    add_custom_command(OUTPUT ${out_dir}/${output}
      COMMAND ${MLIR_TABLEGEN_EXE} ${flags} ${CMAKE_CURRENT_SOURCE_DIR}/${td} -o ${out_dir}/${output}
        --write-if-changed -d ${out_dir}/${output}.d -I ${PARTITA_INCLUDE_ROOT} -I ${PROJECT_SOURCE_DIR}/include
        -I ${MLIR_INCLUDE_DIRS}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${td} DEPFILE ${out_dir}/${output}.d VERBATIM)
    list(APPEND outputs ${out_dir}/${output})
  endwhile()
  add_custom_target(${target} DEPENDS ${outputs})
  add_dependencies(PartitaTablegen ${target})
endfunction()

function(partita_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK;TABLEGEN" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PartitaMLIROptions)
  target_precompile_headers(${name} REUSE_FROM PartitaPrecompiled)
  add_dependencies(${name} PartitaTablegen)
  set_property(GLOBAL APPEND PROPERTY PARTITA_LIBRARIES ${name})
endfunction()

# Shared MLIR libraries go last on the link line of every final binary.
function(partita_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} PartitaMLIROptions MLIR LLVM)
  target_precompile_headers(${name} REUSE_FROM PartitaPrecompiled)
  add_dependencies(${name} PartitaTablegen)
endfunction()

function(partita_add_plain_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PartitaOptions)
  set_property(GLOBAL APPEND PROPERTY PARTITA_LIBRARIES ${name})
endfunction()

# One GoogleTest binary, one ctest entry. Options: MLIR (links the shared libraries), TIMEOUT seconds.
function(partita_add_unit_test name)
  cmake_parse_arguments(ARG "MLIR" "TIMEOUT" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  if(ARG_MLIR)
    target_link_libraries(${name} PRIVATE PartitaMLIROptions MLIR LLVM)
    target_precompile_headers(${name} REUSE_FROM PartitaPrecompiled)
    add_dependencies(${name} PartitaTablegen)
  else()
    target_link_libraries(${name} PRIVATE PartitaOptions)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900)
  endif()
  math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * ${PARTITA_SLOWNESS}")
  add_test(NAME unit/${name} COMMAND ${name})
  set_tests_properties(unit/${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
endfunction()

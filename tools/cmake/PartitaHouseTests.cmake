# The rules of the house as tests: who may use whom, format, sizes, a fresh reference, a test for each pass. Each is one script of tools/dev.
foreach(rule layers format license sizes reference diagnostics passes)
  if(EXISTS ${PROJECT_SOURCE_DIR}/tools/dev/check-${rule})
    add_test(NAME house/${rule} COMMAND ${PROJECT_SOURCE_DIR}/tools/dev/check-${rule}
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(house/${rule} PROPERTIES TIMEOUT 120)
  endif()
endforeach()

# What `cmake --install` copies: the driver and the tools, the libraries, the headers, the .td files, and a CMake
# package, so that another project says find_package(Partita) and links Partita::PartitaPlanner.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Every library, and whatever of this project they link (flag targets, schema libraries): an export set must be closed.
get_property(pending GLOBAL PROPERTY PARTITA_LIBRARIES)
set(exported)
while(pending)
  list(POP_FRONT pending target)
  if(NOT TARGET ${target} OR ${target} IN_LIST exported)
    continue()
  endif()
  get_target_property(imported ${target} IMPORTED)
  if(imported)
    continue()
  endif()
  list(APPEND exported ${target})
  foreach(property LINK_LIBRARIES INTERFACE_LINK_LIBRARIES)
    get_target_property(used ${target} ${property})
    if(used)
      # A private dependency of an archive is spelled $<LINK_ONLY:name>.
      list(TRANSFORM used REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1")
      list(APPEND pending ${used})
    endif()
  endforeach()
endwhile()

# Headers use C++20, and a consumer links the shared libraries of MLIR after ours, once.
target_compile_features(PartitaOptions INTERFACE $<INSTALL_INTERFACE:cxx_std_20>)
target_link_libraries(PartitaMLIROptions INTERFACE $<INSTALL_INTERFACE:MLIR> $<INSTALL_INTERFACE:LLVM>)

install(TARGETS ${exported} EXPORT PartitaTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach(tool partita partita-opt partita-lsp-server partita-reduce PartitaPlugin)
  if(TARGET ${tool})
    install(TARGETS ${tool} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()

# A dialect's headers lie beside its .td files in the source tree and under partita/dialects once installed.
foreach(source ${PROJECT_SOURCE_DIR}/include/ ${PARTITA_GENERATED_ROOT}/)
  install(DIRECTORY ${source} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc" PATTERN "lib" EXCLUDE)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/dialects/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/partita/dialects
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td")

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/Partita)
install(EXPORT PartitaTargets NAMESPACE Partita:: DESTINATION ${package_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/tools/cmake/PartitaConfig.cmake.in
  ${CMAKE_BINARY_DIR}/PartitaConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/PartitaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/PartitaConfig.cmake ${CMAKE_BINARY_DIR}/PartitaConfigVersion.cmake
  DESTINATION ${package_folder})

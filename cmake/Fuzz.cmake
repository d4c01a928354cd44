# Fuzz.cmake - sluice_fuzz(name CORPUS lib...): one fuzz target, two programs.
#
#   name          libFuzzer, with -DSLUICE_FUZZ=ON and clang:  build/fuzz/fuzz/name tests/corpus/CORPUS
#   name_replay   the same source over every file of the corpus, in every build; runs as <room>.name_replay
#
# The source is name.c in the room's folder; the corpus is tests/corpus/CORPUS.
function(sluice_fuzz name corpus)
  get_filename_component(room ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  set(corpus_dir ${PROJECT_SOURCE_DIR}/tests/corpus/${corpus})
  if(SLUICE_FUZZ)
    add_executable(${name} ${name}.c)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE ${ARGN} sluice_warnings)
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  endif()
  add_executable(${name}_replay ${name}.c ${PROJECT_SOURCE_DIR}/tests/fuzz_replay.c)
  target_link_libraries(${name}_replay PRIVATE ${ARGN} sluice_warnings)
  target_include_directories(${name}_replay PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  set_target_properties(${name}_replay PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${room}.${name}_replay COMMAND ${name}_replay ${corpus_dir})
  set_tests_properties(${room}.${name}_replay PROPERTIES TIMEOUT 120 LABELS unit)
endfunction()

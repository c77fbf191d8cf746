# The ground every target stands on: compiler, language level, warnings, sanitizers, and the functions that make
# a layer, a program and a test. No global flags: everything goes through the interface target `drawbridge_ground`.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} miscompiles co_await in conditions and in call arguments. "
    "Use clang 19 (`./dev build` does), or GCC 13 or newer.")
endif()

set(DRAWBRIDGE_SANITIZE "" CACHE STRING "Value of -fsanitize for every target: address,undefined or thread")
option(DRAWBRIDGE_COVERAGE "Instrument for llvm-cov" OFF)
option(DRAWBRIDGE_FUZZ "Build the libFuzzer targets" OFF)
option(DRAWBRIDGE_HARDEN "Release hardening and link-time optimisation" OFF)

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(DRAWBRIDGE_HARDEN)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

add_library(drawbridge_ground INTERFACE)
target_compile_features(drawbridge_ground INTERFACE cxx_std_23)
target_include_directories(drawbridge_ground INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(drawbridge_ground INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=16
  DRAWBRIDGE_VERSION="${PROJECT_VERSION}")
target_compile_options(drawbridge_ground INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Wno-missing-designated-field-initializers -Werror)
target_link_libraries(drawbridge_ground INTERFACE Threads::Threads fmt::fmt)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(drawbridge_ground INTERFACE -fuse-ld=lld)
endif()
if(DRAWBRIDGE_SANITIZE)
  target_compile_options(drawbridge_ground INTERFACE -fsanitize=${DRAWBRIDGE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(drawbridge_ground INTERFACE -fsanitize=${DRAWBRIDGE_SANITIZE})
endif()
if(DRAWBRIDGE_COVERAGE)
  target_compile_options(drawbridge_ground INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(drawbridge_ground INTERFACE -fprofile-instr-generate)
endif()
if(DRAWBRIDGE_FUZZ)
  target_compile_options(drawbridge_ground INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(DRAWBRIDGE_HARDEN)
  target_compile_options(drawbridge_ground INTERFACE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE)
  target_link_options(drawbridge_ground INTERFACE -pie -Wl,-z,relro,-z,now)
else()
  # For sanitizers and debuggers; in a release frame pointers are 4 % of the instructions of a small request.
  target_compile_options(drawbridge_ground INTERFACE -fno-omit-frame-pointer)
endif()

# drawbridge_layer(NAME SOURCES a.cpp … LINKS drawbridge::base …): one static library, alias drawbridge::NAME.
function(drawbridge_layer name)
  cmake_parse_arguments(LAYER "" "" "SOURCES;LINKS" ${ARGN})
  add_library(drawbridge_${name} STATIC ${LAYER_SOURCES})
  add_library(drawbridge::${name} ALIAS drawbridge_${name})
  target_link_libraries(drawbridge_${name} PUBLIC drawbridge_ground ${LAYER_LINKS})
endfunction()

# drawbridge_program(NAME SOURCES main.cpp … LINKS drawbridge::app …): an executable in build/PRESET/bin.
function(drawbridge_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE drawbridge_ground ${PROGRAM_LINKS})
endfunction()

# Sanitizer builds are slow, so a test opts in: LABELS asan tsan. `./dev test` builds and runs just those there.
add_custom_target(asan_tests)
add_custom_target(tsan_tests)

function(drawbridge_label_test name timeout labels)
  if(NOT timeout)
    set(timeout 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} LABELS "${labels}")
endfunction()

# Builds TARGETS for each sanitizer that `labels` names.
function(drawbridge_opt_in labels)
  foreach(sanitizer IN ITEMS asan tsan)
    if(sanitizer IN_LIST labels)
      add_dependencies(${sanitizer}_tests ${ARGN})
    endif()
  endforeach()
endfunction()

# drawbridge_test(NAME SOURCES a_test.cpp … LINKS … [LABELS quick asan tsan e2e long] [TIMEOUT SECONDS]):
# a doctest program registered with ctest as NAME.
function(drawbridge_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;LINKS;LABELS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE drawbridge_ground drawbridge_test_main ${TEST_LINKS})
  add_test(NAME ${name} COMMAND ${name})
  drawbridge_label_test(${name} "${TEST_TIMEOUT}" "${TEST_LABELS}")
  drawbridge_opt_in("${TEST_LABELS}" ${name})
endfunction()

# drawbridge_script_test(NAME SCRIPT a_test.py [ARGS …] [NEEDS proxyd …] [LABELS …] [TIMEOUT SECONDS]): a Python
# program that fails by its exit code. It runs in the source folder with DRAWBRIDGE_BIN naming build/PRESET/bin.
function(drawbridge_script_test name)
  cmake_parse_arguments(TEST "" "SCRIPT;TIMEOUT" "ARGS;NEEDS;LABELS" ${ARGN})
  add_test(NAME ${name} COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/${TEST_SCRIPT} ${TEST_ARGS}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  drawbridge_label_test(${name} "${TEST_TIMEOUT}" "${TEST_LABELS}")
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "DRAWBRIDGE_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  if(TEST_NEEDS)
    drawbridge_opt_in("${TEST_LABELS}" ${TEST_NEEDS})
  endif()
endfunction()

# drawbridge_fuzz(NAME SOURCES a_fuzz.cpp … LINKS …): program fuzz_NAME, LLVMFuzzerTestOneInput with its corpus in
# tests/fuzz/corpus/NAME. With the preset fuzz it explores; elsewhere it is a test that replays the corpus.
add_custom_target(fuzzers)

function(drawbridge_fuzz name)
  cmake_parse_arguments(FUZZ "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(fuzz_${name} ${FUZZ_SOURCES})
  target_link_libraries(fuzz_${name} PRIVATE drawbridge_ground ${FUZZ_LINKS})
  add_dependencies(fuzzers fuzz_${name})
  if(DRAWBRIDGE_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    drawbridge_label_test(fuzz_${name} "" "quick;asan")
    drawbridge_opt_in("asan" fuzz_${name})
  endif()
endfunction()

# drawbridge_manual(PROGRAM SECTION): build/PRESET/share/ gets the program's manual page and its completions, which
# it writes itself from its command line definition.
function(drawbridge_manual program section)
  set(share ${CMAKE_BINARY_DIR}/share)
  set(page ${share}/man/man${section}/${program}.${section})
  set(bash ${share}/bash-completion/completions/${program})
  set(zsh ${share}/zsh/site-functions/_${program})
  add_custom_command(OUTPUT ${page} ${bash} ${zsh}
    COMMAND ${CMAKE_COMMAND} -E make_directory
            ${share}/man/man${section} ${share}/bash-completion/completions ${share}/zsh/site-functions
    COMMAND ${program} help --man > ${page}
    COMMAND ${program} help --completion bash > ${bash}
    COMMAND ${program} help --completion zsh > ${zsh}
    DEPENDS ${program} VERBATIM)
  add_custom_target(${program}_manual ALL DEPENDS ${page} ${bash} ${zsh})
endfunction()

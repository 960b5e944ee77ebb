# How every library and executable of the project is compiled, and where it lands.

# One prefix-shaped tree, so that pmig-cc finds library and headers in the build directory as it does when installed.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/bin ${PROJECT_BINARY_DIR}/lib)
if(NOT EXISTS ${PROJECT_BINARY_DIR}/include)
	file(CREATE_LINK ${PROJECT_SOURCE_DIR}/runtime/include ${PROJECT_BINARY_DIR}/include SYMBOLIC)
endif()

set(PMIG_CC ${PROJECT_BINARY_DIR}/bin/pmig-cc)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
find_package(Threads REQUIRED)

add_library(pmig_options INTERFACE)
# Empty on purpose: the same as a bare `#define _GNU_SOURCE`, should a file have one.
target_compile_definitions(pmig_options INTERFACE "_GNU_SOURCE=" PMIG_INSIDE "PMIG_VERSION=\"${PROJECT_VERSION}\"")
target_compile_options(pmig_options INTERFACE -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes
	$<$<BOOL:${PMIG_WERROR}>:-Werror>)
target_include_directories(pmig_options INTERFACE
	${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/runtime ${PROJECT_SOURCE_DIR}/runtime/include)
target_link_options(pmig_options INTERFACE -Wl,--as-needed)
target_link_libraries(pmig_options INTERFACE Threads::Threads)
if(PMIG_SANITIZE)
	if(PMIG_SANITIZE MATCHES "address|thread")
		target_compile_definitions(pmig_options INTERFACE PMIG_SANITIZER_MALLOC)
	endif()
	if(PMIG_SANITIZE MATCHES "address")
		target_compile_definitions(pmig_options INTERFACE PMIG_SANITIZE_ADDRESS)
	endif()
	target_compile_options(pmig_options INTERFACE -fsanitize=${PMIG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(pmig_options INTERFACE -fsanitize=${PMIG_SANITIZE})
endif()

# Counters that are a mapped file: what a process that is killed had counted is there.
if(PMIG_COVERAGE)
	set(coverage -fprofile-instr-generate=${PMIG_COVERAGE}/%m%c.profraw)
	target_compile_options(pmig_options INTERFACE ${coverage} -fcoverage-mapping -fprofile-update=atomic
		"SHELL:-mllvm -runtime-counter-relocation")
	target_link_options(pmig_options INTERFACE ${coverage})
	target_compile_definitions(pmig_options INTERFACE "PMIG_COVERAGE=\"${PMIG_COVERAGE}\"") # no resource of a program
	execute_process(COMMAND ${CMAKE_C_COMPILER} --print-file-name=libclang_rt.profile-${CMAKE_SYSTEM_PROCESSOR}.a
		OUTPUT_VARIABLE PMIG_COVERAGE_RUNTIME OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()

# pmig_sources(ret_library ret_main GLOB...): the matching files, those that define main() apart from the others.
function(pmig_sources ret_library ret_main)
	file(GLOB found CONFIGURE_DEPENDS ${ARGN})
	set(library "")
	set(main "")
	foreach(file IN LISTS found)
		file(STRINGS ${file} has_main REGEX "^int main\\(" LIMIT_COUNT 1)
		if(has_main)
			list(APPEND main ${file})
		else()
			list(APPEND library ${file})
		endif()
	endforeach()
	set(${ret_library} "${library}" PARENT_SCOPE)
	set(${ret_main} "${main}" PARENT_SCOPE)
endfunction()

# pmig_library(NAME SOURCE...): a static library by the rules above; an empty list makes an empty library.
function(pmig_library name)
	set(sources ${ARGN})
	if(NOT sources)
		set(sources ${PROJECT_BINARY_DIR}/empty.c)
		file(CONFIGURE OUTPUT ${sources} CONTENT "extern int pmig_empty;\n")
	endif()
	add_library(${name} STATIC ${sources})
	set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
	target_link_libraries(${name} PUBLIC pmig_options)
endfunction()

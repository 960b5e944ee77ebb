# Programs that migrate: pmig_add_executable() as used inside the project. The installed package has the same
# function (pmig-config.cmake.in); both call pmig-cc and nothing else.

# pmig_add_executable(NAME SOURCE... [OPTIONS ...] [LIBRARIES ...] [DIRECTORY dir]): the program NAME in dir, by default
# bin/ in the current build directory, compiled and linked by pmig-cc with -O2 -g, CMAKE_C_FLAGS and OPTIONS. Headers
# found through -MMD are dependencies.
function(pmig_add_executable name)
	cmake_parse_arguments(arg "" "DIRECTORY" "OPTIONS;LIBRARIES" ${ARGN})
	if(NOT arg_DIRECTORY)
		set(arg_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bin) # NAME itself is the target's, in Ninja's one name space
	endif()
	file(MAKE_DIRECTORY ${arg_DIRECTORY})
	set(tools "")
	if(TARGET pmig-cc)
		set(tools pmig-cc pmig-instrument pmig_runtime)
		if(TARGET pmig_carried)
			list(APPEND tools pmig_carried)
		endif()
		if("pmig-peer" IN_LIST arg_LIBRARIES)
			list(APPEND tools pmig_peer_moving ${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/pmig/libpmig-peer.a)
		endif()
	endif()
	separate_arguments(flags UNIX_COMMAND "-O2 -g ${CMAKE_C_FLAGS}")
	set(objects "")
	foreach(source IN LISTS arg_UNPARSED_ARGUMENTS)
		get_filename_component(path ${source} ABSOLUTE)
		get_filename_component(base ${source} NAME_WE)
		set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir/${base}.o)
		file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name}.dir)
		add_custom_command(OUTPUT ${object}
			COMMAND ${PMIG_CC} ${flags} ${arg_OPTIONS} -MMD -MF ${object}.d -c ${path} -o ${object}
			DEPENDS ${path} ${tools}
			DEPFILE ${object}.d
			COMMENT "pmig-cc ${name}/${base}.c" VERBATIM)
		list(APPEND objects ${object})
	endforeach()
	list(TRANSFORM arg_LIBRARIES PREPEND -l)
	set(program ${arg_DIRECTORY}/${name})
	add_custom_command(OUTPUT ${program}
		COMMAND ${PMIG_CC} ${flags} ${arg_OPTIONS} ${objects} -o ${program} ${arg_LIBRARIES}
		DEPENDS ${objects} ${tools}
		COMMENT "pmig-cc ${name}" VERBATIM)
	add_custom_target(${name} ALL DEPENDS ${program})
endfunction()

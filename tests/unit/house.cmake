# Rules of the house that a script can see, and the support code's own tests.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(include_direction ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/unit/include_direction.py)
add_test(NAME IncludeDirection.HoldsInEveryFile COMMAND ${include_direction} ${PROJECT_SOURCE_DIR})
add_test(NAME IncludeDirection.NoticesWhatItForbids COMMAND ${include_direction} --self-test)
set(security_table ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/unit/security_table.py)
add_test(NAME SecurityTable.NamesTestsThatExist COMMAND ${security_table} ${PROJECT_SOURCE_DIR})
add_test(NAME SecurityTable.NoticesWhatIsMissing COMMAND ${security_table} --self-test)
set_tests_properties(IncludeDirection.HoldsInEveryFile IncludeDirection.NoticesWhatItForbids
  SecurityTable.NamesTestsThatExist SecurityTable.NoticesWhatIsMissing
  PROPERTIES LABELS unit TIMEOUT 30)

stack_test(house_unit_test unit SOURCES base_path_test.cpp base_process_test.cpp base_trace_test.cpp support_test.cpp LIBRARIES stack_test_support)

# What ps and ls print.
stack_test(views_test unit SOURCES ps_view_test.cpp LIBRARIES stack_views dep_json)
target_compile_options(views_test PRIVATE -Wno-missing-field-initializers)

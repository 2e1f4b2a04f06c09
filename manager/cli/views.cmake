# Tables and JSON of `ps`, `ls` and their like: text from values.
add_library(stack_views STATIC ${CMAKE_CURRENT_LIST_DIR}/ps_view.cpp ${CMAKE_CURRENT_LIST_DIR}/table.cpp)
target_link_libraries(stack_views PUBLIC stack_base PRIVATE dep_json)

# The pure decision core: graphs, hashes, plans, specs.
stack_test(plan_test unit
  SOURCES base_signals_test.cpp plan_config_hash_test.cpp plan_convergence_test.cpp plan_down_test.cpp plan_graph_test.cpp plan_images_test.cpp plan_select_test.cpp
          plan_up_test.cpp spec_builder_test.cpp
  LIBRARIES stack_plan)
target_compile_options(plan_test PRIVATE -Wno-missing-field-initializers)  # values by hand name what they need

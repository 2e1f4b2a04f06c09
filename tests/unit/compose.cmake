# The Compose loader, phase by phase and whole.
stack_test(compose_test unit
  SOURCES compose_assemble_test.cpp compose_canonical_test.cpp compose_consistency_test.cpp compose_corpus.cpp
          compose_corpus_test.cpp compose_document_test.cpp compose_dotenv_test.cpp compose_errors_test.cpp
          compose_explain_test.cpp compose_extends_test.cpp compose_include_test.cpp compose_interpolation_test.cpp
          compose_keys_test.cpp compose_limits_test.cpp compose_loader_test.cpp compose_merge_rules_test.cpp
          compose_merge_test.cpp compose_model_json_test.cpp compose_rows.cpp compose_schema_test.cpp
          compose_service_hash_test.cpp compose_short_syntax_test.cpp
  LIBRARIES stack_compose stack_test_support)
stack_test(compose_rows_test unit WHOLE
  SOURCES compose_rows.cpp compose_rows_test.cpp
  LIBRARIES stack_compose stack_test_support)

# The program inside test images: static, no libc services that need files (no NSS, no locale).
add_executable(stack-payload payload/stack_payload.c payload/network.c payload/facts.c payload/spy.c)
set_target_properties(stack-payload PROPERTIES STACK_STATIC ON)
target_link_options(stack-payload PRIVATE -static)

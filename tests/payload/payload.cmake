# The program inside test images: static, no libc services that need files (no NSS, no locale).
add_executable(stack-payload payload/stack_payload.c payload/network.c payload/facts.c payload/spy.c)
set_target_properties(stack-payload PROPERTIES STACK_STATIC ON)
target_link_options(stack-payload PRIVATE -static)

# What a hostile image has in place of the dynamic linker.
add_executable(stack-forged-loader payload/loader.c)
set_target_properties(stack-forged-loader PROPERTIES STACK_STATIC ON)
target_compile_options(stack-forged-loader PRIVATE -Os -fPIE -ffreestanding -fno-stack-protector -fcf-protection=none
  -fno-asynchronous-unwind-tables -U_FORTIFY_SOURCE)
target_link_options(stack-forged-loader PRIVATE -static-pie -nostdlib -nostartfiles)

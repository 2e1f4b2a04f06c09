extern "C" void _start() { for (;;) {} }

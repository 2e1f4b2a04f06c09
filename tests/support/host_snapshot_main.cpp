// stack-host-snapshot: what is on this machine now that the program could have made, one fact a line, sorted.
// CI runs it before and after the tests and compares.
#include "tests/support/host_snapshot.hpp"

#include <cstdio>

int main() {
    std::fputs(stack::test::HostSnapshot::take().text().c_str(), stdout);
    return 0;
}

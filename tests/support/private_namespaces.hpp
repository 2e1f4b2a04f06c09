// A fresh network and mount namespace around a test, so that links, ports, rules and mounts it makes are its
// own.
#pragma once

#include "runtime/base/fd.hpp"

namespace stack::test {

/// True when this process may make namespaces (CAP_SYS_ADMIN); kernel and e2e tests skip themselves
/// otherwise.
bool may_make_namespaces();

/// Moves the calling thread into new namespaces with `lo` up, mounts private and /sys showing the new network
/// namespace; back again in the destructor. Make it before other threads exist. Throws Error.
class PrivateNamespaces {
  public:
    PrivateNamespaces();
    ~PrivateNamespaces();
    PrivateNamespaces(const PrivateNamespaces&) = delete;
    PrivateNamespaces& operator=(const PrivateNamespaces&) = delete;

  private:
    UniqueFd old_network_;
    UniqueFd old_mount_;
};

}  // namespace stack::test

/// First line of a test that needs the kernel's privileged doors.
#define STACK_REQUIRE_ROOT() \
    if (!stack::test::may_make_namespaces()) GTEST_SKIP() << "needs CAP_SYS_ADMIN to make namespaces"

#include "runtime/cgroup.hpp"

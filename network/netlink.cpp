#include "network/netlink.hpp"

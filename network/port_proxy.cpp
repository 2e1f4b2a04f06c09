#include "network/port_proxy.hpp"

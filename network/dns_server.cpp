#include "network/dns_server.hpp"

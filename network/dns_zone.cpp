#include "network/dns_zone.hpp"

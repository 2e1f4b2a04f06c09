#include "network/dns_redirect.hpp"

#include "network/dns_message.hpp"

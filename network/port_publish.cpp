#include "network/port_publish.hpp"

#include "network/network_store.hpp"

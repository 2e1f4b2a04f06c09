#include "network/ipam.hpp"

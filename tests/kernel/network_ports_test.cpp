#include "network_lab.hpp"

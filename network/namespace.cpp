#include "network/namespace.hpp"

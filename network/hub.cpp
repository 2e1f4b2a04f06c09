#include "network/hub.hpp"

#include "runtime/keeper/keeper_client.hpp"

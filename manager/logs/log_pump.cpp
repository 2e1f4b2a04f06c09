#include "manager/logs/log_pump.hpp"

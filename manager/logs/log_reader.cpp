#include "manager/logs/log_reader.hpp"

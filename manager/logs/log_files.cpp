#include "manager/logs/log_files.hpp"

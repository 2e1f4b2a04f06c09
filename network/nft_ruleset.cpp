#include "network/nft_ruleset.hpp"

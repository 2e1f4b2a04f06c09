#include "network/nft_apply.hpp"

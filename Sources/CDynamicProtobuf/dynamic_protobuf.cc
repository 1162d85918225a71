#include "dynamic_protobuf.h"

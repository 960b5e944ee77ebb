/* every_mode: whether the process runs in test mode, for whoever is linked without the rest of the runtime. */
#include "every.h"

bool every_mode;

/* SPDX-License-Identifier: Apache-2.0 */
/* What /metrics says of the process itself. */
#ifndef TRIB_SERVER_PROCESS_H
#define TRIB_SERVER_PROCESS_H

#include "core/metrics.h"

/* Memory that it has in use, and processor time of all its threads. Thread: the one that starts the server. */
void trib_process_add_metrics(trib_metrics *metrics);

#endif

#ifndef ECA_TCS_METRICS_H
#define ECA_TCS_METRICS_H

#include "agent/base/json.h"
#include "agent/stats/engine.h"

/* The bodies of PublishMetricsRequest (TCS-403, TCS-501, TCS-601..606): plain functions. */

#define ECA_TCS_TASKS_PER_MESSAGE 10 /* TCS-605 */

struct eca_tcs_header {
    const char *cluster, *container_instance;
    const char *message_id; /* one per cycle (TCS-603) */
    int64_t wall_ms;        /* when this message is built (TCS-602) */
};

/* Messages that `task_count` tasks with data make; 0 tasks make one idle message. */
size_t eca_tcs_message_count(size_t task_count);
/* The index-th of them. tasks NULL with count 0: the idle form (TCS-604). */
void eca_tcs_message_write(struct eca_buf *out, const struct eca_tcs_header *header,
                           const struct eca_stats_task *tasks, size_t task_count, size_t index);

#endif

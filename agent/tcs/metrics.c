#include "agent/tcs/metrics.h"

#include <assert.h>

#include "agent/acs/frame.h"
#include "agent/base/timefmt.h"

size_t eca_tcs_message_count(size_t task_count)
{
    return task_count == 0
               ? 1
               : (task_count + ECA_TCS_TASKS_PER_MESSAGE - 1) / ECA_TCS_TASKS_PER_MESSAGE;
}

static void write_set(struct eca_json_writer *w, const char *key, const struct eca_stats_set *set)
{
    assert(set->sample_count > 0); /* STAT-408: a set without samples does not exist */
    eca_jw_object(w, key);
    eca_jw_double(w, "max", set->max);
    eca_jw_double(w, "min", set->min);
    eca_jw_u64(w, "sampleCount", set->sample_count);
    eca_jw_double(w, "sum", set->sum);
    eca_jw_end_object(w);
}

static void write_task(struct eca_json_writer *w, const struct eca_stats_task *task)
{
    eca_jw_object(w, NULL);
    eca_jw_array(w, "containerMetrics");
    for (size_t i = 0; i < task->container_count; i++) {
        eca_jw_object(w, NULL);
        write_set(w, "cpuStatsSet", &task->containers[i].cpu);
        write_set(w, "memoryStatsSet", &task->containers[i].memory);
        eca_jw_end_object(w);
    }
    eca_jw_end_array(w);
    eca_jw_str(w, "taskArn", task->arn);
    eca_jw_str(w, "taskDefinitionFamily", task->family);
    eca_jw_str(w, "taskDefinitionVersion", task->version);
    eca_jw_end_object(w);
}

void eca_tcs_message_write(struct eca_buf *out, const struct eca_tcs_header *header,
                           const struct eca_stats_task *tasks, size_t task_count, size_t index)
{
    struct eca_json_writer w = eca_frame_begin(out, "PublishMetricsRequest");
    size_t first = index * ECA_TCS_TASKS_PER_MESSAGE;

    assert(index < eca_tcs_message_count(task_count));
    eca_jw_object(&w, "metadata");
    eca_jw_str(&w, "cluster", header->cluster);
    eca_jw_str(&w, "containerInstance", header->container_instance);
    eca_jw_bool(&w, "fin", index + 1 == eca_tcs_message_count(task_count));
    eca_jw_bool(&w, "idle", task_count == 0);
    eca_jw_str(&w, "messageId", header->message_id);
    eca_jw_end_object(&w);
    if (task_count > 0) {
        eca_jw_array(&w, "taskMetrics");
        for (size_t i = first; i < task_count && i < first + ECA_TCS_TASKS_PER_MESSAGE; i++) {
            write_task(&w, &tasks[i]);
        }
        eca_jw_end_array(&w);
    }
    eca_jw_i64(&w, "timestamp", header->wall_ms / ECA_MS_PER_S);
    eca_frame_end(&w);
}

#include "agent/stats/window.h"

#include <math.h>

#define BYTES_PER_MIB 1048576u

/* CPU percent relative to the baseline, rounded to single precision after each step (STAT-403). */
static float cpu_percent(const struct eca_stats_window *window, uint64_t cpu, int64_t at_ns)
{
    volatile float used, elapsed, scaled;

    if (!window->has_baseline || at_ns == window->baseline_ns) {
        return NAN;
    }
    used = (float)(cpu - window->baseline_cpu);
    elapsed = (float)(at_ns - window->baseline_ns);
    scaled = 100.0F * used;
    return scaled / elapsed;
}

static void push(struct eca_stats_window *window, struct eca_stats_point point)
{
    uint32_t slot = (window->first + window->count) % ECA_STATS_WINDOW_SAMPLES;

    window->points[slot] = point;
    if (window->count < ECA_STATS_WINDOW_SAMPLES) {
        window->count++;
    } else {
        window->first = (window->first + 1) % ECA_STATS_WINDOW_SAMPLES;
        window->leaving -= window->leaving > 0;
    }
}

enum eca_stats_verdict eca_stats_window_add(struct eca_stats_window *window,
                                            const struct eca_stats_sample *sample,
                                            struct eca_stats_limits limits)
{
    uint32_t cores = sample->online_cpus > 0 ? sample->online_cpus : limits.cores;
    uint64_t cpu = sample->cpu_total_ns / (cores > 0 ? cores : 1);
    float percent;

    if (window->has_baseline &&
        (cpu < window->baseline_cpu || sample->read_ns < window->baseline_ns)) {
        eca_stats_window_drop_baseline(window);
        return ECA_STATS_DISCARDED;
    }
    percent = cpu_percent(window, cpu, sample->read_ns);
    if (limits.cpu_percent_max > 0 && !isnan(percent) && (double)percent > limits.cpu_percent_max) {
        eca_stats_window_drop_baseline(window);
        return ECA_STATS_DISCARDED;
    }
    push(window, (struct eca_stats_point){
                     .cpu_percent = percent,
                     .memory_mib = (uint32_t)(sample->memory_bytes / BYTES_PER_MIB),
                 });
    window->has_baseline = true;
    window->baseline_cpu = cpu;
    window->baseline_ns = sample->read_ns;
    return ECA_STATS_STORED;
}

void eca_stats_window_drop_baseline(struct eca_stats_window *window)
{
    window->has_baseline = false;
}

static void set_add(struct eca_stats_set *set, double value)
{
    if (set->sample_count == 0 || value < set->min) {
        set->min = value;
    }
    if (set->sample_count == 0 || value > set->max) {
        set->max = value;
    }
    set->sum += value;
    set->sample_count++;
}

bool eca_stats_window_sets(const struct eca_stats_window *window, struct eca_stats_set *ret_cpu,
                           struct eca_stats_set *ret_memory)
{
    struct eca_stats_set cpu = {0}, memory = {0};

    if (window->count < ECA_STATS_SAMPLES_MIN) {
        return false;
    }
    for (uint32_t i = 0; i < window->count; i++) {
        const struct eca_stats_point *point =
            &window->points[(window->first + i) % ECA_STATS_WINDOW_SAMPLES];

        set_add(&memory, point->memory_mib);
        if (!isnan(point->cpu_percent)) {
            set_add(&cpu, (double)point->cpu_percent);
        }
    }
    if (cpu.sample_count == 0) {
        return false;
    }
    *ret_cpu = cpu;
    *ret_memory = memory;
    return true;
}

void eca_stats_window_hand_over(struct eca_stats_window *window)
{
    window->leaving = window->count;
    window->has_baseline = false;
}

void eca_stats_window_settle(struct eca_stats_window *window, bool arrived)
{
    if (arrived) {
        window->first = (window->first + window->leaving) % ECA_STATS_WINDOW_SAMPLES;
        window->count -= window->leaving;
    }
    window->leaving = 0;
}

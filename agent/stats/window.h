#ifndef ECA_STATS_WINDOW_H
#define ECA_STATS_WINDOW_H

#include <stdbool.h>

#include "agent/stats/sample.h"

/*
 * The last samples of one container and the statistic sets made from them (STAT-401..414). Pure
 * arithmetic; single precision where the reference has it, so that its vectors V1..V12 come out to
 * the last bit (compile without fast-math).
 */
#define ECA_STATS_WINDOW_SAMPLES 120 /* two minutes at one a second (STAT-401) */
#define ECA_STATS_SAMPLES_MIN 2      /* fewer give no set (STAT-407) */

struct eca_stats_set {
    double min, max, sum;
    uint32_t sample_count; /* >= 1 */
};

struct eca_stats_point {
    float cpu_percent; /* NaN = no value */
    uint32_t memory_mib;
};

struct eca_stats_window {
    struct eca_stats_point points[ECA_STATS_WINDOW_SAMPLES]; /* ring */
    uint32_t first, count;
    uint32_t leaving;      /* the oldest so many are in a message that is being written (TCS-607) */
    bool has_baseline;     /* the previous sample, for the next CPU value */
    uint64_t baseline_cpu; /* total_usage div cores (STAT-402) */
    int64_t baseline_ns;
};

struct eca_stats_limits {
    uint32_t cores;         /* of the host; used when a sample does not tell; 0 = 1 (STAT-303) */
    double cpu_percent_max; /* larger discards the sample (STAT-409): 105; 0 = off */
};

enum eca_stats_verdict {
    ECA_STATS_STORED,
    ECA_STATS_DISCARDED, /* went back in counter or time, or above the limit (STAT-404, 405, 409) */
};

/* Add an accepted sample. A discarded one drops the baseline (STAT-305). */
enum eca_stats_verdict eca_stats_window_add(struct eca_stats_window *window,
                                            const struct eca_stats_sample *sample,
                                            struct eca_stats_limits limits);
/* A sample was unusable: the next one gets no CPU value (STAT-305). */
void eca_stats_window_drop_baseline(struct eca_stats_window *window);

/* Both sets, or false: fewer than two samples, or none with a CPU value (STAT-407, STAT-408). */
bool eca_stats_window_sets(const struct eca_stats_window *window, struct eca_stats_set *ret_cpu,
                           struct eca_stats_set *ret_memory);
/* After a gather: its samples are on their way, and the next one starts anew without CPU value: in
 * the reference an interval loses its first difference, 20 samples give 19 values (STAT-411). */
void eca_stats_window_hand_over(struct eca_stats_window *window);
/* They have arrived, or they have not and stay (TCS-607, STAT-413). */
void eca_stats_window_settle(struct eca_stats_window *window, bool arrived);

#endif

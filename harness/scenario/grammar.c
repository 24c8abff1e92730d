#include "harness/scenario/grammar.h"

#include <string.h>

const char *hns_type_name(enum hns_type type)
{
    static const char *const names[HNS_TYPES] = {
        [HNS_T_NONE] = "nothing",
        [HNS_T_TEXT] = "text",
        [HNS_T_WORD] = "a word",
        [HNS_T_INT] = "a whole number",
        [HNS_T_BOOL] = "true or false",
        [HNS_T_DURATION] = "a duration (1h30m, 5s, 200ms)",
        [HNS_T_TEXTS] = "text or a list of texts",
        [HNS_T_WORDS] = "a word or a list of words",
        [HNS_T_PAIRS] = "a map of names to texts",
        [HNS_T_ANY] = "anything",
        [HNS_T_PATTERN] = "text, or a /regular expression/",
        [HNS_T_FIT] = "anything: a value to fit",
        [HNS_T_OBJECT] = "a map",
        [HNS_T_OBJECTS] = "a list of maps",
        [HNS_T_NAMED] = "a list of names, or a map of names to maps",
        [HNS_T_EVENT] = "an event ({ecs: task RUNNING, task: web})",
        [HNS_T_EVENTS] = "a list of events",
        [HNS_T_STEPS] = "a list of steps",
        [HNS_T_BRANCHES] = "a list of lists of steps",
        [HNS_T_LISTS] = "a map of names to lists",
    };
    return names[type];
}

const struct hns_verb *hns_verb_find(const char *name)
{
    for (const struct hns_verb *verb = hns_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
    }
    return NULL;
}

#define WORD_BYTES_MAX 63

/* Optimal string alignment distance; words longer than the table are not near anything. */
static size_t distance(const char *a, const char *b)
{
    size_t table[3][WORD_BYTES_MAX + 2];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > WORD_BYTES_MAX || b_len > WORD_BYTES_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        table[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = table[i % 3], *above = table[(i + 2) % 3], *two = table[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);

            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two[j - 2] + 1 < best) {
                best = two[j - 2] + 1;
            }
            row[j] = best;
        }
    }
    return table[a_len % 3][b_len];
}

const char *hns_nearest(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;

    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, words[i]);

        if (d < best_distance) {
            best = words[i];
            best_distance = d;
        }
    }
    if (best != NULL) {
        return best;
    }
    for (size_t i = 0; i < count; i++) { /* "kill" of "docker.kill", "container" of "containers" */
        if (words[i] != NULL && strlen(word) >= 3 && strstr(words[i], word) != NULL) {
            return words[i];
        }
    }
    return NULL;
}

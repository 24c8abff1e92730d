#include "harness/scenario/grammar_inside.h"

/* ---- tasks ----------------------------------------------------------------------------------- */

const struct hns_member hns_container_members[] = {
    {"name", HNS_T_TEXT, "name inside the task", true, NULL, NULL},
    {"image", HNS_T_TEXT, "image; default busybox", false, NULL, NULL},
    {"essential", HNS_T_BOOL, "its end ends the task; default true", false, NULL, NULL},
    {"command", HNS_T_TEXTS, "command", false, NULL, NULL},
    {"entryPoint", HNS_T_TEXTS, "entry point", false, NULL, NULL},
    {"environment", HNS_T_PAIRS, "variables", false, NULL, NULL},
    {"cpu", HNS_T_INT, "CPU shares; default 10", false, NULL, NULL},
    {"memory", HNS_T_INT, "MiB; default 32", false, NULL, NULL},
    {"links", HNS_T_TEXTS, "name or name:alias", false, NULL, NULL},
    {"ports", HNS_T_TEXTS, "\"80\", \"8080:80\" (host:container), \"53/udp\"", false, NULL, NULL},
    {"mountPoints", HNS_T_ANY, "as in a payload", false, NULL, NULL},
    {"volumesFrom", HNS_T_ANY, "as in a payload", false, NULL, NULL},
    {"portMappings", HNS_T_ANY, "as in a payload", false, NULL, NULL},
    {"overrides", HNS_T_ANY, "map (sent as JSON text) or text", false, NULL, NULL},
    {"dockerConfig", HNS_T_ANY, "{version, config, hostConfig}; maps are sent as JSON text", false,
     NULL, NULL},
    {"registryAuthentication", HNS_T_ANY, "as in a payload", false, NULL, NULL},
    {"extra", HNS_T_ANY, "map of further members, sent as they are", false, NULL, NULL},
    {0},
};

#define TASK_MEMBERS                                                                               \
    {"containers", HNS_T_OBJECTS, "the containers", false, hns_container_members, NULL},           \
        {"arn", HNS_T_TEXT, "default: made from the name", false, NULL, NULL},                     \
        {"family", HNS_T_TEXT, "default: the task's name", false, NULL, NULL},                     \
        {"version", HNS_T_TEXT, "revision; default 1", false, NULL, NULL},                         \
        {"desiredStatus", HNS_T_TEXT, "default RUNNING", false, NULL, NULL},                       \
        {"volumes", HNS_T_ANY, "as in a payload", false, NULL, NULL},                              \
        {"roleCredentials",                                                                        \
         HNS_T_ANY,                                                                                \
         "as in a payload; `true`: a fresh set under the task's name",                             \
         false,                                                                                    \
         NULL,                                                                                     \
         NULL},                                                                                    \
        {"definition", HNS_T_TEXT, "an ECS task definition file (JSON), relative to the scenario", \
         false,        NULL,       NULL},                                                          \
    {                                                                                              \
        "json", HNS_T_ANY, "the whole task as it goes into the payload", false, NULL, NULL         \
    }

const struct hns_member hns_task_members[] = {TASK_MEMBERS, {0}};

static const struct hns_member task_ref_members[] = {
    {"task", HNS_T_TEXT, "name of the task", true, NULL, NULL},
    TASK_MEMBERS,
    {0},
};

const struct hns_member hns_send_members[] = {
    {"task", HNS_T_TEXT, "name: of world.tasks, or of a task described here", false, NULL, NULL},
    TASK_MEMBERS,
    {"tasks", HNS_T_OBJECTS, "several tasks in one payload", false, task_ref_members, NULL},
    {"copies", HNS_T_INT, "that many tasks like this one, named NAME-1, NAME-2, ...", false, NULL,
     NULL},
    {"payload", HNS_T_ANY, "the payload's list of tasks, as JSON goes out", false, NULL, NULL},
    {"message_id", HNS_T_TEXT, "default payload-<n>", false, NULL, NULL},
    {"seq", HNS_T_INT, "sequence number; default the next one", false, NULL, NULL},
    {"no_seq", HNS_T_BOOL, "no sequence number", false, NULL, NULL},
    {"once", HNS_T_BOOL, "not sent again after a reconnect", false, NULL, NULL},
    {0},
};

/* ---- how containers behave ------------------------------------------------------------------- */

static const char *const stats_words[] = {"normal",    "online-cpus", "zero",     "backwards",
                                          "same-time", "bad-types",   "not-json", "silent",
                                          "ends",      "full",        NULL};

const struct hns_member hns_behaviour_members[] = {
    {"container", HNS_T_TEXT, "pattern on task/name or the Docker name", false, NULL, NULL},
    {"image", HNS_T_TEXT, "pattern on the image", false, NULL, NULL},
    {"exits_after", HNS_T_DURATION, "it ends by itself, so long after its start", false, NULL,
     NULL},
    {"exit_code", HNS_T_INT, "with this code; default 0", false, NULL, NULL},
    {"oom", HNS_T_BOOL, "that end is an out-of-memory kill", false, NULL, NULL},
    {"create_takes", HNS_T_DURATION, "duration of the create call", false, NULL, NULL},
    {"start_takes", HNS_T_DURATION, "duration of the start call", false, NULL, NULL},
    {"start_error", HNS_T_TEXT, "the start fails with this text", false, NULL, NULL},
    {"start_error_status", HNS_T_INT, "and this HTTP status; default 500", false, NULL, NULL},
    {"ignores_term", HNS_T_BOOL, "only SIGKILL ends it", false, NULL, NULL},
    {"term_takes", HNS_T_DURATION, "from SIGTERM to its end", false, NULL, NULL},
    {"term_code", HNS_T_INT, "exit code after SIGTERM; default 0", false, NULL, NULL},
    {"never_stops", HNS_T_BOOL, "not even SIGKILL ends it", false, NULL, NULL},
    {"memory", HNS_T_INT, "bytes in use (stats)", false, NULL, NULL},
    {"memory_step", HNS_T_INT, "growth per sample", false, NULL, NULL},
    {"cache", HNS_T_INT, "bytes of cache", false, NULL, NULL},
    {"cpu_milli", HNS_T_INT, "1000 = one core", false, NULL, NULL},
    {"samples", HNS_T_ANY, "its statistics: a list, sent in order, then silence", false, NULL,
     NULL},
    {"stats", HNS_T_WORD, "shape of its statistics", false, NULL, stats_words},
    {0},
};

/* ---- images, and files of the update server -------------------------------------------------- */

#define IMAGE_MEMBERS                                                                              \
    {"id", HNS_T_TEXT, "default: made from the name", false, NULL, NULL},                          \
        {"present", HNS_T_BOOL, "on the machine already", false, NULL, NULL},                      \
        {"absent", HNS_T_BOOL, "not in the registry", false, NULL, NULL},                          \
        {"size", HNS_T_INT, "bytes", false, NULL, NULL},                                           \
        {"layers", HNS_T_INT, "progress lines of a pull; default 2", false, NULL, NULL},           \
        {"pull_takes", HNS_T_DURATION, "from the first to the last line", false, NULL, NULL},      \
        {"pull_error", HNS_T_TEXT, "the pull fails with this text", false, NULL, NULL},            \
        {"pull_error_status",                                                                      \
         HNS_T_INT,                                                                                \
         "as HTTP status; default: inside a 200 stream",                                           \
         false,                                                                                    \
         NULL,                                                                                     \
         NULL},                                                                                    \
        {"pull_error_times",                                                                       \
         HNS_T_INT,                                                                                \
         "that often, then it works; default always",                                              \
         false,                                                                                    \
         NULL,                                                                                     \
         NULL},                                                                                    \
        {"pull_silent", HNS_T_BOOL, "no line ever", false, NULL, NULL},                            \
        {"pull_stalls", HNS_T_BOOL, "silence after the first line", false, NULL, NULL},            \
        {"pull_trickles", HNS_T_BOOL, "progress for ever", false, NULL, NULL},                     \
        {"username", HNS_T_TEXT, "needed to pull", false, NULL, NULL},                             \
    {                                                                                              \
        "password", HNS_T_TEXT, "needed to pull", false, NULL, NULL                                \
    }

const struct hns_member hns_image_members[] = {IMAGE_MEMBERS, {0}};
const struct hns_member hns_image_ref_members[] = {
    {"image", HNS_T_TEXT, "name", true, NULL, NULL},
    IMAGE_MEMBERS,
    {0},
};

#define UPDATE_MEMBERS                                                                             \
    {"content", HNS_T_TEXT, "what is in it; default: `size` bytes", false, NULL, NULL},            \
        {"size", HNS_T_INT, "bytes of a pattern; default 64", false, NULL, NULL},                  \
        {"status", HNS_T_INT, "HTTP status of the answer; default 200", false, NULL, NULL},        \
        {"redirect", HNS_T_TEXT, "the answer is a redirect to this location", false, NULL, NULL},  \
        {"takes", HNS_T_DURATION, "from the first to the last byte", false, NULL, NULL},           \
    {                                                                                              \
        "stalls", HNS_T_BOOL, "half of it, then silence", false, NULL, NULL                        \
    }

const struct hns_member hns_update_file_members[] = {UPDATE_MEMBERS, {0}};
const struct hns_member hns_update_file_ref_members[] = {
    {"file", HNS_T_TEXT, "name", true, NULL, NULL},
    UPDATE_MEMBERS,
    {0},
};

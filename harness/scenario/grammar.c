#include "harness/scenario/grammar.h"

#include <string.h>

static const char *const mode_words[] = {"sim", "wire", "live", NULL};
static const char *const fault_words[] = {
    "delay",    "delay-answer", "hang",         "hang-answer", "refuse",    "reset", "reset-answer",
    "cut-body", "status",       "status-after", "garbage",     "duplicate", "drop",  NULL};
static const char *const party_words[] = {"acs", "ecs", "docker",  "metadata",
                                          "tcs", "ecr", "updates", NULL};
static const char *const events_words[] = {"by-version", "both", "old", "new", NULL};
static const char *const tokens_words[] = {"on", "required", "off", "silent", NULL};
static const char *const fate_words[] = {"live", "stopped", "gone", NULL};
static const char *const stream_words[] = {"mute", "unmute", "hold", "release", "release-reversed",
                                           "end",  "reset",  NULL};
static const char *const level_words[] = {"debug", "info", "warn", "error", "critical", NULL};
static const char *const status_words[] = {"NONE", "CREATED", "RUNNING", "STOPPED", NULL};
static const char *const state_words[] = {"none", "created", "running", "paused", "exited", NULL};
static const char *const stats_words[] = {"normal",    "online-cpus", "zero",     "backwards",
                                          "same-time", "bad-types",   "not-json", "silent",
                                          "ends",      "full",        NULL};
static const char *const ecr_words[] = {"one",        "none",      "two", "no-colon",
                                        "not-base64", "no-expiry", NULL};
static const char *const world_acks[] = {"all", "none", "once", NULL};
static const char *const acks_words[] = {"all", "none", "once", "nth", NULL};
/* Answers to an upgrade that no typed error stands for: the same of ACS and TCS (WS-308). */
#define ODD_ANSWERS "html", "empty", "moved", "redirect", "ok", "unended", "wrong-key"
static const char *const acs_refusals[] = {"ServerException",
                                           "BadRequestException",
                                           "InvalidClusterException",
                                           "InvalidInstanceException",
                                           "AccessDeniedException",
                                           "InactiveInstanceException",
                                           "typed:ServerException",
                                           "typed:BadRequestException",
                                           "typed:InvalidClusterException",
                                           "typed:InvalidInstanceException",
                                           "typed:AccessDeniedException",
                                           "typed:InactiveInstanceException",
                                           ODD_ANSWERS,
                                           NULL};
static const char *const tcs_refusals[] = {"ServerException",
                                           "BadRequestException",
                                           "ResourceValidationException",
                                           "InvalidParameterException",
                                           "InactiveInstanceException",
                                           "typed:ServerException",
                                           "typed:BadRequestException",
                                           "typed:ResourceValidationException",
                                           "typed:InvalidParameterException",
                                           "typed:InactiveInstanceException",
                                           ODD_ANSWERS,
                                           NULL};
static const char *const stage_words[] = {"accept", "hello", "tls", "request", NULL};
static const char *const stop_words[] = {"silent", "close", "reset", NULL};
static const char *const switch_words[] = {"on", "off", NULL};
static const char *const call_words[] = {"http", "open", "send", "close", "commit", "file", NULL};
static const char *const disk_words[] = {"ok", "fail", "full", "read-only", NULL};

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

static const struct hns_member send_members[] = {
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

#define BEHAVIOUR_MEMBERS                                                                          \
    {"exits_after", HNS_T_DURATION, "it ends by itself, so long after its start",                  \
     false,         NULL,           NULL},                                                         \
        {"exit_code", HNS_T_INT, "with this code; default 0", false, NULL, NULL},                  \
        {"oom", HNS_T_BOOL, "that end is an out-of-memory kill", false, NULL, NULL},               \
        {"create_takes", HNS_T_DURATION, "duration of the create call", false, NULL, NULL},        \
        {"start_takes", HNS_T_DURATION, "duration of the start call", false, NULL, NULL},          \
        {"start_error", HNS_T_TEXT, "the start fails with this text", false, NULL, NULL},          \
        {"start_error_status", HNS_T_INT, "and this HTTP status; default 500", false, NULL, NULL}, \
        {"ignores_term", HNS_T_BOOL, "only SIGKILL ends it", false, NULL, NULL},                   \
        {"term_takes", HNS_T_DURATION, "from SIGTERM to its end", false, NULL, NULL},              \
        {"term_code", HNS_T_INT, "exit code after SIGTERM; default 0", false, NULL, NULL},         \
        {"never_stops", HNS_T_BOOL, "not even SIGKILL ends it", false, NULL, NULL},                \
        {"memory", HNS_T_INT, "bytes in use (stats)", false, NULL, NULL},                          \
        {"memory_step", HNS_T_INT, "growth per sample", false, NULL, NULL},                        \
        {"cache", HNS_T_INT, "bytes of cache", false, NULL, NULL},                                 \
        {"cpu_milli", HNS_T_INT, "1000 = one core", false, NULL, NULL},                            \
        {"samples", HNS_T_ANY, "its statistics: a list, sent in order, then silence",              \
         false,     NULL,      NULL},                                                              \
    {                                                                                              \
        "stats", HNS_T_WORD, "shape of its statistics", false, NULL, stats_words                   \
    }

static const struct hns_member behaviour_members[] = {
    {"container", HNS_T_TEXT, "pattern on task/name or the Docker name", false, NULL, NULL},
    {"image", HNS_T_TEXT, "pattern on the image", false, NULL, NULL},
    BEHAVIOUR_MEMBERS,
    {0},
};

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

static const struct hns_member image_members[] = {IMAGE_MEMBERS, {0}};
static const struct hns_member image_ref_members[] = {
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

static const struct hns_member update_file_members[] = {UPDATE_MEMBERS, {0}};
static const struct hns_member update_file_ref_members[] = {
    {"file", HNS_T_TEXT, "name", true, NULL, NULL},
    UPDATE_MEMBERS,
    {0},
};

static const struct hns_member docker_world[] = {
    {"version", HNS_T_TEXT, "default 1.12.6", false, NULL, NULL},
    {"api", HNS_T_TEXT, "highest API version; default 1.24", false, NULL, NULL},
    {"min_api", HNS_T_TEXT, "lowest API version; default 1.12", false, NULL, NULL},
    {"events", HNS_T_WORD, "form of event messages; default by-version", false, NULL, events_words},
    {"images", HNS_T_NAMED, "what the registry has; names or a map of names", false, image_members,
     NULL},
    {"only_listed", HNS_T_BOOL, "other images are not in the registry; default false", false, NULL,
     NULL},
    {"any_value", HNS_T_BOOL, "no value of a create is refused; default false", false, NULL, NULL},
    {"inspected", HNS_T_TEXT,
     "a file with inspect answers, relative to the scenario: containers from before", false, NULL,
     NULL},
    {"containers", HNS_T_OBJECTS, "behaviours; of several that fit the last counts", false,
     behaviour_members, NULL},
    {"verbose", HNS_T_BOOL, "inspect, list and the like in the trace", false, NULL, NULL},
    {"down", HNS_T_BOOL, "not there when the agent starts", false, NULL, NULL},
    {0},
};
static const struct hns_member metadata_world[] = {
    {"tokens", HNS_T_WORD, "the token service (version 2)", false, NULL, tokens_words},
    {"region", HNS_T_TEXT, "default us-west-2", false, NULL, NULL},
    {"instance_id", HNS_T_TEXT, "default i-0fake", false, NULL, NULL},
    {"instance_type", HNS_T_TEXT, "default t2.micro", false, NULL, NULL},
    {"no_role", HNS_T_BOOL, "no instance role", false, NULL, NULL},
    {"key_life", HNS_T_DURATION, "of role credentials; default 6h", false, NULL, NULL},
    {0},
};
static const struct hns_member ecs_world[] = {
    {"clusters", HNS_T_TEXTS, "clusters that exist", false, NULL, NULL},
    {"no_default_cluster", HNS_T_BOOL, "cluster default must be created", false, NULL, NULL},
    {"limit_reasons", HNS_T_BOOL, "over-long reasons are refused", false, NULL, NULL},
    {"unsigned", HNS_T_BOOL, "signatures are not checked", false, NULL, NULL},
    {0},
};
static const struct hns_member acs_world[] = {
    {"heartbeat", HNS_T_TEXT, "interval, or off; default 20s", false, NULL, NULL},
    {"no_resend", HNS_T_BOOL, "nothing comes again after a reconnect", false, NULL, NULL},
    {"resend", HNS_T_DURATION, "unacknowledged messages come again on the same session", false,
     NULL, NULL},
    {"verbose", HNS_T_BOOL, "heartbeats in the trace", false, NULL, NULL},
    {0},
};
static const struct hns_member tcs_world[] = {
    {"acks", HNS_T_WORD, "which messages are acknowledged; once: the first of a session", false,
     NULL, world_acks},
    {"ack_takes", HNS_T_DURATION, "until an acknowledgement; default 0s", false, NULL, NULL},
    {"heartbeat", HNS_T_DURATION, "interval of heartbeats; default none", false, NULL, NULL},
    {0},
};
static const struct hns_member ecr_world[] = {
    {"password", HNS_T_TEXT, "in its tokens; default ecr-password", false, NULL, NULL},
    {"token_life", HNS_T_DURATION, "default 12h", false, NULL, NULL},
    {"answer", HNS_T_WORD, "default one: a token as it should be", false, NULL, ecr_words},
    {"proxy_endpoint", HNS_T_TEXT, "registry that its tokens are for; default that of registryId",
     false, NULL, NULL},
    {0},
};
static const struct hns_member host_world[] = {
    {"cpus", HNS_T_INT, "default 2 (sim)", false, NULL, NULL},
    {"memory_mib", HNS_T_INT, "default 3768 (sim)", false, NULL, NULL},
    {"files", HNS_T_PAIRS, "path: content (sim)", false, NULL, NULL},
    {0},
};
static const struct hns_member world_members[] = {
    {"agent", HNS_T_PAIRS, "environment of the agent", false, NULL, NULL},
    {"options", HNS_T_TEXTS, "command line of the agent", false, NULL, NULL},
    {"start", HNS_T_BOOL, "start the agent first; default true", false, NULL, NULL},
    {"restarts", HNS_T_DURATION,
     "so long after it ended with code 1 or 42 the agent is started again, as by an init system",
     false, NULL, NULL},
    {"data", HNS_T_PAIRS, "files in the data directory: name: content", false, NULL, NULL},
    {"state_file", HNS_T_TEXT,
     "a state file of v1.13.1, relative to the scenario: it is in the data directory, and ECS "
     "knows "
     "its instance",
     false, NULL, NULL},
    {"wall", HNS_T_TEXT, "virtual time of day at the start (RFC 3339)", false, NULL, NULL},
    {"latency", HNS_T_DURATION, "of each message in sim; default 100us", false, NULL, NULL},
    {"jitter", HNS_T_DURATION, "added to it at random in sim; default 0", false, NULL, NULL},
    {"host", HNS_T_OBJECT, "the machine", false, host_world, NULL},
    {"docker", HNS_T_OBJECT, "the Docker daemon", false, docker_world, NULL},
    {"metadata", HNS_T_OBJECT, "EC2 metadata", false, metadata_world, NULL},
    {"ecs", HNS_T_OBJECT, "the ECS API", false, ecs_world, NULL},
    {"acs", HNS_T_OBJECT, "the agent communication service", false, acs_world, NULL},
    {"tcs", HNS_T_OBJECT, "the telemetry service", false, tcs_world, NULL},
    {"ecr", HNS_T_OBJECT, "the ECR API, at ${ecr.url}", false, ecr_world, NULL},
    {"updates", HNS_T_NAMED,
     "files of the update server; the agent reaches it with HTTP_PROXY: ${updates.proxy}. "
     "${updates.NAME.url} and ${updates.NAME.sha256} are theirs",
     false, update_file_members, NULL},
    {"tasks", HNS_T_NAMED, "tasks that steps name", false, hns_task_members, NULL},
    {0},
};
static const struct hns_member limit_members[] = {
    {"time", HNS_T_DURATION, "virtual (live: real) time of the run; default 48h", false, NULL,
     NULL},
    {"events", HNS_T_INT, "events of the run; default 200000", false, NULL, NULL},
    {0},
};

const struct hns_member hns_file_members[] = {
    {"name", HNS_T_TEXT, "one sentence: what is so", true, NULL, NULL},
    {"note", HNS_T_TEXT, "anything the reader should know", false, NULL, NULL},
    {"covers", HNS_T_TEXTS, "requirement IDs", false, NULL, NULL},
    {"modes", HNS_T_WORDS, "where it can run; default everywhere", false, NULL, mode_words},
    {"only", HNS_T_WORD, "the one mode where it can run", false, NULL, mode_words},
    {"reason", HNS_T_TEXT, "why `modes` or `only`", false, NULL, NULL},
    {"real_docker", HNS_T_WORD, "fit for --docker real, or for nothing else; default false", false,
     NULL, (const char *const[]){"true", "false", "only", NULL}},
    {"reference", HNS_T_TEXT, "the known defect that agent v1.13.1 fails on here", false, NULL,
     NULL},
    {"limits", HNS_T_OBJECT, "ends a run that does not end", false, limit_members, NULL},
    {"matrix", HNS_T_LISTS, "run once per combination, as ${name}", false, NULL, NULL},
    {"include", HNS_T_TEXTS, "files whose world is the base of this one", false, NULL, NULL},
    {"world", HNS_T_OBJECT, "the parties at the start", false, world_members, NULL},
    {"timeline", HNS_T_STEPS, "what happens, in order", true, NULL, NULL},
    {"never", HNS_T_EVENTS, "events that fail the run whenever they happen", false, NULL, NULL},
    {"allow", HNS_T_PAIRS, "invariants and rules that may be broken here: ID: reason", false, NULL,
     NULL},
    {0},
};
const struct hns_member hns_include_members[] = {
    {"note", HNS_T_TEXT, "anything the reader should know", false, NULL, NULL},
    {"world", HNS_T_OBJECT, "for `include` at the top of a scenario", false, world_members, NULL},
    {"steps", HNS_T_STEPS, "for the step `include`", false, NULL, NULL},
    {0},
};

const struct hns_member hns_step_members[] = {
    {"modes", HNS_T_WORDS, "the step is left out in other modes", false, NULL, mode_words},
    {"real_docker", HNS_T_BOOL,
     "the step is for a real Docker daemon only, or for the fake one only", false, NULL, NULL},
    {"note", HNS_T_TEXT, "shown on the timeline", false, NULL, NULL},
    {0},
};

const struct hns_member hns_expect_members[] = {
    {"within", HNS_T_DURATION, "default 10s", false, NULL, NULL},
    {"count", HNS_T_INT, "so many such events; default 1", false, NULL, NULL},
    {"since", HNS_T_WORD, "where to look from: `match` (default), `now`, `start`", false, NULL,
     (const char *const[]){"match", "now", "start", NULL}},
    {"capture", HNS_T_PAIRS, "variable: field of the event", false, NULL, NULL},
    {"after", HNS_T_EVENT, "never: only after such an event", false, NULL, NULL},
    {"until", HNS_T_EVENT, "never: only until such an event", false, NULL, NULL},
    {"for", HNS_T_DURATION, "quiet: so long", false, NULL, NULL},
    {0},
};

static const struct hns_member container_ref[] = {
    {"container", HNS_T_TEXT, "task/name, Docker name or id", true, NULL, NULL},
    {"maybe", HNS_T_BOOL, "nothing happens when it is in no state for that", false, NULL, NULL},
    {0},
};
static const struct hns_member kill_members[] = {
    {"container", HNS_T_TEXT, "task/name, Docker name or id", true, NULL, NULL},
    {"signal", HNS_T_TEXT, "default KILL; the fake daemon's containers live through any other",
     false, NULL, NULL},
    {"maybe", HNS_T_BOOL, "nothing happens when it is in no state for that", false, NULL, NULL},
    {0},
};
static const struct hns_member remove_image_members[] = {
    {"image", HNS_T_TEXT, "name", true, NULL, NULL},
    {"maybe", HNS_T_BOOL, "nothing happens when it is not there", false, NULL, NULL},
    {0},
};
static const struct hns_member exit_members[] = {
    {"container", HNS_T_TEXT, "task/name, Docker name or id", true, NULL, NULL},
    {"code", HNS_T_INT, "default 0", false, NULL, NULL},
    {"maybe", HNS_T_BOOL, "nothing happens when it does not run", false, NULL, NULL},
    {0},
};
static const struct hns_member exec_members[] = {
    {"container", HNS_T_TEXT, "task/name", true, NULL, NULL},
    {"command", HNS_T_TEXT, "default sh", false, NULL, NULL},
    {0},
};
static const struct hns_member event_members[] = {
    {"container", HNS_T_TEXT, "an event of this container that changes nothing", false, NULL, NULL},
    {"status", HNS_T_TEXT, "\"oom\", \"rename\", \"exec_create: sh\"", false, NULL, NULL},
    {"text", HNS_T_TEXT, "any bytes into the streams", false, NULL, NULL},
    {0},
};
static const struct hns_member down_members[] = {
    {"containers", HNS_T_WORD, "run on, are stopped, or are gone; default live", false, NULL,
     fate_words},
    {0},
};
static const struct hns_member version_members[] = {
    {"version", HNS_T_TEXT, "default unchanged", false, NULL, NULL},
    {"api", HNS_T_TEXT, "default unchanged", false, NULL, NULL},
    {"min_api", HNS_T_TEXT, "default unchanged", false, NULL, NULL},
    {0},
};
static const struct hns_member stop_members[] = {
    {"task", HNS_T_TEXT, "name", true, NULL, NULL},
    {"maybe", HNS_T_BOOL, "nothing is sent when ECS has it as STOPPED already", false, NULL, NULL},
    {"seq", HNS_T_INT, "sequence number; default the next one", false, NULL, NULL},
    {"message_id", HNS_T_TEXT, "default payload-<n>", false, NULL, NULL},
    {0},
};
static const struct hns_member credentials_members[] = {
    {"task", HNS_T_TEXT, "name", true, NULL, NULL},
    {"id", HNS_T_TEXT, "credentials id; default: made from the task's name", false, NULL, NULL},
    {"role_arn", HNS_T_TEXT, "default arn:aws:iam::111122223333:role/<task>", false, NULL, NULL},
    {"access_key_id", HNS_T_TEXT, "default made", false, NULL, NULL},
    {"secret_access_key", HNS_T_TEXT, "default made", false, NULL, NULL},
    {"session_token", HNS_T_TEXT, "default made", false, NULL, NULL},
    {"expires", HNS_T_DURATION, "from now; default 6h", false, NULL, NULL},
    {"message_id", HNS_T_TEXT, "default credentials-<n>", false, NULL, NULL},
    {"remember_only", HNS_T_BOOL, "not sent now, only after an upgrade that asks", false, NULL,
     NULL},
    {0},
};
static const struct hns_member message_members[] = {
    {"type", HNS_T_TEXT, "type of the envelope", true, NULL, NULL},
    {"message", HNS_T_ANY, "the message", true, NULL, NULL},
    {0},
};
#define RAW_MEMBERS                                                                                 \
    {"text", HNS_T_TEXT, "any text as one message", false, NULL, NULL},                             \
        {"fragments_of", HNS_T_INT, "`text` in fragments of so many bytes, a ping after the first", \
         false,          NULL,      NULL},                                                          \
        {"padded_to", HNS_T_INT, "blanks behind `text` until it has so many bytes",                 \
         false,       NULL,      NULL},                                                             \
        {"binary", HNS_T_BOOL, "`text` as a binary message", false, NULL, NULL},                    \
    {                                                                                               \
        "bytewise", HNS_T_BOOL, "each byte of its frames in a write of its own", false, NULL, NULL  \
    }
static const struct hns_member raw_members[] = {
    RAW_MEMBERS,
    {"broken", HNS_T_WORD, "a broken frame", false, NULL,
     (const char *const[]){"masked", "reserved-bits", "unknown-opcode", "long-control",
                           "fragmented-control", "lone-continuation", "binary", "not-json",
                           "unknown-type", NULL}},
    {0},
};
static const struct hns_member tcs_raw_members[] = {
    RAW_MEMBERS,
    {"broken", HNS_T_WORD, "a broken frame", false, NULL,
     (const char *const[]){"masked", "reserved-bits", "unknown-opcode", "long-control",
                           "fragmented-control", "lone-continuation", "binary", NULL}},
    {0},
};
static const struct hns_member reading_members[] = {
    {"reading", HNS_T_BOOL, "false: not any more; true: again", false, NULL, NULL},
    {"only", HNS_T_INT, "so many bytes more, then no longer", false, NULL, NULL},
    {0},
};
static const struct hns_member connections_members[] = {
    {"party", HNS_T_WORD, "whose; default acs", false, NULL, party_words},
    {"stop", HNS_T_WORD, "what becomes of them", true, NULL, stop_words},
    {"at", HNS_T_WORD,
     "when TCP is accepted, the first bytes came, TLS stands, or a request came; default accept",
     false, NULL, stage_words},
    {"skip", HNS_T_INT, "let so many pass first", false, NULL, NULL},
    {"times", HNS_T_INT, "then stop so many; default all", false, NULL, NULL},
    {0},
};
static const struct hns_member close_members[] = {
    {"code", HNS_T_INT, "close code", false, NULL, NULL},
    {"reason", HNS_T_TEXT, "text of the frame", false, NULL, NULL},
    {"preset", HNS_T_WORD, "a close that the service is known for", false, NULL,
     (const char *const[]){"expired", "idle", "going-away", "internal", "empty", "cut", NULL}},
    {0},
};
static const struct hns_member close_at_once_members[] = {
    {"code", HNS_T_INT, "close code", true, NULL, NULL},
    {"reason", HNS_T_TEXT, "text of the frame", false, NULL, NULL},
    {0},
};
#define REFUSAL_MEMBERS                                                                            \
    {"content_type", HNS_T_TEXT, "default application/json", false, NULL, NULL},                   \
        {"headers", HNS_T_PAIRS, "further headers of the answer", false, NULL, NULL},              \
    {                                                                                              \
        "unended", HNS_T_BOOL, "nobody says where the body ends, and the connection stays open",   \
            false, NULL, NULL                                                                      \
    }
static const struct hns_member refuse_members[] = {
    {"times", HNS_T_INT, "so many upgrades; default all until acs.accept", false, NULL, NULL},
    {"status", HNS_T_INT, "HTTP status; default 400", false, NULL, NULL},
    {"body", HNS_T_TEXT, "body of the answer", false, NULL, NULL},
    REFUSAL_MEMBERS,
    {"preset", HNS_T_WORD,
     "an exception as {name: text}, `typed:` in an envelope; a page, no body, redirects, another "
     "status, a body without an end, or a 101 for another key",
     false, NULL, acs_refusals},
    {0},
};
static const struct hns_member tcs_close_members[] = {
    {"code", HNS_T_INT, "close code; default 1000", false, NULL, NULL},
    {"reason", HNS_T_TEXT, "text of the frame", false, NULL, NULL},
    {"after", HNS_T_INT, "not now, but each session after so many messages; 0: not any more", false,
     NULL, NULL},
    {0},
};
static const struct hns_member tcs_refuse_members[] = {
    {"times", HNS_T_INT, "so many upgrades; default all until tcs.accept", false, NULL, NULL},
    {"status", HNS_T_INT, "HTTP status; default 400", false, NULL, NULL},
    {"body", HNS_T_TEXT, "body of the answer", false, NULL, NULL},
    REFUSAL_MEMBERS,
    {"preset", HNS_T_WORD, "as of acs.refuse", false, NULL, tcs_refusals},
    {0},
};
static const struct hns_member tcs_acks_members[] = {
    {"acks", HNS_T_WORD, "which messages are acknowledged", true, NULL, acks_words},
    {"nth", HNS_T_INT, "`nth`: this one of each session", false, NULL, NULL},
    {"takes", HNS_T_DURATION, "until an acknowledgement; default 0s", false, NULL, NULL},
    {0},
};
static const struct hns_member update_members[] = {
    {"file", HNS_T_TEXT, "location and signature of this file of the update server", false, NULL,
     NULL},
    {"location", HNS_T_TEXT, "URL of the image", false, NULL, NULL},
    {"signature", HNS_T_TEXT, "its SHA-256 in hex", false, NULL, NULL},
    {0},
};
static const struct hns_member fail_members[] = {
    {"operation", HNS_T_TEXT, "pattern, \"Submit*\"; default all", false, NULL, NULL},
    {"preset", HNS_T_WORD, "the error", true, NULL,
     (const char *const[]){"throttling", "expired", "server", "client", NULL}},
    {"times", HNS_T_INT, "default all", false, NULL, NULL},
    {"after_effect", HNS_T_BOOL, "the operation happens all the same", false, NULL, NULL},
    {"as", HNS_T_TEXT, "name for fault.clear", false, NULL, NULL},
    {0},
};
static const struct hns_member metadata_set[] = {
    {"resource", HNS_T_TEXT, "\"/dynamic/instance-identity/document\"", true, NULL, NULL},
    {"status", HNS_T_INT, "default 200", false, NULL, NULL},
    {"body", HNS_T_TEXT, "left out: as usual again", false, NULL, NULL},
    {0},
};
static const struct hns_member metadata_instance[] = {
    {"id", HNS_T_TEXT, "instance id", true, NULL, NULL},
    {"type", HNS_T_TEXT, "default t2.micro", false, NULL, NULL},
    {0},
};
static const struct hns_member fault_members[] = {
    {"kind", HNS_T_WORD, "what goes wrong", true, NULL, fault_words},
    {"party", HNS_T_WORD, "whose exchanges; default any", false, NULL, party_words},
    {"method", HNS_T_TEXT, "HTTP method", false, NULL, NULL},
    {"what", HNS_T_TEXT,
     "pattern: \"Submit*\", \"Submit*:web\", \"stop:web/app\", \"version:1.17\", "
     "\"PayloadMessage\", a "
     "path",
     false, NULL, NULL},
    {"skip", HNS_T_INT, "let so many pass first", false, NULL, NULL},
    {"times", HNS_T_INT, "then act so often; default always", false, NULL, NULL},
    {"chance", HNS_T_INT, "in 1000, under the seed; default always", false, NULL, NULL},
    {"delay", HNS_T_DURATION, "for delay and delay-answer", false, NULL, NULL},
    {"status", HNS_T_INT, "of status, status-after and garbage; default 500", false, NULL, NULL},
    {"body", HNS_T_TEXT, "for status, status-after, garbage", false, NULL, NULL},
    {"content_type", HNS_T_TEXT, "of the body", false, NULL, NULL},
    {"location", HNS_T_TEXT, "for status and status-after: where a redirect leads", false, NULL,
     NULL},
    {"as", HNS_T_TEXT, "name for fault.clear", false, NULL, NULL},
    {0},
};
static const struct hns_member http_members[] = {
    {"path", HNS_T_TEXT, "path and query", true, NULL, NULL},
    {"port", HNS_T_TEXT, "introspection (default), credentials, or a number", false, NULL, NULL},
    {"method", HNS_T_TEXT, "default GET", false, NULL, NULL},
    {"status", HNS_T_INT, "expected; default 200", false, NULL, NULL},
    {"body", HNS_T_ANY, "expected: a map or list is compared as JSON, text by pattern", false, NULL,
     NULL},
    {"lacks", HNS_T_TEXTS, "texts that are not in the answer", false, NULL, NULL},
    {"within", HNS_T_DURATION, "asked again until it fits; default 0s: once", false, NULL, NULL},
    {"capture", HNS_T_PAIRS, "variable: path in the JSON answer (Tasks.0.Arn)", false, NULL, NULL},
    {0},
};
static const struct hns_member credentials_check_members[] = {
    {"served", HNS_T_BOOL, "and a task that runs gets some; default false", false, NULL, NULL},
    {0},
};
static const struct hns_member log_members[] = {
    {"text", HNS_T_TEXT, "part of the line, or /regular expression/", true, NULL, NULL},
    {"level", HNS_T_WORD, "of this level", false, NULL, level_words},
    {"within", HNS_T_DURATION, "default 10s", false, NULL, NULL},
    {"count", HNS_T_INT, "default 1", false, NULL, NULL},
    {0},
};
static const struct hns_member no_log_members[] = {
    {"text", HNS_T_TEXT, "part of the line, or /regular expression/", true, NULL, NULL},
    {"level", HNS_T_WORD, "of this level", false, NULL, level_words},
    {"more_than", HNS_T_INT, "so many are fine; default 0", false, NULL, NULL},
    {0},
};
static const struct hns_member file_members[] = {
    {"path", HNS_T_TEXT, "inside the data directory unless it begins with /", true, NULL, NULL},
    {"exists", HNS_T_BOOL, "default true", false, NULL, NULL},
    {"contains", HNS_T_TEXT, "text", false, NULL, NULL},
    {"lacks", HNS_T_TEXT, "text", false, NULL, NULL},
    {"bytes_max", HNS_T_INT, "not longer", false, NULL, NULL},
    {"write", HNS_T_TEXT, "write this content instead of looking", false, NULL, NULL},
    {"count", HNS_T_INT, "so many files in the data directory fit `path`, a pattern", false, NULL,
     NULL},
    {"capture", HNS_T_TEXT, "variable that gets the content, without blanks around it", false, NULL,
     NULL},
    {0},
};
static const struct hns_member run_members[] = {
    {"command", HNS_T_TEXTS, "a line for the shell, or a list: a program and its arguments", true,
     NULL, NULL},
    {"code", HNS_T_INT, "expected exit code; default 0", false, NULL, NULL},
    {"output", HNS_T_TEXT, "expected output, without blanks around it", false, NULL, NULL},
    {"within", HNS_T_DURATION, "run again until it fits; default 0s: once", false, NULL, NULL},
    {"takes", HNS_T_DURATION, "the longest that one run may take; default 20s", false, NULL, NULL},
    {"capture", HNS_T_TEXT, "variable that gets the output, without blanks around it", false, NULL,
     NULL},
    {0},
};
static const struct hns_member check_members[] = {
    {"task", HNS_T_TEXT, "with `status`: what ECS accepted last", false, NULL, NULL},
    {"container", HNS_T_TEXT, "with `status` or `state`", false, NULL, NULL},
    {"status", HNS_T_WORD, "status at ECS; NONE = nothing submitted", false, NULL, status_words},
    {"state", HNS_T_WORD, "state at Docker", false, NULL, state_words},
    {"running", HNS_T_INT, "containers running (of `task`, if given)", false, NULL, NULL},
    {"containers", HNS_T_INT, "containers not removed", false, NULL, NULL},
    {"image", HNS_T_TEXT, "is on the machine", false, NULL, NULL},
    {"no_image", HNS_T_TEXT, "is not on the machine", false, NULL, NULL},
    {"event_streams", HNS_T_INT, "open at Docker", false, NULL, NULL},
    {"stats_streams", HNS_T_INT, "open at Docker", false, NULL, NULL},
    {"connected", HNS_T_BOOL, "an ACS session stands", false, NULL, NULL},
    {"sessions", HNS_T_INT, "ACS sessions so far", false, NULL, NULL},
    {"unacknowledged", HNS_T_INT, "ACS messages without ack", false, NULL, NULL},
    {"message", HNS_T_TEXT, "with `acks`: messageId of an ACS message", false, NULL, NULL},
    {"acks", HNS_T_INT, "how often it was acknowledged, refusals counted in", false, NULL, NULL},
    {"instances", HNS_T_INT, "registered instances", false, NULL, NULL},
    {"telemetry", HNS_T_BOOL, "a TCS session stands", false, NULL, NULL},
    {"metrics", HNS_T_ANY,
     "with `task`: its latest metrics, a list of {cpu: {min, max, sum, sampleCount}, memory}; "
     "null: "
     "none came",
     false, NULL, NULL},
    {"capture_metrics", HNS_T_TEXT, "with `task`: variable that gets them, as JSON", false, NULL,
     NULL},
    {"settled", HNS_T_BOOL,
     "every task sent is RUNNING or STOPPED at ECS as its containers and its stop demand, Docker "
     "agrees for each container, and no task stopped without a cause",
     false, NULL, NULL},
    {"agent", HNS_T_WORD, "the agent process", false, NULL,
     (const char *const[]){"running", "ended", NULL}},
    {"body", HNS_T_ANY, "with `container`: part of its create body", false, NULL, NULL},
    {"registration", HNS_T_ANY, "part of the latest registration", false, NULL, NULL},
    {"within", HNS_T_DURATION, "default 0s: now", false, NULL, NULL},
    {0},
};
static const struct hns_member kill_call_members[] = {
    {"nth", HNS_T_INT, "counted from now; default 1, the next", false, NULL, NULL},
    {"call", HNS_T_WORD,
     "count these alone: requests begun; websockets opened, sent on, closed; commits of the state; "
     "calls on other files",
     false, NULL, call_words},
    {0},
};
static const struct hns_member deaths_members[] = {
    {"times", HNS_T_INT, "how often", true, NULL, NULL},
    {"from", HNS_T_DURATION, "at least so long after a start; default 10ms", false, NULL, NULL},
    {"to", HNS_T_DURATION, "at most so long after it; default 1s", false, NULL, NULL},
    {0},
};
static const struct hns_member resources_members[] = {
    {"mark", HNS_T_TEXT, "remember them under this name", false, NULL, NULL},
    {"as_at", HNS_T_TEXT, "they are as at this mark again (FB-INV.5)", false, NULL, NULL},
    {"steady", HNS_T_TEXT,
     "a pattern on marks: no figure's highest of the later half is above that of the earlier half",
     false, NULL, NULL},
    {"more_descriptors", HNS_T_INT,
     "with as_at: so many more or fewer are fine; with steady: more descriptors, tasks, "
     "submissions, timers; default 5",
     false, NULL, NULL},
    {"more_memory_kib", HNS_T_INT, "with as_at, steady: so much more is fine; default 2048", false,
     NULL, NULL},
    {"limit", HNS_T_INT, "the agent gets no more descriptors than this (live)", false, NULL, NULL},
    {"descriptors_max", HNS_T_INT, "never more", false, NULL, NULL},
    {"cpu_percent_max", HNS_T_INT, "of one processor, over `for` (live)", false, NULL, NULL},
    {"for", HNS_T_DURATION, "looked at so long; default 0s", false, NULL, NULL},
    {"within", HNS_T_DURATION, "with as_at; default 10s", false, NULL, NULL},
    {0},
};
static const struct hns_member idle_members[] = {
    {"port", HNS_T_TEXT, "introspection (default), credentials, or a number", false, NULL, NULL},
    {"clients", HNS_T_INT, "that many connect and say nothing", false, NULL, NULL},
    {"left", HNS_T_INT, "so many are still connected", false, NULL, NULL},
    {"within", HNS_T_DURATION, "with left; default 10s", false, NULL, NULL},
    {0},
};
static const struct hns_member repeat_members[] = {
    {"times", HNS_T_INT, "how often", true, NULL, NULL},
    {"as", HNS_T_TEXT, "variable with the number, from 1; default i", false, NULL, NULL},
    {"steps", HNS_T_STEPS, "what", true, NULL, NULL},
    {0},
};
static const struct hns_member exit_wait_members[] = {
    {"within", HNS_T_DURATION, "default 15s", false, NULL, NULL},
    {"code", HNS_T_INT, "expected exit code", false, NULL, NULL},
    {0},
};
static const struct hns_member disk_members[] = {
    {"state", HNS_T_WORD, "commits work, cannot be flushed, find no space, or must not be written",
     false, NULL, disk_words},
    {"times", HNS_T_INT, "so many commits, then fine again; default all", false, NULL, NULL},
    {"takes", HNS_T_DURATION, "duration of each commit (sim)", false, NULL, NULL},
    {0},
};

const struct hns_verb hns_verbs[] = {
    {"acs.send", HNS_T_OBJECT, "a payload with tasks", send_members, "task", false, NULL},
    {"acs.stop_task", HNS_T_OBJECT, "a payload that wants the task STOPPED", stop_members, "task",
     false, NULL},
    {"acs.credentials", HNS_T_OBJECT, "new role credentials for a task", credentials_members,
     "task", false, NULL},
    {"acs.message", HNS_T_OBJECT, "any message", message_members, NULL, false, NULL},
    {"acs.raw", HNS_T_OBJECT, "text or frames outside the protocol", raw_members, "text", false,
     NULL},
    {"acs.close", HNS_T_OBJECT, "close the session", close_members, "preset", true, NULL},
    {"acs.cut", HNS_T_NONE, "end of TCP without a Close frame", NULL, NULL, true, NULL},
    {"acs.refuse", HNS_T_OBJECT, "refuse upgrades", refuse_members, "preset", true, NULL},
    {"acs.accept", HNS_T_NONE, "accept upgrades again, also held ones", NULL, NULL, true, NULL},
    {"acs.hold", HNS_T_NONE, "leave upgrades unanswered until acs.accept", NULL, NULL, true, NULL},
    {"acs.close_at_once", HNS_T_OBJECT,
     "close each new session right after its upgrade; code 0 ends that", close_at_once_members,
     "code", false, NULL},
    {"acs.heartbeats", HNS_T_TEXT, "interval of heartbeats from now on, or off", NULL, NULL, false,
     NULL},
    {"acs.heartbeat", HNS_T_NONE, "one heartbeat now", NULL, NULL, true, NULL},
    {"acs.ping", HNS_T_TEXT, "a ping with this payload", NULL, NULL, true, NULL},
    {"acs.reading", HNS_T_OBJECT, "false: the service stops reading", reading_members, "reading",
     false, NULL},
    {"acs.glue", HNS_T_TEXTS,
     "messages that come in one segment with the answer to the next upgrade", NULL, NULL, false,
     NULL},
    {"acs.resend", HNS_T_DURATION, "repeat unacknowledged messages after this time; 0s = not", NULL,
     NULL, false, NULL},
    {"acs.stage_update", HNS_T_OBJECT, "StageUpdateMessage with id update-<n>", update_members,
     "file", true, NULL},
    {"acs.perform_update", HNS_T_NONE, "PerformUpdateMessage with id update-<n>", NULL, NULL, true,
     NULL},
    {"tcs.close", HNS_T_OBJECT, "close the telemetry session", tcs_close_members, "code", true,
     NULL},
    {"tcs.cut", HNS_T_NONE, "end of TCP without a Close frame", NULL, NULL, true, NULL},
    {"tcs.refuse", HNS_T_OBJECT, "refuse upgrades", tcs_refuse_members, "status", true, NULL},
    {"tcs.accept", HNS_T_NONE, "accept upgrades again, also held ones", NULL, NULL, true, NULL},
    {"tcs.hold", HNS_T_NONE, "leave upgrades unanswered until tcs.accept", NULL, NULL, true, NULL},
    {"tcs.reading", HNS_T_OBJECT, "false: the service stops reading", reading_members, "reading",
     false, NULL},
    {"tcs.acks", HNS_T_OBJECT, "acknowledgements from now on", tcs_acks_members, "acks", false,
     NULL},
    {"tcs.heartbeats", HNS_T_TEXT, "interval of heartbeats from now on, or off", NULL, NULL, false,
     NULL},
    {"tcs.raw", HNS_T_OBJECT, "text or frames outside the protocol", tcs_raw_members, "text", false,
     NULL},
    {"tcs.ping", HNS_T_TEXT, "a ping with this payload", NULL, NULL, true, NULL},
    {"ecr.answer", HNS_T_WORD, "what ECR answers from now on", NULL, NULL, false, ecr_words},
    {"ecr.password", HNS_T_TEXT, "in tokens from now on", NULL, NULL, false, NULL},
    {"updates.file", HNS_T_OBJECT, "add or replace a file of the update server",
     update_file_ref_members, "file", false, NULL},
    {"docker.exit", HNS_T_OBJECT, "a container ends by itself", exit_members, "container", false,
     NULL},
    {"docker.oom", HNS_T_OBJECT, "the kernel kills it for memory", container_ref, "container",
     false, NULL},
    {"docker.kill", HNS_T_OBJECT, "an operator's docker kill", kill_members, "container", false,
     NULL},
    {"docker.stop", HNS_T_OBJECT, "an operator's docker stop", container_ref, "container", false,
     NULL},
    {"docker.remove", HNS_T_OBJECT, "an operator's docker rm -f", container_ref, "container", false,
     NULL},
    {"docker.restart", HNS_T_OBJECT, "an operator's docker restart", container_ref, "container",
     false, NULL},
    {"docker.pause", HNS_T_OBJECT, "docker pause", container_ref, "container", false, NULL},
    {"docker.unpause", HNS_T_OBJECT, "docker unpause", container_ref, "container", false, NULL},
    {"docker.exec", HNS_T_OBJECT, "docker exec", exec_members, "container", false, NULL},
    {"docker.event", HNS_T_OBJECT, "an event out of nothing", event_members, "text", false, NULL},
    {"docker.events", HNS_T_WORD, "what happens to event streams", NULL, NULL, false, stream_words},
    {"docker.end_stats", HNS_T_TEXT, "end the stats streams of a container, or of all", NULL, NULL,
     true, NULL},
    {"docker.down", HNS_T_OBJECT, "the daemon goes away", down_members, "containers", true, NULL},
    {"docker.up", HNS_T_NONE, "the daemon is back", NULL, NULL, true, NULL},
    {"docker.image", HNS_T_OBJECT, "add or replace an image", image_ref_members, "image", false,
     NULL},
    {"docker.remove_image", HNS_T_OBJECT, "an operator's docker rmi -f", remove_image_members,
     "image", false, NULL},
    {"docker.behave", HNS_T_OBJECT, "behaviour of containers from now on", behaviour_members, NULL,
     false, NULL},
    {"docker.version", HNS_T_OBJECT, "another daemon version", version_members, "version", false,
     NULL},
    {"ecs.fail", HNS_T_OBJECT, "operations answer an error", fail_members, "preset", false, NULL},
    {"ecs.deactivate", HNS_T_TEXT, "deregister the instance (default the latest)", NULL, NULL, true,
     NULL},
    {"ecs.endpoint", HNS_T_TEXT, "where agents find ACS from now on; nothing: as at first", NULL,
     NULL, true, NULL},
    {"ecs.cluster", HNS_T_TEXT, "add a cluster", NULL, NULL, false, NULL},
    {"metadata.set", HNS_T_OBJECT, "answer a resource this way", metadata_set, NULL, false, NULL},
    {"metadata.instance", HNS_T_OBJECT, "another machine from now on", metadata_instance, "id",
     false, NULL},
    {"metadata.tokens", HNS_T_WORD, "the token service", NULL, NULL, false, tokens_words},
    {"metadata.key_life", HNS_T_DURATION, "life of role credentials", NULL, NULL, false, NULL},
    {"metadata.rotate", HNS_T_NONE, "new role credentials at the next question", NULL, NULL, true,
     NULL},
    {"fault", HNS_T_OBJECT, "spoil exchanges or messages", fault_members, "kind", false, NULL},
    {"fault.clear", HNS_T_TEXT, "end one fault by name, or all", NULL, NULL, true, NULL},
    {"disk", HNS_T_OBJECT, "the disk of the data directory (sim, wire)", disk_members, "state",
     false, NULL},
    {"clock.step", HNS_T_TEXT, "the time of day jumps by this duration (sign allowed; sim)", NULL,
     NULL, false, NULL},
    {"clock.drift", HNS_T_TEXT,
     "the time of day gains this duration each hour, or loses it (sim, wire); 0s ends that", NULL,
     NULL, false, NULL},
    {"connections", HNS_T_OBJECT,
     "new connections to a party get no further than this (wire, live); fault.clear ends it",
     connections_members, "stop", false, NULL},
    {"freeze", HNS_T_WORD,
     "a pulled cable: connections to this party fall silent without an end; new ones work", NULL,
     NULL, false, party_words},
    {"agent.start", HNS_T_NONE, "start the agent", NULL, NULL, true, NULL},
    {"agent.kill", HNS_T_NONE, "SIGKILL", NULL, NULL, true, NULL},
    {"agent.kill_at", HNS_T_EVENT, "SIGKILL at the next such event", NULL, NULL, false, NULL},
    {"agent.kill_at_call", HNS_T_OBJECT,
     "SIGKILL in place of a call that others notice, before it happens (sim, wire)",
     kill_call_members, "nth", false, NULL},
    {"agent.terminate", HNS_T_OBJECT, "SIGTERM, and wait for the end", exit_wait_members, NULL,
     true, NULL},
    {"agent.restart", HNS_T_NONE, "SIGKILL and start on the same data directory", NULL, NULL, true,
     NULL},
    {"agent.deaths", HNS_T_OBJECT,
     "SIGKILL and start at moments of the seed; the step is over after the last start",
     deaths_members, "times", false, NULL},
    {"agent.ensure", HNS_T_NONE,
     "start the agent unless it runs; a kill_at or kill_at_call that has not come is forgotten",
     NULL, NULL, true, NULL},
    {"agent.binary", HNS_T_TEXT,
     "the program of the next start (live): a path, or `ours`; the data directory stays", NULL,
     NULL, false, NULL},
    {"agent.env", HNS_T_PAIRS, "environment at the next start; null removes", NULL, NULL, false,
     NULL},
    {"agent.record", HNS_T_WORD,
     "switch its flight recording; on replaces its core by a new one on the same state", NULL, NULL,
     false, switch_words},
    {"run", HNS_T_OBJECT, "a program of this machine (live)", run_members, "command", false, NULL},
    {"advance", HNS_T_DURATION, "let time pass (virtual time jumps)", NULL, NULL, false, NULL},
    {"expect", HNS_T_EVENT, "an event must come", NULL, NULL, false, NULL},
    {"expect.any_order", HNS_T_EVENTS, "all of these must come, in any order", NULL, NULL, false,
     NULL},
    {"expect.at_most", HNS_T_EVENT, "not more than `count` such events so far", NULL, NULL, false,
     NULL},
    {"quiet", HNS_T_EVENT, "no such event may come for a while", NULL, NULL, false, NULL},
    {"credentials.check", HNS_T_OBJECT,
     "every task with role credentials gets its own under its id, or none; none once it is STOPPED",
     credentials_check_members, NULL, true, NULL},
    {"http", HNS_T_OBJECT, "ask a local endpoint of the agent", http_members, "path", false, NULL},
    {"http.idle", HNS_T_OBJECT, "silent clients of a local endpoint (live)", idle_members, NULL,
     false, NULL},
    {"log", HNS_T_OBJECT, "the agent logs such a line", log_members, "text", false, NULL},
    {"log.none", HNS_T_OBJECT, "the agent has logged no such line so far", no_log_members, "text",
     false, NULL},
    {"file", HNS_T_OBJECT, "look at a file", file_members, "path", false, NULL},
    {"check", HNS_T_OBJECT, "ask the fakes how things stand", check_members, NULL, false, NULL},
    {"resources", HNS_T_OBJECT,
     "descriptors, threads and memory of the agent (sim: its open "
     "requests and sessions)",
     resources_members, NULL, false, NULL},
    {"repeat", HNS_T_OBJECT, "steps several times", repeat_members, NULL, false, NULL},
    {"parallel", HNS_T_BRANCHES, "lists of steps side by side", NULL, NULL, false, NULL},
    {"include", HNS_T_TEXT, "the steps of another file", NULL, NULL, false, NULL},
    {"set", HNS_T_PAIRS, "variables", NULL, NULL, false, NULL},
    {"say", HNS_T_TEXT, "a line on the timeline", NULL, NULL, false, NULL},
    {0},
};

const struct hns_event_def hns_events[] = {
    {FAKE_LANE_ACS, "connect",
     "session sendCredentials seqNum clusterArn dockerVersion agentVersion",
     "an upgrade was accepted"},
    {FAKE_LANE_ACS, "refused", "status", "an upgrade was refused"},
    {FAKE_LANE_ACS, "sent", "type messageId", "a message to the agent (no heartbeats)"},
    {FAKE_LANE_ACS, "ack", "messageId", "payload or update acknowledged"},
    {FAKE_LANE_ACS, "nack", "messageId reason", "message refused by the agent"},
    {FAKE_LANE_ACS, "credentials-ack", "messageId credentialsId", "credentials acknowledged"},
    {FAKE_LANE_ACS, "heartbeat-ack", "messageId", "a heartbeat with an id acknowledged"},
    {FAKE_LANE_ACS, "closed", "session code reason", "session over; code 0 = no Close frame"},
    {FAKE_LANE_ACS, "ping", "payload", "a ping to the agent"},
    {FAKE_LANE_ACS, "pong", "payload", "its answer"},
    {FAKE_LANE_TCS, "connect", "session cluster containerInstance", "an upgrade was accepted"},
    {FAKE_LANE_TCS, "refused", "status", "an upgrade was refused"},
    {FAKE_LANE_TCS, "metrics", "session cycle idle fin frames taskCount names tasks",
     "a message of a cycle; names: its tasks, separated by blanks; frames: if more than one"},
    {FAKE_LANE_TCS, "ping", "payload", "a ping to the agent"},
    {FAKE_LANE_TCS, "pong", "payload", "its answer"},
    {FAKE_LANE_TCS, "sent", "type", "a message to the agent (no acks, no heartbeats)"},
    {FAKE_LANE_TCS, "closed", "session code reason", "session over; code 0 = no Close frame"},
    {FAKE_LANE_ECS, "CreateCluster", "cluster", "cluster created"},
    {FAKE_LANE_ECS, "RegisterContainerInstance", "cluster instance new", "registered"},
    {FAKE_LANE_ECS, "DiscoverPollEndpoint", "cluster instance", "endpoints asked for"},
    {FAKE_LANE_ECS, "SubmitTaskStateChange", "task status reason", "accepted; short: task RUNNING"},
    {FAKE_LANE_ECS, "SubmitContainerStateChange", "task container status exitCode reason bindings",
     "accepted; short: container STOPPED"},
    {FAKE_LANE_ECS, "*.failed", "http type message task container status",
     "an operation failed; http 0 = no answer"},
    {FAKE_LANE_ECR, "GetAuthorizationToken", "registryId", "a token was given"},
    {FAKE_LANE_ECR, "*.failed", "http type", "a call failed"},
    {FAKE_LANE_DOCKER, "pull", "image api", "asked: pull (api, here and below: verbose)"},
    {FAKE_LANE_DOCKER, "import", "image api", "asked: import of the empty image"},
    {FAKE_LANE_DOCKER, "create", "container name image api", "asked: create"},
    {FAKE_LANE_DOCKER, "start", "container api", "asked: start"},
    {FAKE_LANE_DOCKER, "stop", "container timeout api", "asked: stop"},
    {FAKE_LANE_DOCKER, "kill", "container signal api", "asked: kill"},
    {FAKE_LANE_DOCKER, "pause", "container api", "asked: pause"},
    {FAKE_LANE_DOCKER, "unpause", "container api", "asked: unpause"},
    {FAKE_LANE_DOCKER, "remove", "container api", "asked: remove"},
    {FAKE_LANE_DOCKER, "image-remove", "image api", "asked: remove an image"},
    {FAKE_LANE_DOCKER, "image-inspect", "image api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "image-list", "api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "inspect", "container api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "list", "api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "events", "api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "stats", "container stream api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "version", "api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "ping", "api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "info", "api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "other", "api", "asked (verbose)"},
    {FAKE_LANE_DOCKER, "*.failed", "container image status message api",
     "a call failed; status 0 = no answer reached the agent"},
    {FAKE_LANE_DOCKER, "created", "container", "fact"},
    {FAKE_LANE_DOCKER, "running", "container ports", "fact"},
    {FAKE_LANE_DOCKER, "exited", "container exitCode oom", "fact"},
    {FAKE_LANE_DOCKER, "paused", "container", "fact"},
    {FAKE_LANE_DOCKER, "unpaused", "container", "fact"},
    {FAKE_LANE_DOCKER, "removed", "container", "fact"},
    {FAKE_LANE_DOCKER, "image-added", "image", "fact"},
    {FAKE_LANE_DOCKER, "image-removed", "image", "fact"},
    {FAKE_LANE_DOCKER, "daemon-down", "", "fact"},
    {FAKE_LANE_DOCKER, "daemon-up", "", "fact"},
    {FAKE_LANE_METADATA, "get", "path status", "a resource was asked for"},
    {FAKE_LANE_METADATA, "token", "status", "a token was asked for"},
    {FAKE_LANE_UPDATES, "get", "path", "a file was asked for"},
    {FAKE_LANE_UPDATES, "answered", "path status", "that is over; status 0 = no answer"},
    {FAKE_LANE_AGENT, "start", "life", "the agent is started; life counts from 1"},
    {FAKE_LANE_AGENT, "killed", "", "SIGKILL"},
    {FAKE_LANE_AGENT, "terminate", "", "SIGTERM"},
    {FAKE_LANE_AGENT, "exit", "code", "the agent ended"},
    {FAKE_LANE_AGENT, "log", "level text", "a log line of level warn and above"},
    {FAKE_LANE_AGENT, "resources",
     "mark descriptors memoryKiB threads totalKiB cpuMs tasks watched submissions timers",
     "what the agent holds at a mark (live: its process; the last four: sim)"},
    {FAKE_LANE_AGENT, "credentials", "task status", "credentials.check has asked: served or none"},
    {FAKE_LANE_AGENT, "http", "path status", "a local endpoint answered the scenario"},
    {FAKE_LANE_SCENARIO, "step", "verb at", "a step that acts"},
    {FAKE_LANE_SCENARIO, "say", "text", "a remark of the scenario"},
    {FAKE_LANE_SCENARIO, "fault", "kind party what", "a fault acted"},
    {FAKE_LANE_SCENARIO, "failed", "text", "the last event of a run that failed"},
    {0},
};

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

const char *hns_event_alias(enum fake_lane lane, const char *name, const char **ret_status)
{
    if (lane != FAKE_LANE_ECS) {
        return NULL;
    }
    if (strncmp(name, "task ", 5) == 0) {
        *ret_status = name + 5;
        return "SubmitTaskStateChange";
    }
    if (strncmp(name, "container ", 10) == 0) {
        *ret_status = name + 10;
        return "SubmitContainerStateChange";
    }
    return NULL;
}

/* The rest of a message is free; every lane may report a violation. */
static const struct hns_event_def violation = {FAKE_LANE_SCENARIO, "violation", "rule detail",
                                               "a peer broke its protocol"};

const struct hns_event_def *hns_event_find(enum fake_lane lane, const char *name)
{
    size_t len = strlen(name);

    if (strcmp(name, violation.name) == 0) {
        return &violation;
    }
    for (const struct hns_event_def *def = hns_events; def->name != NULL; def++) {
        if (def->lane != lane) {
            continue;
        }
        if (strcmp(def->name, name) == 0 ||
            (def->name[0] == '*' && len > strlen(def->name + 1) &&
             strcmp(name + len - strlen(def->name + 1), def->name + 1) == 0)) {
            return def;
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

#include "harness/scenario/grammar_inside.h"

static const char *const party_words[] = {"acs", "ecs", "docker",  "metadata",
                                          "tcs", "ecr", "updates", NULL};
static const char *const fault_words[] = {
    "delay",    "delay-answer", "hang",         "hang-answer", "refuse",    "reset", "reset-answer",
    "cut-body", "status",       "status-after", "garbage",     "duplicate", "drop",  NULL};
static const char *const fate_words[] = {"live", "stopped", "gone", NULL};
static const char *const stream_words[] = {"mute", "unmute", "hold", "release", "release-reversed",
                                           "end",  "reset",  NULL};
static const char *const level_words[] = {"debug", "info", "warn", "error", "critical", NULL};
static const char *const status_words[] = {"NONE", "CREATED", "RUNNING", "STOPPED", NULL};
static const char *const state_words[] = {"none", "created", "running", "paused", "exited", NULL};
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

const struct hns_member hns_step_members[] = {
    {"modes", HNS_T_WORDS, "the step is left out in other modes", false, NULL, hns_mode_words},
    {"real_docker", HNS_T_BOOL,
     "the step is for a real Docker daemon only, or for the fake one only", false, NULL, NULL},
    {"note", HNS_T_TEXT, "shown on the timeline", false, NULL, NULL},
    {0},
};

const struct hns_member hns_expect_members[] = {
    {"within", HNS_T_DURATION, "default 10s", false, NULL, NULL},
    {"count", HNS_T_INT, "so many such events; default 1", false, NULL, NULL},
    {"since", HNS_T_WORD,
     "where to look from: `match` (default): behind the last match of this lane; `last`: behind "
     "the "
     "last match of any lane, so in order across parties; `now`; `start` of the run",
     false, NULL, (const char *const[]){"match", "last", "now", "start", NULL}},
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
    {"body", HNS_T_FIT, "expected: a map or list is compared as JSON, text by pattern", false, NULL,
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
    {"text", HNS_T_PATTERN, "part of the line", true, NULL, NULL},
    {"level", HNS_T_WORD, "of this level", false, NULL, level_words},
    {"within", HNS_T_DURATION, "default 10s", false, NULL, NULL},
    {"count", HNS_T_INT, "default 1", false, NULL, NULL},
    {0},
};
static const struct hns_member no_log_members[] = {
    {"text", HNS_T_PATTERN, "part of the line", true, NULL, NULL},
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
    {"output", HNS_T_PATTERN, "expected output, without blanks around it", false, NULL, NULL},
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
    {"metrics", HNS_T_FIT,
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
    {"body", HNS_T_FIT, "with `container`: part of its create body", false, NULL, NULL},
    {"registration", HNS_T_FIT, "part of the latest registration", false, NULL, NULL},
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
    {"acs.send", HNS_T_OBJECT, "a payload with tasks", hns_send_members, "task", false, NULL},
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
    {"ecr.answer", HNS_T_WORD, "what ECR answers from now on", NULL, NULL, false, hns_ecr_words},
    {"ecr.password", HNS_T_TEXT, "in tokens from now on", NULL, NULL, false, NULL},
    {"updates.file", HNS_T_OBJECT, "add or replace a file of the update server",
     hns_update_file_ref_members, "file", false, NULL},
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
    {"docker.image", HNS_T_OBJECT, "add or replace an image", hns_image_ref_members, "image", false,
     NULL},
    {"docker.remove_image", HNS_T_OBJECT, "an operator's docker rmi -f", remove_image_members,
     "image", false, NULL},
    {"docker.behave", HNS_T_OBJECT, "behaviour of containers from now on", hns_behaviour_members,
     NULL, false, NULL},
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
    {"metadata.tokens", HNS_T_WORD, "the token service", NULL, NULL, false, hns_tokens_words},
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
    {"eventually", HNS_T_EVENT,
     "an event must come, however long it takes: expect with `within` of `limits.eventually`", NULL,
     NULL, false, NULL},
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

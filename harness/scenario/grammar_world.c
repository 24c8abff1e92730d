#include "harness/scenario/grammar_inside.h"

const char *const hns_mode_words[] = {"sim", "wire", "live", NULL};
const char *const hns_tokens_words[] = {"on", "required", "off", "silent", NULL};
const char *const hns_ecr_words[] = {"one",        "none",      "two", "no-colon",
                                     "not-base64", "no-expiry", NULL};
static const char *const events_words[] = {"by-version", "both", "old", "new", NULL};
static const char *const world_acks[] = {"all", "none", "once", NULL};

static const struct hns_member docker_world[] = {
    {"version", HNS_T_TEXT, "default 1.12.6", false, NULL, NULL},
    {"api", HNS_T_TEXT, "highest API version; default 1.24", false, NULL, NULL},
    {"min_api", HNS_T_TEXT, "lowest API version; default 1.12", false, NULL, NULL},
    {"events", HNS_T_WORD, "form of event messages; default by-version", false, NULL, events_words},
    {"images", HNS_T_NAMED, "what the registry has; names or a map of names", false,
     hns_image_members, NULL},
    {"only_listed", HNS_T_BOOL, "other images are not in the registry; default false", false, NULL,
     NULL},
    {"any_value", HNS_T_BOOL, "no value of a create is refused; default false", false, NULL, NULL},
    {"inspected", HNS_T_TEXT,
     "a file with inspect answers, relative to the scenario: containers from before", false, NULL,
     NULL},
    {"containers", HNS_T_OBJECTS, "behaviours; of several that fit the last counts", false,
     hns_behaviour_members, NULL},
    {"verbose", HNS_T_BOOL, "inspect, list and the like in the trace", false, NULL, NULL},
    {"down", HNS_T_BOOL, "not there when the agent starts", false, NULL, NULL},
    {0},
};
static const struct hns_member metadata_world[] = {
    {"tokens", HNS_T_WORD, "the token service (version 2)", false, NULL, hns_tokens_words},
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
    {"answer", HNS_T_WORD, "default one: a token as it should be", false, NULL, hns_ecr_words},
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
     false, hns_update_file_members, NULL},
    {"tasks", HNS_T_NAMED, "tasks that steps name", false, hns_task_members, NULL},
    {0},
};
static const struct hns_member limit_members[] = {
    {"time", HNS_T_DURATION, "virtual (live: real) time of the run; default 48h", false, NULL,
     NULL},
    {"eventually", HNS_T_DURATION,
     "what `eventually` waits at most; default 30m, where time is real 60s", false, NULL, NULL},
    {"events", HNS_T_INT, "events of the run; default 200000", false, NULL, NULL},
    {0},
};

const struct hns_member hns_file_members[] = {
    {"name", HNS_T_TEXT, "one sentence: what is so", true, NULL, NULL},
    {"note", HNS_T_TEXT, "anything the reader should know", false, NULL, NULL},
    {"covers", HNS_T_TEXTS, "requirement IDs", false, NULL, NULL},
    {"modes", HNS_T_WORDS, "where it can run; default everywhere", false, NULL, hns_mode_words},
    {"only", HNS_T_WORD, "the one mode where it can run", false, NULL, hns_mode_words},
    {"reason", HNS_T_TEXT, "why `modes` or `only`", false, NULL, NULL},
    {"real_docker", HNS_T_WORD, "fit for --docker real, or for nothing else; default false", false,
     NULL, (const char *const[]){"true", "false", "only", NULL}},
    {"reference", HNS_T_TEXT, "the known defect that agent v1.13.1 fails on here", false, NULL,
     NULL},
    {"limits", HNS_T_OBJECT, "ends a run that does not end", false, limit_members, NULL},
    {"matrix", HNS_T_LISTS, "run once per combination, as ${name}", false, NULL, NULL},
    {"given", HNS_T_PAIRS, "variables that the command line gives (--set): name: what it is", false,
     NULL, NULL},
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

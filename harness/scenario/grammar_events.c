#include "harness/scenario/grammar.h"

#include <string.h>

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

#include "harness/explore/sometimes.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"

#define OPEN_MAX 64 /* of one window at a time; more are not followed */
#define SOON_NS UINT64_C(2000000)

/* An event: lane, name (a trailing '*' stands for anything), and a part of its fields or NULL. */
struct pattern {
    enum fake_lane lane;
    const char *name, *part;
};

/* A time that begins with one event and ends with another that has the same value of `key`. */
enum window {
    ALWAYS,
    CREATING,
    STARTING,
    STOPPING,
    REMOVING,
    PULLING,
    IMAGE_REMOVING,
    PAYLOAD_OPEN,
    CREDENTIALS_OPEN,
    AGENT_AWAY,
    NOT_CONNECTED,
    DAEMON_AWAY,
    SAVE_FAILS,
    JUST_ACKED,
    JUST_REPORTED,
    DOWNLOADING,
    ENDPOINT_WRONG,
    WINDOWS,
};

static const struct {
    struct pattern begin, end[3];
    const char *key;  /* NULL: one at a time */
    uint64_t ends_ns; /* by itself; 0 = not */
} windows[WINDOWS] = {
    [CREATING] = {{FAKE_LANE_DOCKER, "create", NULL}, {{0}}, NULL, SOON_NS},
    [STARTING] = {{FAKE_LANE_DOCKER, "start", NULL},
                  {{FAKE_LANE_DOCKER, "running", NULL}, {FAKE_LANE_DOCKER, "start.failed", NULL}},
                  "container",
                  0},
    [STOPPING] = {{FAKE_LANE_DOCKER, "stop", NULL},
                  {{FAKE_LANE_DOCKER, "exited", NULL}, {FAKE_LANE_DOCKER, "stop.failed", NULL}},
                  "container",
                  0},
    [REMOVING] = {{FAKE_LANE_DOCKER, "remove", NULL}, {{0}}, NULL, SOON_NS},
    [PULLING] = {{FAKE_LANE_DOCKER, "pull", NULL},
                 {{FAKE_LANE_DOCKER, "image-added", NULL}, {FAKE_LANE_DOCKER, "pull.failed", NULL}},
                 "image",
                 UINT64_C(60) * 1000000000},
    [IMAGE_REMOVING] = {{FAKE_LANE_DOCKER, "image-remove", NULL}, {{0}}, NULL, 500 * SOON_NS},
    [PAYLOAD_OPEN] = {{FAKE_LANE_ACS, "sent", "\"PayloadMessage\""},
                      {{FAKE_LANE_ACS, "ack", NULL}},
                      "messageId",
                      0},
    [CREDENTIALS_OPEN] = {{FAKE_LANE_ACS, "sent", "\"IAMRoleCredentialsMessage\""},
                          {{FAKE_LANE_ACS, "credentials-ack", NULL}},
                          "messageId",
                          0},
    [AGENT_AWAY] = {{FAKE_LANE_AGENT, "killed", NULL}, {{FAKE_LANE_AGENT, "start", NULL}}, NULL, 0},
    [NOT_CONNECTED] = {{FAKE_LANE_AGENT, "start", NULL},
                       {{FAKE_LANE_ACS, "connect", NULL}},
                       NULL,
                       0},
    [DAEMON_AWAY] = {{FAKE_LANE_DOCKER, "daemon-down", NULL},
                     {{FAKE_LANE_DOCKER, "daemon-up", NULL}},
                     NULL,
                     0},
    [SAVE_FAILS] = {{FAKE_LANE_AGENT, "log", "Could not save the state"},
                    {{FAKE_LANE_ACS, "ack", NULL}, {FAKE_LANE_AGENT, "start", NULL}},
                    NULL,
                    0},
    [JUST_ACKED] = {{FAKE_LANE_ACS, "ack", NULL}, {{0}}, NULL, SOON_NS},
    [JUST_REPORTED] = {{FAKE_LANE_ECS, "Submit*", "\"status\""}, {{0}}, NULL, SOON_NS},
    [DOWNLOADING] = {{FAKE_LANE_UPDATES, "get", NULL},
                     {{FAKE_LANE_UPDATES, "answered", NULL}},
                     NULL,
                     0},
    [ENDPOINT_WRONG] = {{FAKE_LANE_SCENARIO, "say", "ACS moves"},
                        {{FAKE_LANE_SCENARIO, "say", NULL}},
                        NULL,
                        0},
};

#define KILLED                                                                                     \
    {                                                                                              \
        FAKE_LANE_AGENT, "killed", NULL                                                            \
    }
#define FAULT(part)                                                                                \
    {                                                                                              \
        FAKE_LANE_SCENARIO, "fault", part                                                          \
    }
#define DOCKER_FAULT(kind, what)                                                                   \
    FAULT("\"kind\":\"" kind "\",\"party\":\"docker\",\"what\":\"" what)

static const struct {
    const char *name;
    struct pattern event;
    enum window within;
} situations[] = {
    {"killed while a create is under way", KILLED, CREATING},
    {"killed while a start is under way", KILLED, STARTING},
    {"killed while a stop is under way", KILLED, STOPPING},
    {"killed while a pull is under way", KILLED, PULLING},
    {"killed while a removal is under way", KILLED, REMOVING},
    {"killed between a payload and its acknowledgement", KILLED, PAYLOAD_OPEN},
    {"killed right after an acknowledgement", KILLED, JUST_ACKED},
    {"killed before the answer to a submission", KILLED, JUST_REPORTED},
    {"killed before ACS was reached", KILLED, NOT_CONNECTED},
    {"killed while Docker is away", KILLED, DAEMON_AWAY},
    {"killed while the state cannot be saved", KILLED, SAVE_FAILS},
    {"killed during a download", KILLED, DOWNLOADING},
    {"a container ends while the agent is away", {FAKE_LANE_DOCKER, "exited", NULL}, AGENT_AWAY},
    {"a container starts while the agent is away", {FAKE_LANE_DOCKER, "running", NULL}, AGENT_AWAY},
    {"Docker is not there when the agent starts", {FAKE_LANE_AGENT, "start", NULL}, DAEMON_AWAY},
    {"a container ends while Docker is away", {FAKE_LANE_DOCKER, "exited", NULL}, DAEMON_AWAY},
    {"Docker goes away during a pull", {FAKE_LANE_DOCKER, "daemon-down", NULL}, PULLING},
    {"Docker goes away during a stop", {FAKE_LANE_DOCKER, "daemon-down", NULL}, STOPPING},
    {"terminated in order", {FAKE_LANE_AGENT, "terminate", NULL}, ALWAYS},
    {"terminated during a pull", {FAKE_LANE_AGENT, "terminate", NULL}, PULLING},
    {"create: answer lost", DOCKER_FAULT("reset-answer", "create"), ALWAYS},
    {"start: answer lost", DOCKER_FAULT("reset-answer", "start"), ALWAYS},
    {"stop: answer lost", DOCKER_FAULT("reset-answer", "stop"), ALWAYS},
    {"inspect: answer lost", DOCKER_FAULT("reset-answer", "inspect"), ALWAYS},
    {"remove: answer lost", DOCKER_FAULT("reset-answer", "remove"), ALWAYS},
    {"pull: answer lost", DOCKER_FAULT("reset-answer", "pull"), ALWAYS},
    {"list: answer lost", DOCKER_FAULT("reset-answer", "list"), ALWAYS},
    {"image removal: answer lost", DOCKER_FAULT("reset-answer", "image-remove"), ALWAYS},
    {"create: hangs", DOCKER_FAULT("hang", "create"), ALWAYS},
    {"start: hangs", DOCKER_FAULT("hang", "start"), ALWAYS},
    {"stop: hangs", DOCKER_FAULT("hang", "stop"), ALWAYS},
    {"inspect: hangs", DOCKER_FAULT("hang", "inspect"), ALWAYS},
    {"create: done, no answer", DOCKER_FAULT("hang-answer", "create"), ALWAYS},
    {"start: done, no answer", DOCKER_FAULT("hang-answer", "start"), ALWAYS},
    {"stop: fails", {FAKE_LANE_DOCKER, "stop.failed", NULL}, ALWAYS},
    {"a stop was not enough", {FAKE_LANE_DOCKER, "kill", NULL}, ALWAYS},
    {"a start fails", {FAKE_LANE_DOCKER, "start.failed", NULL}, ALWAYS},
    {"create: garbage in the answer", DOCKER_FAULT("garbage", "create"), ALWAYS},
    {"inspect: half an answer", DOCKER_FAULT("cut-body", "inspect"), ALWAYS},
    {"an event of an end is lost", DOCKER_FAULT("drop", "event:die"), ALWAYS},
    {"an event of an end is late", DOCKER_FAULT("delay", "event:die"), ALWAYS},
    {"an event comes twice", DOCKER_FAULT("duplicate", "event:"), ALWAYS},
    {"a container dies for lack of memory", {FAKE_LANE_DOCKER, "exited", "\"oom\":true"}, ALWAYS},
    {"a submission fails", {FAKE_LANE_ECS, "Submit*.failed", NULL}, ALWAYS},
    {"a submission is throttled", {FAKE_LANE_ECS, "Submit*.failed", "Throttling"}, ALWAYS},
    {"a submission fails while the agent has not reached ACS",
     {FAKE_LANE_ECS, "Submit*.failed", NULL},
     NOT_CONNECTED},
    {"a message is refused", {FAKE_LANE_ACS, "nack", NULL}, ALWAYS},
    {"a payload comes while the state cannot be saved",
     {FAKE_LANE_ACS, "sent", "\"PayloadMessage\""},
     SAVE_FAILS},
    {"ACS ends while a payload is open", {FAKE_LANE_ACS, "closed", NULL}, PAYLOAD_OPEN},
    {"ACS refuses", {FAKE_LANE_ACS, "refused", NULL}, ALWAYS},
    {"keys are rotated while they are asked for",
     {FAKE_LANE_AGENT, "credentials", NULL},
     CREDENTIALS_OPEN},
    {"keys are handed out", {FAKE_LANE_AGENT, "credentials", "\"served\""}, ALWAYS},
    {"keys are asked for when there are none",
     {FAKE_LANE_AGENT, "credentials", "\"none\""},
     ALWAYS},
    {"the instance's keys change", {FAKE_LANE_SCENARIO, "step", "metadata.rotate"}, ALWAYS},
    {"metadata does not answer", FAULT("\"party\":\"metadata\""), NOT_CONNECTED},
    {"telemetry refuses", {FAKE_LANE_TCS, "refused", NULL}, ALWAYS},
    {"an image is removed", {FAKE_LANE_DOCKER, "image-remove", NULL}, ALWAYS},
    {"a pull begins as an image is removed", {FAKE_LANE_DOCKER, "pull", NULL}, IMAGE_REMOVING},
    {"a task is cleaned up", {FAKE_LANE_DOCKER, "remove", NULL}, ALWAYS},
    {"an update is downloaded", {FAKE_LANE_UPDATES, "answered", "\"status\":200"}, ALWAYS},
    {"an update is performed", {FAKE_LANE_AGENT, "exit", "\"code\":42"}, ALWAYS},
    {"the clock is stepped", {FAKE_LANE_SCENARIO, "step", "clock.step"}, ALWAYS},
    {"the clock is stepped while a payload is open",
     {FAKE_LANE_SCENARIO, "step", "clock.step"},
     PAYLOAD_OPEN},
    {"endpoints are asked for again",
     {FAKE_LANE_ECS, "DiscoverPollEndpoint", NULL},
     ENDPOINT_WRONG},
};
#define SITUATIONS (sizeof(situations) / sizeof(situations[0]))
_Static_assert(SITUATIONS <= HNS_SOMETIMES_MAX, "struct hns_reached is too small");

struct span {
    char *key; /* owned */
    uint64_t since_ns;
};

struct hns_sometimes {
    struct hns_reached reached;
    struct span open[WINDOWS][OPEN_MAX];
    size_t open_count[WINDOWS];
};

/* Name glob with at most one '*'. */
static bool name_fits(const char *pattern, const char *name)
{
    const char *star = strchr(pattern, '*');
    size_t head, tail, len;

    if (star == NULL) {
        return strcmp(pattern, name) == 0;
    }
    head = (size_t)(star - pattern);
    tail = strlen(star + 1);
    len = strlen(name);
    return len >= head + tail && strncmp(pattern, name, head) == 0 &&
           strcmp(name + len - tail, star + 1) == 0;
}

static bool fits(const struct pattern *pattern, const struct fake_event *event)
{
    return pattern->name != NULL && pattern->lane == event->lane &&
           name_fits(pattern->name, event->name) &&
           (pattern->part == NULL || strstr(event->fields, pattern->part) != NULL);
}

/* The text member `key` of the fields, owned; "" without. */
static char *key_of(const char *key, const struct fake_event *event)
{
    eca_auto_free char *prefix = eca_xasprintf("\"%s\":\"", key == NULL ? "" : key);
    const char *at = key == NULL ? NULL : strstr(event->fields, prefix);

    if (at == NULL) {
        return eca_xstrdup("");
    }
    at += strlen(prefix);
    return eca_xstrndup(at, strcspn(at, "\""));
}

static void drop(struct hns_sometimes *sometimes, size_t window, size_t index)
{
    struct span *spans = sometimes->open[window];

    eca_free(spans[index].key);
    spans[index] = spans[--sometimes->open_count[window]];
}

static void follow(struct hns_sometimes *sometimes, size_t window, const struct fake_event *event)
{
    bool begins = fits(&windows[window].begin, event), ends = false;
    eca_auto_free char *key = NULL;

    for (size_t i = 0; i < 3 && !begins; i++) {
        ends = ends || fits(&windows[window].end[i], event);
    }
    if (!begins && !ends) {
        return;
    }
    key = key_of(windows[window].key, event);
    for (size_t i = sometimes->open_count[window]; i > 0; i--) {
        if (strcmp(sometimes->open[window][i - 1].key, key) == 0) {
            drop(sometimes, window, i - 1);
        }
    }
    if (begins && sometimes->open_count[window] < OPEN_MAX) {
        sometimes->open[window][sometimes->open_count[window]++] =
            (struct span){eca_take(key), event->at_ns};
    }
}

static bool is_open(struct hns_sometimes *sometimes, size_t window, uint64_t now_ns)
{
    if (window == ALWAYS) {
        return true;
    }
    for (size_t i = sometimes->open_count[window]; i > 0; i--) {
        if (windows[window].ends_ns != 0 &&
            now_ns - sometimes->open[window][i - 1].since_ns > windows[window].ends_ns) {
            drop(sometimes, window, i - 1);
        }
    }
    return sometimes->open_count[window] > 0;
}

struct hns_sometimes *hns_sometimes_new(void)
{
    return eca_xalloc(sizeof(struct hns_sometimes));
}

void hns_sometimes_free(struct hns_sometimes *sometimes)
{
    for (size_t i = 0; sometimes != NULL && i < WINDOWS; i++) {
        while (sometimes->open_count[i] > 0) {
            drop(sometimes, i, 0);
        }
    }
    eca_free(sometimes);
}

void hns_sometimes_event(void *arg, const struct fake_event *event)
{
    struct hns_sometimes *sometimes = arg;

    for (unsigned i = 0; i < SITUATIONS; i++) {
        if (fits(&situations[i].event, event) &&
            is_open(sometimes, situations[i].within, event->at_ns)) {
            sometimes->reached.bits[i / 64] |= UINT64_C(1) << i % 64;
        }
    }
    for (size_t i = ALWAYS + 1; i < WINDOWS; i++) {
        follow(sometimes, i, event);
    }
}

struct hns_reached hns_sometimes_reached(const struct hns_sometimes *sometimes)
{
    return sometimes->reached;
}

unsigned hns_sometimes_count(void)
{
    return SITUATIONS;
}

const char *hns_sometimes_name(unsigned index)
{
    assert(index < SITUATIONS);
    return situations[index].name;
}

bool hns_has_reached(const struct hns_reached *reached, unsigned index)
{
    return (reached->bits[index / 64] >> index % 64 & 1) != 0;
}
